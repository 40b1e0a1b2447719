"""Any data set of classified images that torchvision knows by the name of its class, downloaded where that can be."""

import difflib
import inspect
import numbers
from http.client import HTTPException
from importlib.util import find_spec

import numpy as np

from drillcore.base.errors import InputError, disk_full
from stages.rig.base.command import progress
from stages.rig.sources.archives import archives
from stages.rig.sources.blocks import chosen
from stages.rig.sources.dataset import HELD_OUT, Dataset, hold_out
from stages.rig.sources.images import Stack, scaled

RESERVED = ("self", "root", "train", "download", "transform", "target_transform", "transforms", "loader")
"""Arguments of torchvision's constructors that are not the user's to set."""

OTHER_TASKS = (
    *("Cityscapes", "CocoCaptions", "CocoDetection", "DatasetFolder", "Flickr30k", "Flickr8k", "HMDB51", "ImageFolder"),
    *("Kinetics", "Kitti", "LFWPairs", "MovingMNIST", "PhotoTour", "SBDataset", "SBU", "UCF101", "VOCDetection"),
    *("VOCSegmentation", "VisionDataset", "WIDERFace"),
)
"""Refused before gigabytes are downloaded; what else holds no classified images is known by its first item."""


def load_full(name, raw):
    """Return the study's data set `name`, mnist or cifar10, whole as a `Dataset`, in its own order."""
    dataset = load_torchvision(name, name.upper(), raw)
    return dataset._replace(source=f"full: {name.upper()} by torchvision")


def load_torchvision(name, kind, raw, arguments=None, size=None):
    """Return the data set of torchvision's class `kind` as a `Dataset`; what the folder `raw` lacks of it is downloaded.

    Images are scaled to cover `size` (height, width) and cropped where it is given. Where the class does not part
    training from testing, a fifth of every class is for testing, chosen at random, the same every time.

    Raises
    ------
    InputError
        If there is no such class, or no torchvision, its `arguments` are wrong, an archive is neither in `raw` nor to be
        had from its URLs, or it holds anything but images with a class each.
    """
    kind, arguments = find_class(name, kind), arguments or {}
    check_arguments(name, kind, arguments)
    with archives(name, raw) as found:
        parts = construct(name, kind, arguments, found)
        images, labels = read(name, kind, parts, size)
    source = ", ".join([f"torchvision: {kind.__name__}", *(f"{key} {value}" for key, value in arguments.items())])
    if len(parts) == 2:
        train, test = slice(len(parts[0])), slice(len(parts[0]), None)
    else:
        train, test = hold_out(name, f"torchvision's {kind.__name__}", labels)
        source += HELD_OUT
    classes = class_names(name, kind, parts[0], labels)
    return Dataset(
        chosen(images, train), labels[train], chosen(images, test), labels[test], classes, source + scaled(size)
    )


def find_class(name, kind):
    """Torchvision's data set class of the name `kind`."""
    if find_spec("torchvision") is None:  # networks of Keras do not need it
        raise InputError(
            f"params.yaml: the source of datasets.{name} is {kind!r}, which is neither a folder here nor, while torchvision "
            "is not installed, a class of torchvision.datasets: correct it, or run `pip install -r requirements/torch.txt`."
        )
    from torchvision import datasets

    known = {label for label in datasets.__all__ if inspect.isclass(getattr(datasets, label))}
    if kind not in known:
        close = difflib.get_close_matches(kind.lower(), {label.lower(): label for label in known}, cutoff=0.5)
        hint = "".join(f", {label}" for label in sorted(known) if label.lower() in close)
        raise InputError(
            f"params.yaml: the source of datasets.{name} is {kind!r}, which is neither a folder here nor a class of "
            f"torchvision.datasets{f' (like it are{hint[1:]})' if hint else ''}: correct it."
        )
    if kind in OTHER_TASKS:
        raise InputError(other_task(name, kind, "but serves another purpose"))
    return getattr(datasets, kind)


def other_task(name, kind, why):
    """The sentence for a class that holds no classified images."""
    return (
        f"params.yaml: the source of datasets.{name}, torchvision's {kind}, is no set of images with one class each, "
        f"{why}: name another class, or a folder of images."
    )


def parameters(kind):
    """The parameters of the constructor of `kind`, those that it hands on to the classes it derives from included."""
    found = {}
    for base in kind.__mro__:
        inherited = inspect.signature(base.__init__).parameters
        found = {**inherited, **found}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in inherited.values()):
            break
    return {key: value for key, value in found.items() if value.kind is not value.VAR_KEYWORD}


def check_arguments(name, kind, arguments):
    """Refuse arguments that the constructor of `kind` does not have, or that are chosen here; name one that it needs."""
    every = parameters(kind)
    reserved = (*RESERVED, *(() if "train" in every else ("split",)))
    context, allowed = f"datasets.{name}.arguments", [key for key in every if key not in reserved]
    for key in arguments:
        if key not in allowed:
            raise InputError(
                f"params.yaml: {context} has {key!r}, which torchvision's {kind.__name__} does not take from here; "
                f"allowed {'are ' + ', '.join(allowed) if allowed else 'is nothing'}: correct it."
            )
    for key in allowed:
        if every[key].default is inspect.Parameter.empty and key not in arguments:
            raise InputError(
                f"params.yaml: {context} lacks {key!r}, which torchvision's {kind.__name__} needs: "
                f"add it, {{source: {kind.__name__}, arguments: {{{key}: ...}}}}."
            )


def construct(name, kind, arguments, found):
    """Return the data sets for training and for testing, or one where `kind` does not part them."""
    every = parameters(kind)
    if "train" in every:
        return [make(name, kind, {**arguments, "train": train}, found) for train in (True, False)]
    if "split" not in every:
        return [make(name, kind, arguments, found)]
    default = str(every["split"].default)
    training = default if default.startswith("train") else "train"  # some know only trainval, or train-standard
    return [known_split(name, kind, arguments, found, splits) for splits in ([training], ["test", "val", "valid"])]


def known_split(name, kind, arguments, found, splits):
    """Return the first of the `splits` of `kind` that there is."""
    for value in splits:
        try:
            return make(name, kind, {**arguments, "split": value}, found)
        except UnknownSplit:
            continue
    raise InputError(other_task(name, kind.__name__, f"for it has no split {' or '.join(splits)}"))


class UnknownSplit(Exception):
    """A constructor does not know the value of its argument `split`."""


def make(name, kind, arguments, found):
    """Construct `kind`, downloading what is missing; where that cannot be, it finds its files in data/raw itself."""
    every = parameters(kind)
    folders = {"root": str(found.root if "download" in every else found.raw), "download": True}
    try:
        part = kind(**arguments, **{key: value for key, value in folders.items() if key in every})
        if not len(part):
            raise ValueError("it holds no images")
        return part
    except Exception as error:  # torchvision's classes raise anything
        if isinstance(error, ValueError) and "argument split" in str(error) and "train" not in every:
            raise UnknownSplit from None
        if disk_full(error):
            raise
        if found.lacking() and isinstance(error, OSError | RuntimeError | HTTPException):
            raise InputError(found.failure(error, kind, name)) from None
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise InputError(
            f"params.yaml: the source of datasets.{name}, torchvision's {kind.__name__}, cannot be had ({reason}): correct "
            f"its arguments, or put its files into {found.shown}."
        ) from None


def read(name, kind, parts, size):
    """Return the images of all `parts` as uint8 (samples, height, width, channels), and their labels, int64 (samples)."""
    from torch.utils.data import ConcatDataset

    items = ConcatDataset(parts)
    stack, labels = Stack(name, size), np.empty(len(items), np.int64)
    for index in progress(range(len(items)), f"reading {kind.__name__}"):
        try:
            image, labels[index] = classified(name, kind, items[index])
            stack.add(image, f"image {index}")
        except InputError:
            raise
        except Exception as error:  # a damaged file can raise anything in a decoder
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"image {index} of torchvision's {kind.__name__} is unusable ({reason}): replace its files, "
                f"or give datasets.{name} in params.yaml another source."
            ) from None
    return stack.images.rows(), labels


def classified(name, kind, item):
    """Return an `item` of a data set, which has to be an image and the number of its class."""
    from PIL import Image

    match item:
        case (Image.Image(), numbers.Integral()):
            return item
    types = ", ".join(type(part).__name__ for part in item) if isinstance(item, tuple) else type(item).__name__
    raise InputError(other_task(name, kind.__name__, f"for its items are ({types})"))


def class_names(name, kind, part, labels):
    """The classes' names as torchvision has them, or the numbers where it has none; refuse labels that index none."""
    held = getattr(part, "classes", None) or getattr(part, "categories", None) or getattr(part, "class_to_idx", None)
    names = [", ".join(label) if isinstance(label, tuple) else str(label) for label in held or range(labels.max() + 1)]
    if labels.min() < 0 or labels.max() >= len(names):
        raise InputError(
            f"torchvision's {kind.__name__} has labels {labels.min()} to {labels.max()} for {len(names)} classes: "
            f"give datasets.{name} in params.yaml other arguments or another source."
        )
    # MNIST has "7 - seven".
    return [str(index) if label.startswith(f"{index} - ") else label for index, label in enumerate(names)]

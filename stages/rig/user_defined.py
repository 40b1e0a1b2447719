"""User-defined networks: what a card's `build` calls, and the files that it names, all of them below models/."""

import importlib.util
import os
import re
import sys
import traceback
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from inspect import signature
from pathlib import Path
from textwrap import shorten

from drillcore.base.errors import InputError
from stages.rig.base.process import Interrupted

MODELS = Path("models")

PACKAGE = "models/"
"""What the modules below models/ are called within Python: no name that an installed package could have."""


def construct(card, classes):
    """Return the model that `card` (a `UserDefined`) says how to build, for images of its input and `classes` classes.

    Raises
    ------
    InputError
        If there is no such file, function or constructor, or if it fails.
    """
    if not card.build:
        return saved(card)
    source, _, name = card.build.partition(":")
    context = f"params.yaml: networks.{card.name}.build is {card.build!r}"
    builders = {"torchvision": torchvision_model, "keras": keras_model}
    builder = builders.get(source) or user_function(source, name, context)
    try:
        with as_script(MODELS / source):
            return builder(name, card, classes) if source in builders else builder(**card.arguments)
    except InputError:
        raise
    except Exception as error:  # a user's code can raise anything
        raise InputError(
            f"{context}, which fails with the arguments {card.arguments}{origin(error)}: {oneline(error)}."
        ) from None


def torchvision_model(name, card, classes):
    """A constructor of torchvision.models, with random weights and `classes` outputs unless the arguments differ."""
    from torchvision import models

    if name not in models.list_models(models):
        raise unknown(card, name, "torchvision.models", models.list_models(models))
    return models.get_model(name, **{"weights": None, "num_classes": classes, **card.arguments})


def keras_model(name, card, classes):
    """A constructor of keras.applications, with random weights, the card's input, and logits, unless the arguments differ.

    What some put before their first layer, to scale images that are not in [0, 1], is left out likewise.
    """
    from drillcore.frameworks.keras import keras

    known = [key for key, value in vars(keras.applications).items() if key[0].isupper() and callable(value)]
    if name not in known:
        raise unknown(card, name, "keras.applications", known)
    defaults = {"weights": None, "input_shape": tuple(card.input), "classes": classes, "classifier_activation": None}
    constructor = getattr(keras.applications, name)
    if "include_preprocessing" in signature(constructor).parameters:
        defaults["include_preprocessing"] = False
    return constructor(**{**defaults, **card.arguments})


def unknown(card, name, package, known):
    """The error for a constructor that `package` does not have, with those whose names are alike."""
    alike = get_close_matches(name, known, 3, 0.4) or sorted(known)[:3]
    return InputError(
        f"params.yaml: networks.{card.name}.build is {card.build!r}, but {package} has no {name}; "
        f"it has {len(known)} others, such as {', '.join(alike)}."
    )


def saved(card):
    """The model that a .keras file holds; code in it (a Lambda layer) is refused."""
    from drillcore.frameworks.keras import keras

    path = located(card.checkpoint, f"params.yaml: networks.{card.name}.checkpoint is {card.checkpoint!r}")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged or hostile file can raise anything
        raise InputError(f"{path} cannot be loaded as a Keras model: {oneline(error)}.") from None


def user_loss(card):
    """The function that `loss` of `card` names; call when the network is built, so that a file of both is imported once."""
    source, _, name = card.loss.partition(":")
    return user_function(source, name, f"params.yaml: networks.{card.name}.loss is {card.loss!r}", anew=False)


def user_function(source, name, context, anew=True):
    """The function `name` of the user's file `source`, which is imported anew, with all that it imports below models/.

    A layer made outside of functions would else be shared by all builds, and have the name and the weights of the first. If
    not `anew`, it is taken from what is imported.
    """
    path = located(source, context)
    if path.suffix != ".py":
        raise InputError(f"{context}, but should be <file>.py:<function>, torchvision:<name> or keras:<name>.")
    prepare_imports(path)
    if anew:
        forget_imports()
    try:
        with as_script(path):
            module = import_below(path)
    except Exception as error:
        raise InputError(f"{context}, but {path} cannot be imported{origin(error)}: {oneline(error)}.") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"{context}, but {path} has no function {name!r}: add it, or name another.")
    return function


def prepare_imports(path):
    """Prepare Python to import what lies below models/ for the file at `path`."""
    folders = dict.fromkeys([str(path.parent.absolute()), str(MODELS.absolute())])
    others = [known for known in sys.path if MODELS.absolute() not in (Path(known), *Path(known).parents)]
    sys.path[:] = [*others, *folders]  # last: a module there never hides an installed package
    if re.search(rb"^\s*(import|from)\s+(keras|tensorflow)", path.read_bytes(), re.MULTILINE):
        import drillcore.frameworks.keras  # noqa: F401  TensorFlow greets whoever loads it first


def forget_imports():
    """Forget what was imported below models/."""
    for known in {*user_modules(), *(known for known in sys.modules if f"{known}.".startswith(f"{PACKAGE}."))}:
        del sys.modules[known]


def import_below(path):
    """Import the file or folder `path`, models/ or below it, and the folders that it is in, for relative imports.

    A folder is a package, with and without an __init__.py.
    """
    if path != MODELS:
        import_below(path.parent)
    parts = [part.removesuffix(".py").replace(".", "_") for part in path.relative_to(MODELS).parts]
    name = ".".join([PACKAGE, *parts])
    if name not in sys.modules:
        folders = [str(path.absolute())] if path.is_dir() else None
        file = path / "__init__.py" if folders else path
        specification = importlib.util.spec_from_file_location(
            name, file.absolute(), submodule_search_locations=folders
        )
        sys.modules[name] = importlib.util.module_from_spec(specification)
        if file.is_file():
            specification.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@contextmanager
def as_script(path=""):
    """Run user-defined code as Python runs the script at `path` without arguments.

    It does not see the stage's command line, and `sys.exit`, with which argparse ends a script, is an error like any other.
    """
    arguments, sys.argv = sys.argv, [str(path)]
    try:
        yield
    except Interrupted:
        raise
    except SystemExit as end:
        raise RuntimeError(
            f"it calls sys.exit({end.code!r}), perhaps by argparse; put what runs as a script under "
            'if __name__ == "__main__":'
        ).with_traceback(end.__traceback__) from None
    finally:
        sys.argv = arguments


def check_below(name, context):
    """Refuse the name of a file, or a pattern of names, that leads out of models/."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{context}, but a network's files belong in {MODELS}/: put it, or a link to it, there.")


def located(name, context):
    """The path of a file below models/."""
    path = MODELS / name
    check_below(name, context)
    if not path.is_file():
        raise InputError(f"{context}, but there is no file {path}: {remedy('it')}.")
    return path


def remedy(missing):
    """What to do about what is `missing` in models/; `dvc exp run --temp` works in a copy of what git tracks."""
    in_copy = str(Path(".dvc", "tmp", "exps")) in str(Path.cwd())
    return (
        f"commit {missing}, for `dvc exp run --temp` and `--queue` see only what git tracks"
        if in_copy
        else f"put {missing} there"
    )


def user_modules():
    """The modules below models/ that are imported, by name, with their paths; folders without an __init__.py too."""
    folder, found = MODELS.absolute(), {}
    for name, module in [*sys.modules.items()]:
        specification = getattr(module, "__spec__", None)
        folders = getattr(specification, "submodule_search_locations", None) or []
        files = [getattr(module, "__file__", None) or "", *folders]
        paths = [path for file in files if folder in (path := Path(file).absolute()).parents]
        if paths:
            found[name] = paths[0]
    return found


def imported():
    """The paths of the files below models/ that were imported, in order of their names."""
    return sorted({path.relative_to(MODELS.absolute()) for path in user_modules().values() if path.is_file()})


noting = []
"""The sets that `note_opened` fills; Python cannot take a hook away again."""


@contextmanager
def noting_files():
    """Yield a set that gets the paths below models/ of the files that Python opens for reading in the block: a network's
    settings or weights, of which a change must not go unnoticed."""
    install_hook()
    noting.append(set())
    try:
        yield noting[-1]
    finally:
        noting.pop()


@cache
def install_hook():
    """Have Python call `note_opened`, once and for all."""
    sys.addaudithook(note_opened)


def note_opened(event, arguments):
    """Note a file below models/ that is opened for reading; what Python itself caches there is none."""
    if event != "open" or not noting or isinstance(arguments[0], int) or arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    path = Path(os.path.abspath(os.fsdecode(arguments[0])))
    if MODELS.absolute() in path.parents and path.is_file() and path.parent.name != "__pycache__":
        for files in noting:
            files.add(path.relative_to(MODELS.absolute()))


def origin(error):
    """Where in the user's files an exception was raised: ` (models/mine.py, line 3)`, or nothing."""
    folder, frames = MODELS.absolute(), traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in frames if folder in Path(frame.filename).parents]
    if not frames:
        return ""
    return f" ({MODELS / Path(frames[-1].filename).relative_to(folder)}, line {frames[-1].lineno})"


def oneline(error):
    """An exception as one line without a full stop; Keras puts colours for a terminal in its own."""
    text = re.sub(r"\x1b\[[\d;]*m", "", f"{type(error).__name__}: {error}")
    return shorten(text, 300, placeholder=" [...]").rstrip(".: ")


def check_no_linked_folder(file, context):
    """Refuse a file below models/ that is reached by a link to a folder: DVC sees links to files, but not into folders."""
    linked = [folder for folder in (MODELS / file).parents if MODELS in folder.parents and folder.is_symlink()]
    if linked:
        raise InputError(
            f"{context} uses {MODELS / file}, but {linked[0]} is a link to a folder, in which no change would be noticed: "
            "copy the folder there, or make it a folder of links to the files."
        )

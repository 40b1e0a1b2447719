"""Which files of a folder or zip are images of which class, for training and for testing: names alone, nothing is read."""

import re
import unicodedata

from drillcore.base.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff")

TRAIN, TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")
"""What the folders of a split may be called, in any case; the first that there is counts."""

NO_IMAGES = ("thumbs.db", "desktop.ini")
"""What Windows leaves beside images."""

NAMED = 3
"""How many of the bad files an error names; it counts them all."""


def split_folders(tops):
    """Of the names of top-level folders those of a split, {folder: "train" or "test"}; empty where nothing is separated."""
    found = {}
    for split, known in (("train", TRAIN), ("test", TEST)):
        named = sorted((top for top in tops if top.lower() in known), key=lambda top: known.index(top.lower()))
        found |= dict.fromkeys(named[:1], split)
    return found


def folder_above(names):
    """The one folder that all images are in, as "<folder>/", where a folder was zipped as a whole; else nothing."""
    parts = [name.split("/") for name in names if not ignored(name)]
    if split_folders({top for top, *_ in parts}):
        return ""
    above = {top for top, *rest in parts if rest and split_folders(rest[:1])}
    if not above and all(len(part) > 2 for part in parts if is_image(part[-1])):
        above = {part[0] for part in parts if len(part) > 1}
    return f"{above.pop()}/" if len(above) == 1 else ""


def ignored(name):
    """Whether a file is no image and none is expected: hidden, or left by a system or a labelling tool."""
    parts = name.lower().rstrip("/").split("/")
    return (
        parts[0] == "__macosx" or parts[-1] in NO_IMAGES or name.endswith(".json") or any(p[:1] == "." for p in parts)
    )


def is_image(file):
    """Whether a file's name is that of an image."""
    return file.lower().endswith(SUFFIXES)


def sort_classes(path, names):
    """Return the images of each class as {class: [name, ...]}, for train and for test, or one dict where nothing parts them.

    Images are in natural order, but classes in that of plain text, for ImageFolder and Keras number them so: a network
    that was trained with either would else be asked for other classes. Names of classes that look the same are the same:
    one system writes é as one character, another as two.
    """
    names = sorted((name for name in names if not ignored(name)), key=natural)
    folders = split_folders({name.split("/")[0] for name in names})
    splits = {split: {} for split in (("train", "test") if folders else ("all",))}
    written, strays = {}, []
    for name in names:
        top, *rest = name.split("/") if folders else (None, *name.split("/"))
        if top not in folders and (folders or len(rest) < 2):
            continue  # READMEs, other folders
        match rest:
            case [""]:
                continue  # the split's folder itself
            case [label, file] if file == "" or is_image(file):
                key = unicodedata.normalize("NFC", label)
                written.setdefault(key, label)
                splits[folders.get(top, "all")].setdefault(key, []).extend([name] if file else [])
            case _:
                strays.append(name)
    check_classes(path, splits, strays)
    return [dict(sorted(classes.items(), key=lambda item: written[item[0]])) for classes in splits.values()]


def natural(name):
    """A key that sorts names part by part, and numbers within them by value: 2 before 10."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name).split("/"), name


def check_classes(path, splits, strays):
    """Refuse files that belong to no class, a split or a class without images, and classes of one split alone."""
    unseparated = splits.get("all")
    if unseparated is not None and not any(unseparated.values()):
        raise InputError(
            f"{path} has no folders train/<class>/ and test/<class>/, nor folders <class>/ with images "
            f"({', '.join(SUFFIXES)}): add them, or name the folder that holds them."
        )
    if strays:
        below = "" if unseparated else " below train/ or test/"
        raise InputError(
            f"{path} has {listed(map(repr, strays))}, which should be <class>/<file>{below}, the file "
            f"ending in {', '.join(SUFFIXES)}: move or remove them."
        )
    for split, classes in splits.items():
        if not classes:
            raise InputError(
                f"{path} has no folders {split}/<class>/: add them, with images ({', '.join(SUFFIXES)}), or put the folders "
                "<class>/ where train/ and test/ are looked for: a fifth of each class then serves for testing."
            )
        for label, files in classes.items():
            if not files:
                below = "" if unseparated else f" in {split}/"
                raise InputError(f"{path} has a class {label!r} without images{below}: add some, or remove it.")
    alone = sorted(set.union(*map(set, splits.values())) - set.intersection(*map(set, splits.values())))
    if alone:
        raise InputError(
            f"{path} has {listed(map(repr, alone))} in only one of train/ and test/: both need the same classes."
        )


def listed(items):
    """The first few of `items` as text, and how many more there are."""
    items = list(items)
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more

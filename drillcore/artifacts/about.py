"""about.json: what a reader is told of a network, on which nothing that is computed depends.

`title` says in a few words what the network is, and is its name where nobody gave it a title; `test_images` is the number
of images that its accuracy is of.
"""

import json
from pathlib import Path
from typing import NamedTuple

from drillcore.artifacts.reader import read_text
from drillcore.base.errors import DamagedFile
from drillcore.base.store import write_json


class About(NamedTuple):
    """A network's `title`, and the number of its `test_images`, None where it is not known."""

    title: str
    test_images: int | None = None


ABOUT = "about.json"


def read_about(folder: str | Path) -> About:
    """What a reader is told of the network in `folder`: its name alone where there is no about.json.

    Raises
    ------
    DamagedFile
    """
    path = Path(folder, ABOUT)
    if not path.exists():
        return About(path.absolute().parent.name)
    try:
        content = json.loads(read_text(path))
        return About(str(content["title"]), int(content["test_images"]))
    except (ValueError, KeyError, TypeError):
        raise DamagedFile(path) from None


def write_about(folder: str | Path, about: About) -> None:
    """Write `about` into the network's `folder`."""
    write_json(Path(folder, ABOUT), about._asdict())

"""Reads the card that is its argument, without a framework."""

import sys
from pathlib import Path

from stages.rig.card import UserDefined, read_card

assert isinstance(read_card(Path(sys.argv[1])), UserDefined)
assert not {"torch", "keras", "tensorflow"} & sys.modules.keys()
print("user-defined network")

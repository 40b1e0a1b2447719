"""Downloads the data set that is its argument with so much memory beyond what Python and its libraries take."""

import resource
import sys
from pathlib import Path

import h5py  # noqa: F401  what is loaded is no memory of the data
import pandas  # noqa: F401
import PIL.Image  # noqa: F401

from stages import download
from stages.rig.sources import blocks

LIMIT = 100 << 20

blocks.IN_MEMORY = 1 << 20
held = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + LIMIT, held + LIMIT))
download.main(sys.argv[1])

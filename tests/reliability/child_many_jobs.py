"""Jobs of the stages that are its arguments, four at a time; DVC is loaded once."""

import sys
from multiprocessing import get_context

from stages.rig.job import main

with get_context("fork").Pool(4, maxtasksperchild=1) as pool:
    pool.map(main, sys.argv[1:], chunksize=1)

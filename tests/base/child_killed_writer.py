"""Writes file.h5, and is killed before it is whole."""

import os
import signal

import numpy as np

from drillcore.base.store import create, write

with create("file.h5") as file:
    write(file, "a", np.zeros(1000))
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

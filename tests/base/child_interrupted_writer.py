"""Writes file.h5, and gets a Ctrl-C while HDF5, in the midst of closing the file, calls Python back."""

import os
import signal

import numpy as np

from drillcore.base import store
from stages.rig.base.process import end_on_interrupt


class Interrupted(store.Disk):
    closing = False

    def truncate(self, size=None):
        if not Interrupted.closing:
            Interrupted.closing = True
            os.kill(os.getpid(), signal.SIGINT)
        super().truncate(size)


store.Disk = Interrupted
end_on_interrupt("the writer")
with store.create("file.h5") as file:
    store.write(file, "a", np.zeros(1000))
signal.pause()

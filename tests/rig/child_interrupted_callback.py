"""Gets a Ctrl-C while compiled code calls Python back, where no exception can be raised."""

import ctypes
import os
import signal

from stages.rig.base.process import end_on_interrupt


@ctypes.CFUNCTYPE(None)
def called_back():
    os.kill(os.getpid(), signal.SIGINT)
    sum(range(10))  # the signal's handler is called between two instructions of Python


end_on_interrupt("the caller")
called_back()
signal.pause()

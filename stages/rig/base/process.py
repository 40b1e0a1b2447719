"""A stage as a process: alone at its work, never without the engine that started it, and gone at once on Ctrl-C."""

import atexit
import ctypes
import fcntl
import hashlib
import io
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT, LARGE = 1 << 28, 1 << 25  # of LARGE it allows no more
SPARE, MEDIUM = 1 << 17, 1 << 20

ONE_CTRL_C = 1.0
"""Seconds in which a second SIGINT is the same Ctrl-C: a terminal sends it to all, and engines pass it on to stages."""


WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
"""How OpenMP's threads wait for each other, which is read when it is loaded: microseconds in a loop, then asleep. By default
they loop for milliseconds, and stages that share the cores take three times as long; asleep at once, one stage alone takes a
tenth longer."""


class Interrupted(SystemExit):
    """Ctrl-C ends the process; other code's `sys.exit` raises its base class."""


def wait_asleep():
    """Have OpenMP's threads wait as `WAITING` says, unless the environment says otherwise; before it is loaded."""
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)


@contextmanager
def alone(work):
    """Hold the one lock of `work`, a command in this folder; while another process holds it, wait, and say so.

    Two processes that write the same files would each take the other's half for its own. The lock ends with its process.
    """
    key = hashlib.sha256(f"{os.getuid()} {Path.cwd()} {work}".encode()).hexdigest()[:24]
    # Others may write to the folder of temporary files too: no link is followed, and nothing of the file is changed.
    path, flags = Path(tempfile.gettempdir(), f"drillcore-{key}.lock"), os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW
    lock = os.open(path, flags, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{work}: another process is at it; waiting until it ends", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def end_with_engine():
    """Ask the kernel to kill this process when DVC, its parent, dies: called again, DVC would start the stage beside it.

    Linux alone can; elsewhere the second waits in `alone`.
    """
    if "DVC_STAGE" in os.environ:
        end_with_parent()


def end_with_parent():
    """Ask the kernel to kill this process when its parent dies, however it does; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def keep_freed_memory():
    """Have the C library keep up to KEPT bytes of freed memory for what comes next, and take all but large arrays from it.

    A step of a training frees gradients, activations and what the optimiser needs meanwhile, and asks for as much again. Of
    the system it comes in pages of zeros, one fault each, which took longer than the optimiser. glibc alone can.
    """
    adjust_memory(KEPT, LARGE)


def return_freed_memory():
    """Have the C library give the memory of freed arrays of a megabyte and more back to the system, in spite of the faults.

    What a large network frees becomes holes between what stays: 400 MB of a transformer of 10 million parameters.
    """
    adjust_memory(SPARE, MEDIUM)


def adjust_memory(kept, large):
    """Of freed memory glibc keeps at most so many bytes at its end, and none of arrays that are so `large`."""
    with suppress(AttributeError, OSError, TypeError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(M_TRIM_THRESHOLD, kept)
        adjust(M_MMAP_THRESHOLD, large)


def end_on_interrupt(work):
    """From now on Ctrl-C ends the process with one line and status 130, not with a traceback.

    What compiled code calls cannot raise: there Python hands an exception to `sys.unraisablehook` and goes on. Ctrl-C then
    comes again in a moment.
    """
    errors, said, raised = os.dup(2), False, None  # standard error may be elsewhere for a while
    report = sys.unraisablehook

    def interrupted(_, frame):
        nonlocal said, raised
        if raised and time.monotonic() - raised < ONE_CTRL_C:
            return
        if frame and isinstance(frame.f_locals.get("self"), io.FileIO):
            return again()  # HDF5 is calling the file that it writes to, and would swallow an exception
        if not said:
            said = True
            line = f"\n{work}: interrupted; run the same command again to go on\n"
            os.write(errors, line.encode())  # print may be at work
            atexit.register(os._exit, 130)  # not with a library's threads still at work
        raised = time.monotonic()
        raise Interrupted(130)

    def ignored(unraisable):
        nonlocal raised
        if not isinstance(unraisable.exc_value, Interrupted):
            return report(unraisable)
        raised = None
        again()

    signal.signal(signal.SIGINT, interrupted)
    sys.unraisablehook = ignored


def again():
    """Send this process another Ctrl-C in a moment."""
    timer = threading.Timer(0.01, os.kill, [os.getpid(), signal.SIGINT])
    timer.daemon = True
    timer.start()

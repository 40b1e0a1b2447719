"""A lock between machines that share a folder: a hard link in it, to a file that names the owner."""

import fcntl
import json
import os
import socket
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

from drillcore.base.errors import InputError
from stages.rig.base.command import say

SECONDS_BETWEEN_TRIES = 0.1
SECONDS_BETWEEN_LINES = 60


class SharedLock:
    """DVC's own lock `inner`, taken only by the process that holds the link at `path`.

    A link is made by one process alone on every file system that has links, NFS too (see O_EXCL in open(2)); `flock`,
    which DVC's lock uses, is on some network file systems known to one machine only. It is kept for the sake of DVC's
    commands beside the jobs.
    """

    def __init__(self, inner, path):
        self.inner = inner
        self.path = Path(path)
        self.owner = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "place": this_machine(),
            "token": uuid.uuid4().hex,
        }

    @property
    def is_locked(self):
        """Whether this process holds both."""
        return self.inner.is_locked

    def lock(self):
        """Wait for both, the link first."""
        take(self.path, self.owner)
        try:
            self.inner.lock()
        except BaseException:
            drop(self.path, self.owner)
            raise

    def unlock(self):
        """Give both back."""
        self.inner.unlock()
        drop(self.path, self.owner)

    def __enter__(self):
        self.lock()

    def __exit__(self, *_):
        self.unlock()


def take(path, owner):
    """Wait until `path` is a link to what `owner` says; says from time to time for whom it waits and how to end that.

    The lock of a process on this machine that is dead is cleared. Of a process elsewhere that cannot be told, so a
    person has to.
    """
    claim = path.with_name(f"{path.name}.{owner['token']}")
    claim.write_text(json.dumps(owner))
    last = time.monotonic()
    try:
        while not linked(claim, path):
            holder = read(path)
            if holder and holder["place"] == this_machine() and not alive(holder["pid"]):
                clear(path, holder)
            elif holder and time.monotonic() - last >= SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                say(
                    f"waiting for process {holder['pid']} on {holder['host']}, which holds {path.name}; "
                    f"if that process is dead: rm {path.resolve()}"
                )
            time.sleep(SECONDS_BETWEEN_TRIES)
    finally:
        claim.unlink()


def linked(claim, path):
    """Whether `path` now is a link to the file `claim`; NFS can make the link and yet answer that it exists."""
    try:
        os.link(claim, path)
    except FileExistsError:
        return claim.stat().st_nlink == 2
    except OSError as error:
        raise InputError(
            f"{path.parent} has no hard links ({error.strerror}), by which jobs keep off each other's results: "
            "move the project to a file system that has them."
        ) from None
    return True


def clear(path, holder):
    """Remove the lock of the dead process `holder` of this machine, unless another has done so, and taken it, meanwhile.

    Those who clear one lock take turns, by a `flock` of it, which between processes of one machine always holds.
    """
    with suppress(FileNotFoundError), path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        drop(path, holder)


def drop(path, owner):
    """Remove the link at `path` if it is the owner's."""
    if read(path) == owner:
        path.unlink()


def read(path):
    """What the owner of the lock at `path` says of itself, or None if there is no lock."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def alive(pid):
    """Whether a process of this machine is at work; a zombie, which nobody has waited for yet, is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def this_machine():
    """Where a process id means one process: this machine, since it was started, and there this container."""
    try:
        boot, namespace = Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")
    except OSError:  # macOS has neither
        boot = namespace = ""
    return f"{socket.gethostname()} {boot} {namespace}"

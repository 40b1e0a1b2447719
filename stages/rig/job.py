"""python -m stages.rig.job STAGE : DVC's own run of the one stage, which ends with its entry in dvc.lock

It is `dvc repro --single-item`, made to work where jobs on several machines share the folder. DVC's lock and its list
of the files in use both hold on one machine only: elsewhere two jobs can rewrite dvc.lock at once, and one takes the
other for dead, whose process it does not know.
"""

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.rwlock import _check_blockers, _edit_rwlock

from drillcore.base.errors import InputError
from stages.rig.base.command import command
from stages.rig.shared_lock import SharedLock, this_machine

JOB = "job of stage"


def main(stage):
    """Run the stage and record it in dvc.lock; nothing is run if it is up to date or in the cache."""
    # What ends a job (scancel, a time limit) begins with SIGTERM: as an exception it leaves no lock behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Repo(_wait_for_lock=True) as repo:
            reproduce(repo, stage)
    except DvcException as error:
        raise InputError(f"{error}: {error.__cause__}" if error.__cause__ else str(error)) from None


def reproduce(repo, name):
    """Let DVC reproduce the stage `name` of `repo`: locked while it reads and writes dvc.lock, not while the stage runs."""
    folder = repo.tmp_dir
    repo.lock = SharedLock(repo.lock, Path(folder, "job.lock"))
    with TemporaryDirectory() as temporary, lock_repo(repo):
        (stage,) = repo.stage.collect(name)
        with in_use(repo, folder, stage):
            repo.tmp_dir = temporary  # for a list of its own, which no other machine can strike the job off
            repo.reproduce(name, single_item=True)


@contextmanager
def in_use(repo, folder, stage):
    """Keep the stage's files in DVC's list, in `folder`, by which its commands on this machine stay off each other's files.

    Raises DVC's LockError where another command on this machine is at them, and InputError where a job of the same stage
    runs elsewhere or was killed there. Other jobs elsewhere are left to Snakemake, which runs none that share a file.
    """
    info = {"pid": os.getpid(), "cmd": f"{JOB} {stage.addressing} on {this_machine()}"}
    reads, writes = ([item.fs_path for item in items] for items in (stage.deps, stage.outs))
    with _edit_rwlock(folder, repo.fs, False) as entries:
        refuse_twice(folder, stage, entries)
        near = selected(entries, lambda entry: not elsewhere(entry))
        _check_blockers(folder, near, info, mode="write", waiters=reads + writes)
        _check_blockers(folder, near, info, mode="read", waiters=writes)
        entries["write"].update(dict.fromkeys(writes, info))
        for path in reads:
            entries["read"][path].append(info)
    try:
        yield
    finally:
        with _edit_rwlock(folder, repo.fs, False) as entries:
            entries.update(selected(entries, lambda entry: entry != info))


def elsewhere(entry):
    """Whether an entry of the list is a job's on another machine, where its process may live; only there can be told."""
    return entry["cmd"].startswith(JOB) and not entry["cmd"].endswith(f" on {this_machine()}")


def refuse_twice(folder, stage, entries):
    """Raise an InputError if the stage is run by a job elsewhere: two would write into the same files."""
    for entry in entries["write"].values():
        job, _, host = entry["cmd"].partition(" on ")
        if job == f"{JOB} {stage.addressing}" and elsewhere(entry):
            raise InputError(
                f"{stage.addressing} is run by process {entry['pid']} on {host.split()[0]}: wait until it ends; "
                f"if that process is dead: rm {Path(folder, 'rwlock')}"
            )


def selected(entries, wanted):
    """DVC's list of files in use with those of its entries alone that are `wanted`."""
    reads = {path: [entry for entry in readers if wanted(entry)] for path, readers in entries["read"].items()}
    return {
        "write": {path: entry for path, entry in entries["write"].items() if wanted(entry)},
        "read": {path: readers for path, readers in reads.items() if readers},
    }


if __name__ == "__main__":
    command(main)

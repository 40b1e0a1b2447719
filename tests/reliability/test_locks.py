"""Jobs on machines that share a folder: two PID namespaces stand for two machines, each with a `flock` of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import chain
from pathlib import Path

import pytest

from stages.rig import shared_lock
from stages.rig.base.parameters import dump, load
from stages.rig.shared_lock import SharedLock, clear, read, take, this_machine

ROOT = Path(__file__).resolve().parents[2]
MANY = "tests.reliability.child_many_jobs"
JOB = [sys.executable, "-m", "stages.rig.job"]
NAMESPACES = ["unshare", *(["--user", "--map-root-user"] if os.getuid() else []), "--pid", "--fork", "--mount-proc"]
SLOW = "touch started; timeout 600 sh -c 'while [ ! -e go ]; do sleep 0.05; done'; cp seed.txt out/slow"


class Toy:
    """A project of a hundred trivial stages, and of one that starts, and ends when the file `go` is there."""

    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def __init__(self, folder):
        self.folder = folder
        (folder / "seed.txt").write_text("seed\n")
        (folder / "out").mkdir()
        trivial = {"cmd": "cp seed.txt out/${item}", "deps": ["seed.txt"], "outs": ["out/${item}"]}
        stages = {
            "trivial": {"foreach": list(range(100)), "do": trivial},
            "slow": {"cmd": SLOW, "deps": ["seed.txt"], "outs": ["out/slow"]},
        }
        (folder / "dvc.yaml").write_text(dump({"stages": stages}))
        self.run("dvc", "init", "--no-scm", "--quiet")

    def start(self, *command):
        """Start a command in the project; returns its process."""
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, **output)

    def run(self, *command):
        """Run a command in the project; returns what it printed, and its status."""
        return finish(self.start(*command))

    def on_node(self, number, *command):
        """Start a command on another machine: with process ids, temporary files and DVC's two `flock` files of its own."""
        own = "".join(
            f"touch .dvc/tmp/{name} node{number}.{name}; mount --bind node{number}.{name} .dvc/tmp/{name}; "
            for name in ("lock", "rwlock.lock")
        )
        own += f'mkdir -p node{number}.tmp; export TMPDIR="$PWD/node{number}.tmp"; '
        script = f'set -e; {own} echo {number}000 > /proc/sys/kernel/ns_last_pid; "$@"; exit $?'
        return self.start(*NAMESPACES, "--kill-child", "sh", "-c", script, "sh", *command)

    def await_start(self, process):
        """Wait until the slow stage runs."""
        while not (self.folder / "started").exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)

    def go(self):
        (self.folder / "go").touch()

    def recorded(self):
        """The names of the stages in dvc.lock."""
        path = self.folder / "dvc.lock"
        return set(load(path)["stages"]) if path.exists() else set()

    def in_use(self):
        """Every entry of DVC's list of files in use."""
        entries = json.loads((self.folder / ".dvc/tmp/rwlock").read_text())
        return [*entries.get("write", {}).values(), *chain(*entries.get("read", {}).values())]


def finish(process):
    output, _ = process.communicate()
    return output, process.returncode


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


@pytest.fixture
def nodes(toy):
    """The toy where other machines can be had."""
    output, status = finish(toy.on_node(1, "true"))
    if status:
        pytest.skip(f"no PID namespaces here: {output.strip()}")
    return toy


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.soak)])
def test_stages_that_end_on_two_machines_at_once_are_all_recorded(nodes, count):
    names = [f"trivial@{number}" for number in range(count)]
    machines = [nodes.on_node(node, sys.executable, "-m", MANY, *names[node - 1 :: 2]) for node in (1, 2)]
    for machine in machines:
        output, status = finish(machine)
        assert status == 0, output
    assert nodes.recorded() == set(names)
    assert "up to date" in nodes.run("dvc", "status", *names)[0]
    assert list(nodes.folder.glob(".dvc/tmp/job.lock*")) == []
    assert nodes.in_use() == []


@pytest.mark.parametrize(
    ("command", "kept"),
    [(["dvc", "repro", "--single-item", "slow"], False), ([*JOB, "slow"], True)],
    ids=["dvc", "job"],
)
def test_a_command_on_another_machine_that_takes_a_job_for_dead_does_not_cost_its_result(nodes, command, kept):
    """What DVC alone loses here is why a job is not DVC alone."""
    stage = nodes.on_node(1, *command)
    nodes.await_start(stage)
    output, _ = finish(nodes.on_node(2, "dvc", "status", "slow"))
    assert "had been killed" in output
    nodes.go()
    output, status = finish(stage)
    assert (status == 0, nodes.recorded()) == (kept, {"slow"} if kept else set()), output


def test_a_stage_that_runs_on_another_machine_is_not_run_beside_it(nodes):
    first = nodes.on_node(1, *JOB, "slow")
    nodes.await_start(first)
    output, status = finish(nodes.on_node(2, *JOB, "slow"))
    assert status == 1
    assert f"slow is run by process {nodes.in_use()[0]['pid']} on {socket.gethostname()}" in output
    assert finish(nodes.on_node(2, *JOB, "trivial@3"))[1] == 0
    nodes.go()
    assert finish(first)[1] == 0
    assert nodes.recorded() == {"slow", "trivial@3"}


def test_a_stage_whose_job_was_killed_on_another_machine_runs_after_the_command_that_is_named(nodes):
    first = nodes.on_node(1, *JOB, "slow")
    nodes.await_start(first)
    first.kill()
    first.communicate()
    nodes.go()
    output, _ = finish(nodes.on_node(2, *JOB, "slow"))
    (remedy,) = re.findall("if that process is dead: (rm .*rwlock)", output)
    nodes.run(*remedy.split())
    output, status = finish(nodes.on_node(2, *JOB, "slow"))
    assert status == 0, output
    assert nodes.recorded() == {"slow"}


def test_dvc_on_the_same_machine_does_not_run_what_a_job_runs(toy):
    job = toy.start(*JOB, "slow")
    toy.await_start(job)
    output, status = toy.run("dvc", "repro", "slow")
    assert status != 0
    assert "is busy" in output
    assert "job of stage slow" in output
    toy.go()
    assert finish(job)[1] == 0
    assert toy.recorded() == {"slow"}


def test_a_job_that_is_told_to_end_leaves_nothing_behind(toy):
    job = toy.start(*JOB, "slow")
    toy.await_start(job)
    job.send_signal(signal.SIGTERM)
    toy.go()
    assert finish(job)[1] == 143
    assert toy.in_use() == []
    assert list(toy.folder.glob(".dvc/tmp/job.lock*")) == []
    assert toy.run(*JOB, "slow")[1] == 0


def test_a_stage_that_fails_ends_the_job_with_one_sentence(toy):
    (toy.folder / "seed.txt").unlink()
    output, status = toy.run(*JOB, "trivial@3")
    assert status == 1
    assert "Traceback" not in output
    assert "stages.rig.job: failed to reproduce 'trivial@3'" in output


class Free:
    """In place of DVC's lock."""

    def lock(self):
        pass

    unlock = lock


def count(folder, times):
    """Raise the number in a file, which loses some of them if two processes do so at once."""
    number = folder / "number"
    for _ in range(times):
        with SharedLock(Free(), folder / "lock"):
            value = int(number.read_text())
            time.sleep(0.002)
            number.write_text(str(value + 1))


def forked(function, *arguments):
    """Run a function in a process of its own; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        function(*arguments)
    finally:
        os._exit(0)


def test_one_process_at_a_time_holds_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_lock, "SECONDS_BETWEEN_TRIES", 0.001)
    (tmp_path / "number").write_text("0")
    for pid in [forked(count, tmp_path, 25) for _ in range(6)]:
        os.waitpid(pid, 0)
    assert (tmp_path / "number").read_text() == "150"


def killed_holder(path):
    """Let a process that holds the lock be killed; returns its id, which stays a zombie's until it is waited for."""
    holder = SharedLock(Free(), path)
    pid = forked(lambda: (holder.owner.update(pid=os.getpid()), holder.lock(), signal.pause()))
    while not path.exists():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lock_of_a_killed_process_of_this_machine_is_cleared(tmp_path, reaped):
    path = tmp_path / "lock"
    pid = killed_holder(path)
    if reaped:
        os.waitpid(pid, 0)
    assert read(path)["pid"] == pid
    lock = SharedLock(Free(), path)
    lock.lock()
    assert read(path) == lock.owner
    lock.unlock()
    assert list(tmp_path.iterdir()) == []
    if not reaped:
        os.waitpid(pid, 0)


def test_one_who_clears_a_lock_too_late_leaves_the_next_owners(tmp_path):
    dead, owner = SharedLock(Free(), tmp_path / "lock").owner, SharedLock(Free(), tmp_path / "lock").owner
    take(tmp_path / "lock", owner)
    clear(tmp_path / "lock", dead)
    assert read(tmp_path / "lock") == owner


@pytest.mark.parametrize(
    "elsewhere", [{"host": "n2", "place": "n2"}, {"host": "here", "place": f"{this_machine()}, before"}]
)
def test_whoever_waits_for_a_process_elsewhere_says_how_to_end_that(tmp_path, monkeypatch, capsys, elsewhere):
    monkeypatch.setattr(shared_lock, "SECONDS_BETWEEN_LINES", 0)
    path = tmp_path / "lock"
    path.write_text(json.dumps({"pid": 2**22 + 1, "token": "theirs", **elsewhere}))
    waiting = threading.Thread(target=SharedLock(Free(), path).lock, daemon=True)
    waiting.start()
    said = ""
    while f"rm {path}" not in said:
        assert waiting.is_alive()
        time.sleep(0.01)
        said += capsys.readouterr().err
    assert f"waiting for process 4194305 on {elsewhere['host']}" in said
    path.unlink()
    waiting.join()
    assert read(path)["place"] == this_machine()

"""From names and functions of figures to files."""

import gc
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from matplotlib.figure import Figure

from stages.rig.drawing import draw

SETTINGS = SimpleNamespace(dpi=50, pdf=True)


def figures(calls):
    """Three figures, one of which has two names; each is to be drawn before the next is asked for."""
    asked = []
    for number, names in enumerate([["a"], ["epochs/b", "b"], ["c"]]):

        def one(number=number):
            calls.append(number)
            assert asked[-1] == number
            return Figure((1 + number, 1))

        asked.append(number)
        for name in names:
            yield name, one


@pytest.mark.parametrize("workers", [1, 2])
def test_a_figure_of_two_names_is_drawn_once(tmp_path, workers):
    calls = []
    draw(figures, (calls,), tmp_path, "noise", SETTINGS, workers)
    assert calls == [0, 1, 2] if workers == 1 else [0, 2]  # the other worker's is in its own memory
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")]
    assert sorted(names) == sorted(f"{name}.{end}" for name in ("a", "epochs/b", "b", "c") for end in ("png", "pdf"))
    for end in ("png", "pdf"):
        assert (tmp_path / f"b.{end}").read_bytes() == (tmp_path / f"epochs/b.{end}").read_bytes()


def test_garbage_is_looked_for_again_afterwards(tmp_path):
    draw(figures, ([],), tmp_path, "noise", SETTINGS)
    assert gc.isenabled()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_stage_leaves_no_process_that_draws(tmp_path):
    command = [sys.executable, "-m", "tests.rig.child_draws", str(tmp_path)]
    drawing = psutil.Popen(command, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL)
    while not (tmp_path / "second.png").exists():
        assert drawing.poll() is None
        time.sleep(0.01)
    workers = drawing.children()
    assert workers
    drawing.kill()
    drawing.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    for worker in alive:
        worker.kill()
    assert not alive

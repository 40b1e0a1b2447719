import io
import sys

import pytest

from drillcore.base.errors import InputError
from drillcore.threads import omp_threads
from stages.rig.base import command as module
from stages.rig.base.command import progress
from stages.rig.base.process import Interrupted


def test_a_log_gets_plain_lines(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0)
    assert list(progress([5, 6], "work")) == [5, 6]
    lines = log.getvalue().splitlines()
    assert [line.split(" after")[0] for line in lines] == ["work: 1 of 2", "work: 2 of 2"]
    assert "\r" not in log.getvalue()


def test_short_work_keeps_a_log_quiet(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    assert list(progress(iter("ab"), "work", total=2)) == ["a", "b"]
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(progress(range(3), "work")) == [0, 1, 2]
    assert "work:" in terminal.getvalue()
    assert "3/3" in terminal.getvalue() or "\r" in terminal.getvalue()


def test_what_fails_while_ctrl_c_ends_a_stage_has_no_traceback(monkeypatch):
    def main():
        """Do something."""
        try:
            raise Interrupted(130)
        finally:
            raise RuntimeError("half a checkpoint cannot be closed")

    main.__module__ = module.__name__
    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(SystemExit) as ended:
        module.command(main)
    assert ended.value.code == 130


def test_keyword_only_parameters_are_flags(monkeypatch):
    calls = []

    def main(network, *, serve=False):
        """Do something."""
        calls.append((network, serve))

    main.__module__ = module.__name__
    for arguments in (["a"], ["a", "--serve"]):
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        module.command(main)
    assert calls == [("a", False), ("a", True)]


@pytest.mark.parametrize("value, threads", [(None, 7), ("", 7), (" ", 7), ("4", 4), ("4,2", 4), (" 3 , 2,1", 3)])
def test_threads_are_the_first_number_that_openmp_reads(monkeypatch, value, threads):
    """https://www.openmp.org/spec-html/5.2/openmpse59.html: positive integers, one for each nested level."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if value is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert omp_threads(default=7) == threads


@pytest.mark.parametrize("value", ["0", "-1", "two", "4,", ",4", "4;2", "1.5", "\u0664"])
def test_what_is_no_number_of_threads_is_refused_in_a_sentence(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    with pytest.raises(InputError, match=r"^OMP_NUM_THREADS is '.*', but should be a number of threads .*\.$"):
        omp_threads(default=1)

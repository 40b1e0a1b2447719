import io
import sys

from stages.shared.base import command as module
from stages.shared.base.command import progress


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

import logging

import numpy as np
import pytest

from drillcore.artifacts.gradients import SCALARS
from drillcore.recording.scalars import WINDOW, Spikes
from stages.rig.base.command import LINES
from stages.rig.training.spikes import BESIDE, NAMED, naming_replays


@pytest.fixture
def lines(capsys):
    """A function that returns the lines said of values (steps) that follow a window of quiet ones."""
    log = logging.getLogger("drillcore")
    log.addHandler(LINES)

    def say_of(values, last):
        spikes = Spikes(["fc.weight"])
        with naming_replays("mine", last):
            for step in range(1, WINDOW + 1):
                spikes.look(step, np.full((1, len(SCALARS)), 1 + step % 2))
            for step, value in enumerate(values, WINDOW + 1):
                spikes.look(step, np.full((1, len(SCALARS)), value))
        return capsys.readouterr().err.splitlines()

    yield say_of
    log.removeHandler(LINES)


@pytest.mark.parametrize(("last", "window"), [(500, "119:139"), (130, "119:130")])
def test_a_spike_is_said_with_the_command_that_replays_it(lines, last, window):
    (line,) = lines([90.0], last)
    assert line.startswith("step 129: gradient_norm of fc.weight is 90, above")
    assert f"`python -m stages.replay mine --steps {window} --with same_batch,curvature,noise`" in line


def test_spikes_within_a_window_that_is_named_are_counted(lines):
    named, counted = lines([90.0, 9e3], 500)
    assert named.startswith("step 129:") and "mine: 1 more steps have spikes, the last is 130:" in counted


def test_of_a_spike_at_every_step_the_first_few_have_lines(lines):
    *named, counted = lines(10.0 ** np.arange(2, 102), 500)
    steps = [int(line.split(":")[0].removeprefix("step ")) for line in named]
    assert steps == [129 + (BESIDE + 1) * count for count in range(NAMED)]
    assert f"{100 - NAMED} more steps have spikes, the last is 228" in counted

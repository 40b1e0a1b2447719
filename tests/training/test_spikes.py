import logging

import numpy as np
import pytest

from drillcore.artifacts.gradients import SCALARS
from drillcore.recording.scalars import WINDOW, Spikes
from stages.rig.base.command import LINES
from stages.rig.training.spikes import naming_replays


@pytest.mark.parametrize(("last", "window"), [(500, "119:139"), (130, "119:130")])
def test_a_spike_is_said_with_the_command_that_replays_it(last, window, capsys):
    log, spikes = logging.getLogger("drillcore"), Spikes(["fc.weight"])
    log.addHandler(LINES)
    try:
        with naming_replays("mine", last):
            for step in range(1, WINDOW + 1):
                spikes.look(step, np.full((1, len(SCALARS)), 1 + step % 2))
            spikes.look(129, np.full((1, len(SCALARS)), 90.0))
    finally:
        log.removeHandler(LINES)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("step 129: gradient_norm of fc.weight is 90, above")
    assert f"`python -m stages.replay mine --steps {window} --with same_batch,curvature,noise`" in line

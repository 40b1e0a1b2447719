"""The first spikes that the recorder finds are said with the command that lives them through once more."""

import logging
from contextlib import contextmanager

from stages.rig.base.command import LINES, say

BESIDE = 10
"""So many steps before and after the spike are in the window."""
NAMED = 3
"""So many spikes of a training have a line: a schedule that ends at 0 makes one of almost every step."""
INSTRUMENTS = "same_batch,curvature,noise"


@contextmanager
def naming_replays(network, last):
    """In the block a line about a spike in the training of `network` ends with the command; `last` is its last step. Spikes
    within the window of a line before, and those after `NAMED` lines, are counted at the end."""
    named, silent = [], []

    def add_command(record: logging.LogRecord) -> bool:
        if not hasattr(record, "spike"):
            return True
        if len(named) == NAMED or any(abs(record.spike - step) <= BESIDE for step in named):
            silent.append(record.spike)
            return False
        named.append(record.spike)
        window = f"{max(1, record.spike - BESIDE)}:{min(last, record.spike + BESIDE)}"
        command = f"python -m stages.replay {network} --steps {window} --with {INSTRUMENTS}"
        record.msg = f"{record.msg}; once the training has ended, `{command}` lives it through once more"
        return True

    LINES.addFilter(add_command)
    try:
        yield
    finally:
        LINES.removeFilter(add_command)
    if silent:
        say(f"{network}: {len(silent)} more steps have spikes, the last is {silent[-1]}: step_scalars.png shows them")

"""A spike that the recorder finds is said with the command that lives it through once more."""

import logging
from contextlib import contextmanager

from stages.rig.base.command import LINES

BESIDE = 10
"""So many steps before and after the spike are in the window."""
INSTRUMENTS = "same_batch,curvature,noise"


@contextmanager
def naming_replays(network, last):
    """In the block a line about a spike in the training of `network` ends with the command; `last` is its last step."""

    def add_command(record: logging.LogRecord) -> bool:
        if hasattr(record, "spike"):
            window = f"{max(1, record.spike - BESIDE)}:{min(last, record.spike + BESIDE)}"
            command = f"python -m stages.replay {network} --steps {window} --with {INSTRUMENTS}"
            record.msg = f"{record.msg}; once the training has ended, `{command}` lives it through once more"
        return True

    LINES.addFilter(add_command)
    try:
        yield
    finally:
        LINES.removeFilter(add_command)

"""A training that ends in the middle, at the same place every time."""

from stages.rig.training.history import History


class CutOff(Exception):
    """What ends it."""


def cut_off_in(epoch, patch):
    """Let a training end before it has noted its `epoch`th epoch, where `patch` holds."""
    note = History.epoch

    def unless_cut_off(history, row):
        if row["epoch"] == epoch:
            raise CutOff
        note(history, row)

    patch.setattr(History, "epoch", unless_cut_off)

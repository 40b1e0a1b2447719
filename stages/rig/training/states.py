"""The states that a training keeps, of chosen epochs: from each the training can be lived through once more.

The state of epoch 0 is that before the first step. The state of a later epoch is that before its last step: taken once more,
this step gives back the gradient and the weights that a recorder compares the next step with, which are then not stored, and
its end is the epoch's checkpoint. What is stored is as large as the weights and the optimiser's moments.
"""

from pathlib import Path

from drillcore.base.errors import InputError
from drillcore.base.store import create, read
from stages.rig.training.resume import pack, unpack

EVERY = "every"


class KeptStates:
    """Saves the states of the epochs that `keep` lists, or of "every" one, to `folder`/epoch_NNN.h5; an epoch has `steps`."""

    def __init__(self, folder, keep, steps):
        self.folder, self.keep, self.steps = folder, keep, steps
        folder.mkdir(parents=True, exist_ok=True)

    def before(self, step, state):
        """Save what the function `state` returns, a nested dict, if `step`, counted from 1, starts from a state to keep."""
        epochs = [0] * (step == 1) + [step // self.steps] * (step % self.steps == 0)
        for epoch in epochs:
            if self.keep == EVERY or epoch in self.keep:
                with create(self.folder / f"epoch_{epoch:03d}.h5") as file:
                    pack(file, {"epoch": epoch, "step": step - 1, **state()})


def states_of(folder):
    """By epoch, ascending, the paths of the states in `folder`, those of a network's artifacts."""
    return dict(sorted((int(path.stem.removeprefix("epoch_")), path) for path in Path(folder).glob("epoch_*.h5")))


def load_state(path):
    """The state at `path`: a nested dict, with the `epoch` whose it is and the number of `step`s before it."""
    with read(path) as file:
        return unpack(file)


def nearest(folder, step, steps):
    """The path of the last state in `folder` from which `step` can be reached, where an epoch has so many `steps`.

    From a later state than that of epoch 0 a step more is taken, with which `step` is compared.

    Raises
    ------
    InputError
        If none is that early.
    """
    found = states_of(folder)
    early = [path for epoch, path in found.items() if epoch * steps < step]
    if not early:
        kept = f"those of epochs {', '.join(map(str, found))} are" if found else "none is"
        raise InputError(
            f"no state from before step {step} is kept in {folder}, {kept}: set keep_states of its training to [0], "
            "or to an earlier epoch, and train it again."
        )
    return early[-1]

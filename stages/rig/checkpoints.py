"""The checkpoints that a training, or a pretrained network, left."""

from drillcore.base.errors import InputError


def checkpoints_in(folder):
    """By epoch, ascending, the checkpoints that lie in `folder`."""
    return dict(sorted((int(path.stem.removeprefix("epoch_")), path) for path in folder.glob("epoch_*")))


def checkpoints_of(folder):
    """By epoch, ascending, the checkpoints in the `folder` of a network's artifacts; an `InputError` if there is none."""
    found = checkpoints_in(folder / "checkpoints")
    if not found:
        raise InputError(f"{folder / 'checkpoints'} holds no checkpoint: run `dvc repro train@{folder.name}`.")
    return found

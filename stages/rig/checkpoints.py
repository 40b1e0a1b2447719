"""The checkpoints that a training, or a pretrained network, left."""

from drillcore.base.errors import InputError


def checkpoints_of(folder):
    """By epoch, ascending, the checkpoints in the `folder` of a network's artifacts; an `InputError` if there is none."""
    paths = (folder / "checkpoints").glob("epoch_*")
    found = dict(sorted((int(path.stem.removeprefix("epoch_")), path) for path in paths))
    if not found:
        raise InputError(f"{folder / 'checkpoints'} holds no checkpoint: run `dvc repro train@{folder.name}`.")
    return found

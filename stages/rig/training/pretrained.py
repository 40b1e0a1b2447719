"""A pretrained network: its checkpoints are evaluated and stored as those of a training, without one."""

from drillcore.recording.recorder import GradientRecorder
from stages.rig.base.command import progress
from stages.rig.images import outputs_of
from stages.rig.pretrained import axis_of, pretrained_files
from stages.rig.training.batches import in_order
from stages.rig.training.history import History
from stages.rig.user_defined import MODELS


def store_pretrained(framework, card, validation, folder):
    """Leave in `folder` what a training would, but for its loss and score, and with no step in gradients.h5.

    `framework` is the module `pretrained` of its framework, `validation` the `Split` to evaluate on.
    """
    (folder / "states").mkdir(parents=True, exist_ok=True)  # of a training, which it has none of
    files = pretrained_files(card)
    history = History(folder, max(files), card.scored_as(), axis_of(card))
    for epoch, file in progress(files.items(), "checkpoints", len(files)):
        model = framework.load(card, outputs_of(card, validation), MODELS / file)
        framework.save_weights(model, folder / "checkpoints", epoch)
        history.epoch({"epoch": epoch, **framework.evaluate(model, card, in_order(card, validation))})
    history.close()
    with GradientRecorder(framework.tensors(model), folder / "gradients.h5", **card.recorder.model_dump()):
        pass

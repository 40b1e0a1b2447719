"""A network that comes trained: its checkpoints are evaluated and stored as those of a training, without one."""

from stages.shared.base.command import progress
from stages.shared.own import MODELS, given_files
from stages.train.batches import in_order
from stages.train.history import History
from stages.train.recorder import GradientRecorder


def store_given(framework, card, validation, folder):
    """Leave in `folder` what a training would, but for its loss and accuracy, and with no step in gradients.h5.

    `framework` is the module `torch_given` or `keras_given`, `validation` the `Split` to evaluate on.
    """
    files = given_files(card)
    history = History(folder, max(files))
    for epoch, file in progress(files.items(), "checkpoints", len(files)):
        model = framework.load(card, len(validation.classes), MODELS / file)
        framework.save_weights(model, folder / "checkpoints", epoch)
        history.epoch({"epoch": epoch, **framework.evaluate(model, card, in_order(card, validation))})
    history.close()
    with GradientRecorder(framework.tensors(model), folder / "gradients.h5", **card.recorder.model_dump()):
        pass

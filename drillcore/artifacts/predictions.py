"""predictions.h5: what a network returned for every training and test sample, at every stored epoch.

`epochs/NNN/train` and `epochs/NNN/test` float32 (samples, classes), `labels/train` and `labels/test` int64 (samples); of
samples that are worth seeing `shown/train/sample` int64 (shown) and `shown/train/images` uint8 (shown, height, width,
channels), and the same of test; attributes `splits`, `classes`, `source`, `outputs`.

Of a regression the outputs are (samples, numbers) in the units of the data, and `targets/train` and `targets/test` float32
(samples, numbers) stand for the labels. Of the next token and of a reconstruction, whose outputs are many, there is the loss
of each sample alone, (samples, 1), and the attribute `constant`, the loss of the best constant answer.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.layers import ArraysByEpoch, epoch_name, epochs_in
from drillcore.artifacts.reader import Variable
from drillcore.base.store import create, fill, new_group, reserve, write
from drillcore.residuals import Errors, of_errors, sample_errors
from drillcore.samples import Dynamics, are_probabilities, sample_dynamics, worth_seeing

LOGITS, PROBABILITIES = "logits", "probabilities"
NUMBERS = "numbers"
CROSS_ENTROPY, SQUARED_ERROR = LOSSES = "cross_entropy", "squared_error"
"""What the outputs are: of classes, of a regression, of the next token, of a reconstruction."""
SHOWN = 300
"""Of at most so many samples of a split the images are kept."""
BEST = 10
"""Of errors so many of the least are kept beside them."""


class Predictions(ArraysByEpoch):
    """predictions.h5: `file["train"]` is what the network returned for the training samples at the last epoch, (samples,
    classes), `file["test", 3]` that for the test samples at epoch 3; of a regression (samples, numbers), of the next token
    and of a reconstruction the loss of each sample, (samples, 1).

    Attributes
    ----------
    epochs : list of int
        0 is before training.
    classes : list of str
        Empty where there are none.
    outputs : str
        What the outputs are: "logits", "probabilities", "numbers", "cross_entropy" or "squared_error".
    source : str
        Where the data came from.

    Examples
    --------
    >>> import drillcore
    >>> file = drillcore.open("artifacts/mine/predictions.h5")  # doctest: +SKIP
    >>> file.dynamics("train").suspects()[:10]  # doctest: +SKIP
    """

    FILE, NAMES, OF, AXES = "predictions.h5", "splits", "split", ("sample", "class")

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.attribute("classes"))

    @property
    def source(self) -> str:
        """Where the data came from."""
        return str(self.attribute("source"))

    @property
    def outputs(self) -> str:
        """What the outputs are."""
        return str(self.attribute("outputs"))

    @property
    def logits(self) -> bool:
        """Whether the outputs are logits, and not probabilities or, of a network trained by squared error, estimates of
        them."""
        return self.outputs == LOGITS

    def labels(self, split: str) -> np.ndarray:
        """The classes of the samples of "train" or "test", int64 (samples)."""
        return self.array(f"labels/{split}")

    def targets(self, split: str) -> np.ndarray:
        """The numbers that a regression asks for, float32 (samples, numbers)."""
        return self.array(f"targets/{split}")

    def constant(self, split: str) -> float:
        """The mean error on a split of an answer that is always the same: of a regression the mean of the training targets,
        of the next token how often each token comes in training, of a reconstruction the mean training input."""
        if self.outputs in LOSSES:
            return float(self.attribute("constant"))
        mean = self.targets("train").mean(0, dtype=np.float64)
        return float(np.abs(self.targets(split) - mean).mean())

    def shown(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The numbers (shown) and images (shown, height, width, channels) of samples that are worth seeing."""
        return self.array(f"shown/{split}/sample"), self.array(f"shown/{split}/images")

    def trained_epochs(self, untrained: int | None = 0) -> list[int]:
        """The stored epochs but the `untrained`; that alone where there is no other."""
        return after_training(self.epochs, untrained)

    def dynamics(self, split: str, untrained: int | None = 0) -> Dynamics | Errors:
        """How each sample of "train" or "test" fared over the stored epochs but the `untrained`: `Dynamics` of classes, else
        `Errors`."""
        return fared(self.file, split, self.trained_epochs(untrained))

    def variables(self) -> dict[str, Variable]:
        """The outputs of both splits, at all epochs, and the samples' classes or targets."""
        axis = "class" if self.classes else "number"
        outputs = {
            split: Variable.stacked("epoch", (f"{split}_sample", axis), [self.at(split, one) for one in self.epochs])
            for split in self.order
        }
        wanted = {
            f"{split}_{name}": Variable.of((f"{split}_sample", axis)[:axes], self.dataset(f"{name}/{split}"))
            for name, axes in (("labels", 1), ("targets", 2))
            for split in self.order
            if f"{name}/{split}" in self.file
        }
        return outputs | wanted

    def coordinates(self) -> dict[str, list]:
        """The epochs and the classes."""
        return {"epoch": self.epochs} | ({"class": self.classes} if self.classes else {})

    def facts(self) -> dict[str, str]:
        """What the outputs are, and the source."""
        return {"outputs": self.outputs, "data": self.source}


def squared_errors(folder: str | Path, sample: np.ndarray) -> np.ndarray | None:
    """The error at the last epoch of each of the test samples `sample` (samples), float32 (samples), where the network whose
    artifacts are in `folder` makes them again; else None."""
    path = Path(folder, Predictions.FILE)
    if not path.exists():
        return None
    with Predictions(path) as file:
        return file["test"][:, 0][sample] if file.order and file.outputs == SQUARED_ERROR else None


def fared(file, split, epochs):
    """How the samples of a `split` fared over the `epochs`, of an open `file`."""
    outputs, kind = [file[f"epochs/{epoch_name(epoch)}/{split}"] for epoch in epochs], file.attrs["outputs"]
    if kind in LOSSES:
        return of_errors(np.array([losses[:, 0] for losses in outputs], np.float64), epochs)
    if kind == NUMBERS:
        return sample_errors(outputs, file[f"targets/{split}"], epochs)
    return sample_dynamics(outputs, file[f"labels/{split}"][:], epochs, kind == LOGITS)


def after_training(epochs, untrained):
    return [epoch for epoch in epochs if epoch != untrained] or epochs


class PredictionsWriter:
    """Stores what a network returned, split by split and epoch by epoch, in an open file of so many `counts` of samples."""

    def __init__(self, file: h5py.File, counts: dict[str, int]):
        self.file, self.counts = file, counts

    def store(self, epoch: int, split: str, outputs: Iterable[np.ndarray]) -> None:
        """Store streamed `outputs`, float32 (batch, classes), of all samples of `split` at `epoch`; of numbers (batch,
        numbers), of losses (batch, 1)."""
        group, begin, count = new_group(self.file, f"epochs/{epoch_name(epoch)}"), 0, self.counts[split]
        for batch in outputs:
            if not begin:
                dataset = reserve(group, split, (count, batch.shape[1]), np.float32)
                if "outputs" not in self.file.attrs:
                    self.file.attrs["outputs"] = PROBABILITIES if are_probabilities(batch) else LOGITS
            fill(dataset, begin, batch)
            begin += len(batch)

    def finish(self, images: dict[str, np.ndarray], others: dict[str, np.ndarray], untrained: int | None) -> None:
        """Keep those of the `images` that are worth seeing, by split; `others` are the samples in a random order."""
        trained = after_training(epochs_in(self.file["epochs"]), untrained)
        for split, of_split in images.items():
            found = fared(self.file, split, trained)
            sample = worth_seeing(found, SHOWN, others[split])
            if isinstance(found, Errors):
                sample = np.union1d(sample, np.argsort(found.mean, kind="stable")[:BEST])
            write(self.file, f"shown/{split}/sample", sample)
            write(self.file, f"shown/{split}/images", of_split[sample])


@contextmanager
def write_predictions(
    path: str | Path, labels: dict[str, np.ndarray], classes: list[str], source: str, estimates: bool = False
) -> Iterator[PredictionsWriter]:
    """Yield the writer of a new file at `path`, with the `labels` of each split in it.

    `estimates` says that the outputs are estimates of probabilities, as those of a network trained by squared error are;
    else the outputs themselves tell whether they are logits.
    """
    with create(path) as file:
        for split, values in labels.items():
            write(file, f"labels/{split}", values)
        file.attrs.update(splits=list(labels), classes=classes, source=source)
        if estimates:
            file.attrs["outputs"] = PROBABILITIES
        yield PredictionsWriter(file, {split: len(values) for split, values in labels.items()})


@contextmanager
def write_numbers(path: str | Path, targets: dict[str, np.ndarray], source: str) -> Iterator[PredictionsWriter]:
    """Yield the writer of a new file at `path` of a regression, with the `targets` (samples, numbers) of each split in it."""
    with create(path) as file:
        for split, values in targets.items():
            write(file, f"targets/{split}", np.asarray(values, np.float32))
        file.attrs.update(splits=list(targets), classes=[], source=source, outputs=NUMBERS)
        yield PredictionsWriter(file, {split: len(values) for split, values in targets.items()})


@contextmanager
def write_losses(
    path: str | Path, counts: dict[str, int], source: str, loss: str, constant: float
) -> Iterator[PredictionsWriter]:
    """Yield the writer of a new file at `path` of so many samples' losses of each split; `loss` is one of LOSSES, and
    `constant` that of the best constant answer."""
    with create(path) as file:
        file.attrs.update(splits=list(counts), classes=[], source=source, outputs=loss, constant=constant)
        yield PredictionsWriter(file, counts)


def write_no_predictions(path: str | Path, source: str) -> None:
    """Write the file of a network whose outputs are no answers: without splits, epochs and samples."""
    with create(path) as file:
        for group in ("epochs", "labels", "shown"):
            new_group(file, group)
        file.attrs.update(splits=[], classes=[], source=source, outputs=LOGITS)

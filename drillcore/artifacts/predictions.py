"""predictions.h5: what a network returned for every training and test sample, at every stored epoch.

`epochs/NNN/train` and `epochs/NNN/test` float32 (samples, classes), `labels/train` and `labels/test` int64 (samples); of
samples that are worth seeing `shown/train/sample` int64 (shown) and `shown/train/images` uint8 (shown, height, width,
channels), and the same of test; attributes `splits`, `classes`, `source`, `outputs`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.layers import ArraysByEpoch, epoch_name, epochs_in
from drillcore.artifacts.reader import Variable
from drillcore.base.store import create, fill, new_group, reserve, write
from drillcore.samples import Dynamics, are_probabilities, sample_dynamics, worth_seeing

LOGITS, PROBABILITIES = "logits", "probabilities"
SHOWN = 300
"""Of at most so many samples of a split the images are kept."""


class Predictions(ArraysByEpoch):
    """predictions.h5: `file["train"]` is what the network returned for the training samples at the last epoch, (samples,
    classes), `file["test", 3]` that for the test samples at epoch 3.

    Attributes
    ----------
    epochs : list of int
        0 is before training.
    classes : list of str
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
    def logits(self) -> bool:
        """Whether the outputs are logits, and not probabilities or, of a network trained by squared error, estimates of
        them."""
        return self.attribute("outputs") == LOGITS

    def labels(self, split: str) -> np.ndarray:
        """The classes of the samples of "train" or "test", int64 (samples)."""
        return self.array(f"labels/{split}")

    def shown(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The numbers (shown) and images (shown, height, width, channels) of samples that are worth seeing."""
        return self.array(f"shown/{split}/sample"), self.array(f"shown/{split}/images")

    def trained_epochs(self, untrained: int | None = 0) -> list[int]:
        """The stored epochs but the `untrained`; that alone where there is no other."""
        return after_training(self.epochs, untrained)

    def dynamics(self, split: str, untrained: int | None = 0) -> Dynamics:
        """How each sample of "train" or "test" fared over the stored epochs but the `untrained`."""
        epochs = self.trained_epochs(untrained)
        return sample_dynamics([self.at(split, one) for one in epochs], self.labels(split), epochs, self.logits)

    def variables(self) -> dict[str, Variable]:
        """The outputs of both splits, at all epochs, and the samples' classes."""
        outputs = {
            split: Variable.stacked("epoch", (f"{split}_sample", "class"), [self.at(split, one) for one in self.epochs])
            for split in self.order
        }
        labels = {
            f"{split}_labels": Variable.of((f"{split}_sample",), self.dataset(f"labels/{split}"))
            for split in self.order
        }
        return outputs | labels

    def coordinates(self) -> dict[str, list]:
        """The epochs and the classes."""
        return {"epoch": self.epochs, "class": self.classes}

    def facts(self) -> dict[str, str]:
        """What the outputs are, and the source."""
        return {"outputs": str(self.attribute("outputs")), "data": self.source}


def after_training(epochs, untrained):
    return [epoch for epoch in epochs if epoch != untrained] or epochs


class PredictionsWriter:
    """Stores what a network returned, split by split and epoch by epoch, in an open file."""

    def __init__(self, file: h5py.File):
        self.file = file

    def store(self, epoch: int, split: str, outputs: Iterable[np.ndarray]) -> None:
        """Store streamed `outputs`, float32 (batch, classes), of all samples of `split` at `epoch`."""
        group, begin, count = new_group(self.file, f"epochs/{epoch_name(epoch)}"), 0, len(self.file[f"labels/{split}"])
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
            outputs = [self.file[f"epochs/{epoch_name(epoch)}/{split}"] for epoch in trained]
            labels = self.file[f"labels/{split}"][:]
            found = sample_dynamics(outputs, labels, trained, self.file.attrs["outputs"] == LOGITS)
            sample = worth_seeing(found, SHOWN, others[split])
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
        yield PredictionsWriter(file)


def write_no_predictions(path: str | Path, source: str) -> None:
    """Write the file of a network that is asked for no classes: without splits, epochs and samples."""
    with create(path) as file:
        for group in ("epochs", "labels", "shown"):
            new_group(file, group)
        file.attrs.update(splits=[], classes=[], source=source, outputs=LOGITS)

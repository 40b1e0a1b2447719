"""augmented.h5: one test image under many random augmentations, and the outputs of every layer at the last epoch.

`images` uint8 (augmentations, height, width, channels), `layers/<layer>` float32 (augmentations, units) with the
attribute `units` where they are a subset; attributes `sample`, `label`, `layers`. Which sample it is, is that of
data/<dataset>_augmented.h5, and so are `inputs` that are no images, and their `original`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from drillcore.artifacts.augmentations import AugmentedImage, store_augmentations
from drillcore.artifacts.reader import Stored, Variable, known
from drillcore.base.names import escaped
from drillcore.base.store import create, new_group


class Augmented(AugmentedImage):
    """augmented.h5: `file[layer]` is a layer's outputs (augmentations, units) for the augmentations of one image.

    Attributes
    ----------
    layers : list of str
    images : HDF5 dataset uint8 (augmentations, height, width, channels)
    sample, label : int
        The image's number in the test set, and its class.
    """

    FILE = "augmented.h5"

    @property
    def layers(self) -> list[str]:
        """The names of the layers, in the network's order."""
        return self.names("layers")

    def __getitem__(self, layer: str) -> Stored:
        return self.dataset(f"layers/{escaped(known(layer, self.layers, 'layer', self.path))}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def variables(self) -> dict[str, Variable]:
        """The images, and each layer's outputs for them."""
        of_layers = {layer: Variable.of(("augmentation", f"unit_{layer}"), self[layer]) for layer in self.layers}
        return {**super().variables(), **of_layers}


def write_augmented(
    path: str | Path,
    inputs: np.ndarray,
    sample: int,
    label: int | None,
    original: np.ndarray | None,
    store: Callable[[h5py.Group], list[str]],
) -> None:
    """Write the augmentations of the test sample `sample` of class `label`, the `original`, None of an image, and what
    `store`, called with a group, puts there: the outputs of all layers, whose names it returns, as `store_outputs` does."""
    with create(path) as file:
        store_augmentations(file, inputs, sample, label, original)
        file.attrs["layers"] = store(new_group(file, "layers"))

"""The same network with the same weights has the same curvature in Keras as in PyTorch."""

import numpy as np
import torch
from torch import nn

import drillcore
from tests.processes import run


class Mean(nn.Module):
    """The mean over height and width."""

    def forward(self, images):
        return images.mean((2, 3))


def taken(array):
    """A weight of Keras as PyTorch has it, inputs last."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def test_keras_and_pytorch_find_the_same(tmp_path):
    result = run("tests.landscape.child_keras_curvature", tmp_path / "keras.npz")
    assert result.returncode == 0, result.stderr
    keras = np.load(tmp_path / "keras.npz")
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 3, 3, padding="same"), nn.ReLU(), nn.BatchNorm2d(3, eps=1e-3)),
        nn.MaxPool2d(2),
        Mean(),
        nn.Linear(3, 4),
        nn.Tanh(),
        nn.Linear(4, 3),
    )
    names = [name.removeprefix("weight ") for name in keras.files if name.startswith("weight ")]
    with torch.no_grad():
        for weight, name in zip(model.parameters(), names, strict=True):
            weight.copy_(torch.from_numpy(taken(keras[f"weight {name}"])))
    images, labels = torch.from_numpy(keras["images"]).permute(0, 3, 1, 2), torch.from_numpy(keras["labels"])
    found = drillcore.curvature(model, nn.functional.cross_entropy, images, labels, 3, 100, entries=27)
    size = np.abs(keras["eigenvalues"]).max()
    np.testing.assert_allclose([*found.largest, found.smallest], keras["eigenvalues"], rtol=1e-4, atol=1e-6 * size)
    scalars = found.loss, found.gradient_norm, found.trace.value, found.noise.variance, found.noise.signal
    np.testing.assert_allclose(scalars, keras["scalars"], rtol=1e-4)
    for values, name in zip(found.diagonal.values(), names, strict=True):
        shape = keras[f"weight {name}"].shape
        position = taken(np.arange(np.prod(shape)).reshape(shape)).ravel().argsort()[keras[f"entries {name}"]]
        np.testing.assert_allclose(values[position], keras[f"diagonal {name}"], rtol=1e-4, atol=1e-6 * size)

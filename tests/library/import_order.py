"""python -m tests.library.import_order MODULE ... : import them in this order, then fit and extract with each framework."""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np

IMAGES = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
LABELS = np.arange(8) % 3


def in_keras(path):
    """Fit a Keras model with the callback; returns its outputs and what its weights make of the images."""
    import keras

    import drillcore

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, name="dense")])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, LABELS, batch_size=4, verbose=0, callbacks=[drillcore.OptimizationInsightCallback(path)])
    kernel, bias = model.get_weights()
    return drillcore.get_intermediate_outputs(model, IMAGES)["dense"], IMAGES @ kernel + bias


def in_torch(path):
    """The same in PyTorch, whose optimisers load Triton."""
    import torch

    import drillcore

    images, labels = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)
    model = torch.nn.Sequential(torch.nn.Linear(5, 3))
    optimizer = torch.optim.Adam(model.parameters())
    with drillcore.GradientRecorder(model.named_parameters(), path) as recorder:
        for begin in (0, 4):
            optimizer.zero_grad()
            rows = slice(begin, begin + 4)
            torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            recorder.step()
            optimizer.step()
    kernel, bias = (parameter.detach().numpy() for parameter in model.parameters())
    return drillcore.get_intermediate_outputs(model, images)["0"], IMAGES @ kernel.T + bias


if __name__ == "__main__":
    for module in sys.argv[1:]:
        import_module(module)
    import drillcore

    with tempfile.TemporaryDirectory() as folder:
        fits = [in_keras] * ("keras" in sys.argv) + [in_torch] * ("torch" in sys.argv)
        for fit in fits:
            path = Path(folder, f"{fit.__name__}.h5")
            found, expected = fit(path)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
            with drillcore.open(path) as file:
                assert file.counts()[:].sum() == 18  # 5 x 3 weights and 3 biases, of one step to the next
        print(*[fit.__name__ for fit in fits])

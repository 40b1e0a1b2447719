"""The last cell that the test adds to the notebook, whose names it checks."""
# ruff: noqa: E741, F821

import numpy as np

gradients = drillcore.read("gradients.h5")
counts = gradients["raw/counts"]
assert counts.shape[:2] == (167, 4) and gradients["raw/epoch"][-1] == 8
assert (counts[:].sum((2, 3, 4)) == gradients.attrs["sizes"]).all()
assert list(gradients.attrs["tensors"]) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]

assert list(outputs) == ["fc1", "relu", "fc2"]
stored = {name: tensor.numpy().astype(np.float64) for name, tensor in torch.load("digits.pth").items()}
expected = images[1297:].numpy() @ stored["fc1.weight"].T + stored["fc1.bias"]
np.testing.assert_allclose(outputs["fc1"], expected, atol=1e-5)
np.testing.assert_allclose(outputs["relu"], np.maximum(outputs["fc1"], 0))
accuracy = (outputs["fc2"].argmax(1) == labels[1297:].numpy()).mean()
assert accuracy > 0.8, accuracy

columns = np.concatenate([*outputs.values()], axis=1).astype(np.float64)
living = columns.std(0) > 0
np.testing.assert_allclose(r[np.ix_(living, living)], np.corrcoef(columns[:, living].T), atol=1e-6)
assert np.isnan(r[~living]).all()


def hsic(x, y):
    # Song et al. 2012, equation 5, in full matrices.
    k, l = (values.astype(np.float64) @ values.T.astype(np.float64) for values in (x, y))
    np.fill_diagonal(k, 0), np.fill_diagonal(l, 0)
    n = len(k)
    return np.trace(k @ l) + k.sum() * l.sum() / (n - 1) / (n - 2) - 2 * (k @ l).sum() / (n - 2)


pair = outputs["fc1"], outputs["fc2"]
expected = hsic(*pair) / np.sqrt(hsic(pair[0], pair[0]) * hsic(pair[1], pair[1]))
np.testing.assert_allclose(cka[0, 2], expected, rtol=1e-4)
assert (p == 1 / 201).all()

(line,) = [line for line in axes.lines if len(line.get_ydata()) == 10]
centred = outputs["fc2"] - outputs["fc2"].mean(0, dtype=np.float64)
np.testing.assert_allclose(line.get_ydata(), np.linalg.svd(centred, compute_uv=False), rtol=1e-5)
assert all(map_.trustworthiness > 0.9 and map_.points.shape == (500, 2) for map_ in maps.values())

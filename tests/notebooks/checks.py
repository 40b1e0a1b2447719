"""The last cell that the test adds to a notebook, whose names it checks."""
# ruff: noqa: E741, F821

import sys

import numpy as np

with drillcore.open("gradients.h5") as file:
    counts, sizes, loss = file.counts()[:], file.sizes, file.loss
    assert counts.shape[:2] == (167, 6) and file.epoch()[-1] == 8 and len(loss) == 168
    assert (counts.sum((2, 3, 4)) == sizes).all() and sizes.tolist() == [3072, 48, 1152, 24, 240, 10]
    assert np.isfinite(loss).all() and loss[-10:].mean() < 0.5 < loss[0]

if "torch" in sys.modules:
    *hidden, last = [outputs[name] for name in ("fc1", "fc2", "fc3")]
    first = images[1297:].numpy() @ fc1.weight.detach().numpy().T + fc1.bias.detach().numpy()
    answers, truth = outputs["fc3"].argmax(1), labels[1297:].numpy()
else:
    *hidden, last = outputs.values()
    kernel, bias = model.get_weights()[:2]
    first = np.maximum(images[1297:] @ kernel + bias, 0)
    answers, truth = outputs["classes"].argmax(1), labels[1297:]
np.testing.assert_allclose(hidden[0], first, atol=1e-5)
assert [layer.shape for layer in (*hidden, last)] == [(500, 48), (500, 24), (500, 10)]
assert (answers == truth).mean() > 0.8


def hsic(x, y):
    # Song et al. 2012, equation 5, in full matrices.
    k, l = (values.astype(np.float64) @ values.T.astype(np.float64) for values in (x, y))
    np.fill_diagonal(k, 0), np.fill_diagonal(l, 0)
    n = len(k)
    return np.trace(k @ l) + k.sum() * l.sum() / (n - 1) / (n - 2) - 2 * (k @ l).sum() / (n - 2)


matrix = drillcore.similarity_matrix(outputs)
assert matrix.rows == list(outputs)
np.testing.assert_allclose(np.diag(matrix), 1)
pair = hidden[0], last
expected = hsic(*pair) / np.sqrt(hsic(pair[0], pair[0]) * hsic(pair[1], pair[1]))
np.testing.assert_allclose(matrix.values[matrix.rows.index("fc1") if "fc1" in outputs else 0, -1], expected, rtol=1e-4)

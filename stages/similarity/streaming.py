"""CKA of more samples than fit in memory: one pass over the rows of HDF5 datasets.

Rows are read in chunks, shifted by the first chunk's mean so that little cancels, and multiplied in their own
precision; every sum over chunks is float64. What the shift lacks to the mean is put right at the end, exactly.
"""

from typing import NamedTuple

import numpy as np

from stages.shared.base.store import row_blocks
from stages.similarity.cka import normalised, u_centred
from stages.similarity.parallel import side_by_side
from stages.similarity.representation import LEAST_SAMPLES, check_together

CHUNK_BYTES = 64 << 20


class Streamed(NamedTuple):
    """Linear and debiased CKA of all pairs of layers, both (layers, layers)."""

    linear_cka: np.ndarray
    debiased_cka: np.ndarray


def stream_cka(layers, chunk_bytes=CHUNK_BYTES):
    """`linear_cka` and `debiased_cka` of all pairs of `layers`, HDF5 datasets or arrays (samples, units).

    Costs 2 samples p q operations for each pair, in the datasets' own precision, and about `chunk_bytes` of memory
    beside the cross-products (p, q) in float64. Of float32 datasets the result equals the one in float64 to 1e-6.
    NaN where a layer is constant or not finite, and for fewer than 4 samples.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    >>> stream_cka([X, 2 * X + 1]).debiased_cka.round(4)
    array([[1., 1.],
           [1., 1.]])
    """
    check_together(*layers)
    samples = len(layers[0])
    if samples < LEAST_SAMPLES:
        return Streamed(*np.full((2, len(layers), len(layers)), np.nan))
    row_bytes = sum(layer.shape[1] * layer.dtype.itemsize for layer in layers)
    blocks, sums = row_blocks(samples, row_bytes, chunk_bytes), Sums(layers)
    with side_by_side() as each, np.errstate(invalid="ignore"):  # for activations that are not finite
        for rows in blocks:
            sums.add(rows, each)
        return sums.cka()


class Sums:
    """What is summed over chunks of rows: of shifted features x and their squared norms r.

    `features` are the sums of x of each layer (p), `products` of x y^T of each pair of layers (p, q), `norms` of r
    (layers), `norm_products` of r r (layers, layers), `weighted` of every layer's r times x of each layer (layers, p).
    """

    def __init__(self, layers):
        units, numbers = [layer.shape[1] for layer in layers], range(len(layers))
        self.layers, self.samples, self.shifts = layers, 0, [None] * len(layers)
        self.dtype = np.result_type(np.float32, *(layer.dtype for layer in layers))
        self.features = [np.zeros(p) for p in units]
        self.products = {(i, j): np.zeros((units[i], units[j])) for j in numbers for i in range(j + 1)}
        self.norms, self.norm_products = np.zeros(len(units)), np.zeros((len(units), len(units)))
        self.weighted = [np.zeros((len(units), p)) for p in units]

    def add(self, rows, each):
        """Add the slice `rows` of all layers; its tasks run in `each`, a map of `side_by_side`."""
        numbers = range(len(self.layers))
        chunk = list(each(lambda layer: self.shifted(layer, rows), numbers))
        norms = np.array(list(each(lambda x: np.vecdot(x, x), chunk)))
        self.samples += norms.shape[1]
        self.norms += norms.sum(1, dtype=np.float64)
        self.norm_products += norms.astype(np.float64) @ norms.astype(np.float64).T

        def add_sums(layer):
            self.features[layer] += np.ones(len(chunk[layer]), self.dtype) @ chunk[layer]
            self.weighted[layer] += norms @ chunk[layer]

        def add_products(pair):
            self.products[pair] += chunk[pair[0]].T @ chunk[pair[1]]

        list(each(add_sums, numbers))
        list(each(add_products, self.products))

    def shifted(self, layer, rows):
        """The features in the slice `rows` of a layer, less the first chunk's mean."""
        features = self.layers[layer][rows]
        if self.shifts[layer] is None:
            # The first row takes a constant unit to zero exactly; a mean would leave its rounding.
            first = features[0].astype(self.dtype)
            self.shifts[layer] = (first + (features - first).mean(0, np.float64)).astype(self.dtype)
        return np.subtract(features, self.shifts[layer], dtype=self.dtype)

    def cka(self):
        """The `Streamed` similarities of all rows so far."""
        n, layers = self.samples, range(len(self.norms))
        means = [features / n for features in self.features]
        squares = np.array([mean @ mean for mean in means])
        biased, diagonals = np.empty((2, len(layers), len(layers)))
        for (i, j), products in self.products.items():
            centred = products - n * np.outer(means[i], means[j])
            biased[i, j] = biased[j, i] = np.vdot(centred, centred)
            # The sum of |x - m|^2 |y - k|^2, multiplied out, with m and k the means of x and y.
            diagonals[i, j] = diagonals[j, i] = (
                self.norm_products[i, j]
                - 2 * (self.weighted[j][i] @ means[j] + self.weighted[i][j] @ means[i])
                + squares[j] * self.norms[i]
                + squares[i] * self.norms[j]
                + 4 * means[i] @ products @ means[j]
                - 3 * n * squares[i] * squares[j]
            )
        traces = self.norms - n * squares
        debiased = u_centred(biased, diagonals, np.outer(traces, traces), n)
        return Streamed(normalised(biased, 0.0), normalised(debiased, 16 * np.finfo(self.dtype).eps * np.diag(biased)))

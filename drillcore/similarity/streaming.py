"""CKA of more samples than fit in memory: one pass over the rows of HDF5 datasets.

Rows are read in chunks, shifted by the first chunk's mean so that little cancels, and multiplied in their own
precision; every sum over chunks is float64. What the shift lacks to the mean is put right at the end, exactly. Where
that precision could not hold a layer, or left little of it beside rounding, the rows are read once more, for float64.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drillcore.base.arrays import row_blocks, together
from drillcore.similarity.measures.cka import normalised, relative_zero, u_centred
from drillcore.similarity.representation import LEAST_SAMPLES
from drillcore.threads import side_by_side

CHUNK_BYTES = 64 << 20

DOUBT = 1 / 64
"""Where less of its terms is left of a sum in float32, their rounding, some 1e-7, would show in the sixth digit of CKA."""

RANGE = 2.0**-60, 2.0**60
"""Of the mean squared distance from the mean: the third powers of features that are summed then fit float32."""


class Streamed(NamedTuple):
    """Linear and debiased CKA of all pairs of layers, both (layers, layers)."""

    linear_cka: np.ndarray
    debiased_cka: np.ndarray


def stream_cka(layers: Sequence[ArrayLike], chunk_bytes: int = CHUNK_BYTES) -> Streamed:
    """Return linear and debiased CKA of every two layers that may be larger than memory, in one pass over their rows.

    Costs 2 samples p q operations for each pair, in the datasets' precision, and about `chunk_bytes` of memory beside the
    cross-products (p, q) in float64. Of float32 datasets the result equals the one in float64 to 1e-6.

    Parameters
    ----------
    layers : sequence of h5py.Dataset or array_like (samples, units)
        Activations of all layers, of the same samples in the same order.
    chunk_bytes : int
        Bytes of activations, of all layers together, that are in memory at a time.

    Returns
    -------
    Streamed
        `linear_cka` and `debiased_cka`, float64 arrays (layers, layers). NaN where a layer is constant or not finite, and
        for fewer than 4 samples.

    Raises
    ------
    InputError
        If there is no layer, the activations of one are not (samples, units) real numbers, or the layers differ in their
        number of samples.

    References
    ----------
    S. Kornblith et al. 2019, arXiv 1905.00414.

    L. Song et al. 2012, JMLR 13.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    >>> drillcore.stream_cka([X, 2 * X + 1]).debiased_cka.round(4)
    array([[1., 1.],
           [1., 1.]])
    """
    layers = together(layers)
    samples = len(layers[0])
    if samples < LEAST_SAMPLES:
        return Streamed(*np.full((2, len(layers), len(layers)), np.nan))
    dtype = np.result_type(np.float32, *(layer.dtype for layer in layers))
    blocks = row_blocks(samples, sum(layer.shape[1] * layer.dtype.itemsize for layer in layers), chunk_bytes)
    with np.errstate(invalid="ignore", over="ignore"):  # for activations that are not finite
        products = summed(layers, blocks, dtype, np.zeros(len(layers), int))
        certain = products.certain(DOUBT if dtype == np.float32 else 0.0)
        spreads = [1.0 if sure else spread(layer, blocks) for layer, sure in zip(layers, certain, strict=True)]
        defined = np.isfinite(spreads) & (np.array(spreads) > 0)
        if certain[defined].all():
            return products.cka(certain)
        numbers = np.flatnonzero(defined)
        exponents = [-np.frexp(spreads[number])[1] for number in numbers]
        products = summed([layers[number] for number in numbers], blocks, np.float64, exponents)
        values = np.full((2, len(layers), len(layers)), np.nan)
        values[:, numbers[:, None], numbers] = products.cka(products.certain())
        return Streamed(*values)


def spread(layer, blocks):
    """The largest distance of a value of `layer` from its unit's first; NaN or Inf where one is not finite."""
    first = layer[0].astype(np.float64)
    return np.max([np.abs(layer[rows] - first).max(initial=0.0) for rows in blocks])


def summed(layers, blocks, dtype, exponents):
    """The `Products` of `layers` over the `blocks` of rows."""
    sums = Sums(layers, dtype, exponents)
    with side_by_side() as each:
        for rows in blocks:
            sums.add(rows, each)
    return sums.products_of_all()


class Products(NamedTuple):
    """Inner products of all pairs of layers' Gram matrices, centred and U-centred, both (layers, layers).

    `terms` (layers) bound what cancels in a layer's with itself, `variances` are mean squared distances from the mean,
    `zeros` the shares of the terms that rounding leaves in float64.
    """

    biased: np.ndarray
    debiased: np.ndarray
    terms: np.ndarray
    variances: np.ndarray
    zeros: np.ndarray

    def certain(self, share=0.0):
        """Which layers (layers) keep more than `share` of their terms, and more than rounding, and are in `RANGE`."""
        kept = np.diag(self.debiased) > np.maximum(share, self.zeros) * self.terms
        return kept & (RANGE[0] < self.variances) & (self.variances < RANGE[1])

    def cka(self, certain):
        """The `Streamed` similarities, debiased ones of layers that are `certain` alone."""
        return Streamed(normalised(self.biased, 0.0), normalised(self.debiased, np.where(certain, 0.0, np.inf)))


class Sums:
    """What is summed over chunks of rows: of shifted features x and their squared norms r.

    They are those of `layers`, each times 2 to one of `exponents`, in `dtype`. `features` are the sums of x of each
    layer (p), `products` of x y^T of each pair of layers (p, q), `norms` of r (layers), `norm_products` of r r
    (layers, layers), `weighted` of every layer's r times x of each layer (layers, p).
    """

    def __init__(self, layers, dtype, exponents):
        units, numbers = [layer.shape[1] for layer in layers], range(len(layers))
        self.layers, self.samples, self.shifts = layers, 0, [None] * len(layers)
        self.dtype, self.exponents = dtype, exponents
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
        if self.exponents[layer]:
            features = np.ldexp(features.astype(self.dtype), self.exponents[layer])
        if self.shifts[layer] is None:
            # The first row takes a constant unit to zero exactly; a mean would leave its rounding.
            first = features[0].astype(self.dtype)
            self.shifts[layer] = (first + (features - first).mean(0, np.float64)).astype(self.dtype)
        return np.subtract(features, self.shifts[layer], dtype=self.dtype)

    def products_of_all(self):
        """The `Products` of all rows so far."""
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
        terms = np.square(np.sqrt(np.diag(biased)) + n * squares)
        zeros = np.array([relative_zero(n, mean.size) for mean in means])
        return Products(biased, debiased, terms, traces / n, zeros)

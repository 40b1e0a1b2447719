"""Two-dimensional maps of a layer's representations: t-SNE, and its linear twin."""

from multiprocessing.pool import ThreadPool
from typing import NamedTuple

import numpy as np

from drillcore.base.arrays import samples_by_units

EARLY_EXAGGERATION = 12
FARTHEST = 1e19
"""How many times as large as the typical sample one may be: beyond, openTSNE's search for kernels ends too early."""


class Embedding(NamedTuple):
    """A map of samples.

    `points` is (samples, 2); `kl_divergence` and `trustworthiness` are NaN where there was no t-SNE, and `status` says
    "t-SNE" or why there was none.
    """

    points: np.ndarray
    kl_divergence: float
    trustworthiness: float
    neighbor_recall: float
    status: str


def embed(features, perplexity=30.0, iterations=500, neighbors=10, seed=0):
    """Map `features` (samples, units) to two dimensions by t-SNE (van der Maaten and Hinton 2008, by openTSNE).

    The map starts from the principal components (Kobak and Berens 2019) and learns at the rate n / exaggeration
    (Belkina et al. 2019). A layer of width 1 or 2 needs no map and one with fewer than three distinct rows has none:
    their coordinates themselves are returned, and the status says so.

    Trustworthiness (Venna and Kaski 2001) is 1 where no sample's `neighbors` nearest in the map were far away in the
    layer; neighbour recall is the share of a sample's nearest in the layer that are nearest in the map too. Both are
    NaN for fewer than 2 * `neighbors` + 2 samples, where they are not defined. Returns an `Embedding`; features that are not
    finite have no map and raise nothing, while a ValueError tells those that are not (samples, units).
    """
    features = np.asarray(samples_by_units(features), np.float64)
    samples, units = features.shape
    distinct = len(np.unique(features, axis=0))
    if not np.isfinite(features).all():
        return no_map(samples, "the layer's outputs are not finite")
    if units <= 2:
        return Embedding(coordinates(features), *[np.nan] * 3, f"coordinates: the layer has width {units}")
    if distinct < 3:
        return Embedding(coordinates(features), *[np.nan] * 3, f"coordinates: {distinct} distinct rows")
    if perplexity * 3 > samples - 1:
        return Embedding(
            principal_components(features),
            *[np.nan] * 3,
            f"PCA: perplexity {perplexity:g} needs {3 * perplexity + 1:.0f} samples",
        )
    features = comparable(features)
    sizes = np.abs(features).max(1)
    if FARTHEST * np.median(sizes[sizes > 0]) < sizes.max():
        return no_map(samples, "some outputs lie too far from all others for their distances to be compared")
    with ThreadPool(1) as thread:  # where no Ctrl-C arrives: openTSNE's compiled loops can crash when one ends them
        points, kl_divergence = thread.apply(tsne, (features, perplexity, iterations, seed))
    if not np.isfinite(points).all():
        return no_map(samples, "t-SNE did not stay finite")
    return Embedding(points, kl_divergence, *faithfulness(features, points, neighbors), "t-SNE")


def tsne(features, perplexity, iterations, seed):
    """openTSNE's map of `features`, its points (samples, 2) and its Kullback-Leibler divergence.

    On one thread: with more, sums come in another order each time and no two maps are the same.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    affinities = PerplexityBasedNN(features, perplexity, method="exact", random_state=seed)
    start = principal_components(features)
    start = start / start[:, 0].std() * 1e-4
    rate = len(features) / EARLY_EXAGGERATION
    method = "bh" if len(features) < 10_000 else "fft"
    embedding = TSNEEmbedding(start, affinities, negative_gradient_method=method, random_state=seed)
    embedding.optimize(250, exaggeration=EARLY_EXAGGERATION, momentum=0.5, learning_rate=rate, inplace=True)
    embedding.optimize(iterations, momentum=0.8, learning_rate=len(features), inplace=True)
    return np.asarray(embedding), float(embedding.kl_divergence)


def no_map(samples, reason):
    """The `Embedding` of so many samples that have no coordinates, for the `reason`."""
    return Embedding(np.full((samples, 2), np.nan), *[np.nan] * 3, f"none: {reason}")


def comparable(features):
    """Finite `features` less each unit's median, by the power of two that brings the largest into [0.5, 1).

    The libraries take squares, and where those overflow, vanish or cancel they fail, crash, or map noise. A median does
    not follow a single huge sample, which would cost the others their digits.
    """
    features = features - np.median(features, axis=0)
    return np.ldexp(features, -np.frexp(np.abs(features).max())[1])


def principal_components(features):
    """The projections (samples, 2) on the first two principal components, each component's largest loading positive.

    NaN where one of `features` is not finite; a second component that is not there is zero. Raises a ValueError where
    `features` are not (samples, units).
    """
    features = np.asarray(samples_by_units(features), np.float64)
    if not np.isfinite(features).all():
        return np.full((len(features), 2), np.nan)
    if not features.shape[1]:
        return np.zeros((len(features), 2))
    centred = features - features.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])
    return coordinates(centred @ (directions * signs[:, None]).T)


def coordinates(features):
    """The first two columns of `features`, with zeros for a second that is not there."""
    return np.pad(features[:, :2], ((0, 0), (0, max(0, 2 - features.shape[1]))))


def faithfulness(features, points, neighbors):
    """Trustworthiness and neighbour recall of the map `points` (samples, 2) of `features` (samples, units)."""
    if len(features) < 2 * neighbors + 2:
        return np.nan, np.nan
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(features, points, n_neighbors=neighbors)), neighbor_recall(features, points, neighbors)


def neighbor_recall(features, points, neighbors):
    """The mean share of each sample's `neighbors` nearest in `features` that are among its nearest in `points`."""
    from sklearn.neighbors import NearestNeighbors

    near_features, near_points = (
        NearestNeighbors(n_neighbors=neighbors).fit(space).kneighbors(return_distance=False)
        for space in (features, points)
    )
    shared = [len(np.intersect1d(a, b)) for a, b in zip(near_features, near_points, strict=True)]
    return float(np.mean(shared) / neighbors)

"""Two-dimensional maps of a layer's representations: t-SNE, and its linear twin."""

from multiprocessing.pool import ThreadPool
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import samples_by_units
from drillcore.extras import require

EARLY_EXAGGERATION = 12
FARTHEST = 1e19
"""How many times as large as the typical sample one may be: beyond, openTSNE's search for kernels ends too early."""


class Embedding(NamedTuple):
    """A map of samples, as `embed` returns it.

    Parameters
    ----------
    points : float64 array (samples, 2)
        The coordinates; without unit. NaN where there is no map.
    kl_divergence : float
        t-SNE's Kullback-Leibler divergence in nats; NaN where there was no t-SNE.
    trustworthiness : float
        From 0 to 1; NaN where there was no t-SNE, or too few samples.
    neighbor_recall : float
        From 0 to 1; NaN where trustworthiness is.
    status : str
        "t-SNE", or the reason why there was none.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.embed([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]).status
    'coordinates: the layer has width 2'
    """

    points: NDArray[np.float64]
    kl_divergence: float
    trustworthiness: float
    neighbor_recall: float
    status: str


def embed(
    features: ArrayLike, perplexity: float = 30.0, iterations: int = 500, neighbors: int = 10, seed: int = 0
) -> Embedding:
    """Map the activations of a layer to two dimensions by t-SNE.

    The map starts from the principal components (Kobak and Berens) and learns at the rate samples / exaggeration (Belkina et
    al.). A layer of width 1 or 2 needs no map and one with fewer than three distinct rows has none: their coordinates
    themselves are returned. Where the samples are too few for the perplexity, the principal components are. Activations
    that are not finite have no map: its points are NaN. The status says which it was.

    Parameters
    ----------
    features : array_like (samples, units)
        Activations, of any real type.
    perplexity : float
        About how many neighbours each sample has; samples must be more than three times as many.
    iterations : int
        Steps of the optimisation after the 250 of early exaggeration.
    neighbors : int
        How many nearest samples trustworthiness and neighbour recall look at.
    seed : int
        Of t-SNE's random numbers: the same seed gives the same map on the same machine.

    Returns
    -------
    Embedding
        Trustworthiness (Venna and Kaski) is 1 where no sample's nearest in the map were far away in the layer.
        Neighbour recall is the fraction of a sample's nearest in the layer that are nearest in the map too. Both are NaN
        for fewer than 2 * `neighbors` + 2 samples, where they are not defined.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers of at least one sample.

    References
    ----------
    L. van der Maaten and G. Hinton 2008, "Visualizing data using t-SNE", JMLR 9.

    D. Kobak and P. Berens 2019, doi 10.1038/s41467-019-13056-x (the start).

    A. C. Belkina et al. 2019, doi 10.1038/s41467-019-13055-y (the learning rate).

    J. Venna and S. Kaski 2001, doi 10.1007/3-540-44668-0_68 (trustworthiness).

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> features = np.random.default_rng(0).normal(size=(40, 5))
    >>> map_ = drillcore.embed(features, perplexity=5, iterations=50)
    >>> map_.points.shape, map_.status
    ((40, 2), 't-SNE')
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
    require("maps", "embed")
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


def principal_components(features: ArrayLike) -> NDArray[np.float64]:
    """Return the projections of a layer's activations on their first two principal components.

    Parameters
    ----------
    features : array_like (samples, units)
        Activations, of any real type.

    Returns
    -------
    float64 array (samples, 2)
        In the units of the activations. Each component's largest loading is positive. A second component that is not there
        is zero. All are NaN where an activation is not finite.

    Raises
    ------
    InputError
        If the activations are not (samples, units) real numbers of at least one sample.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.principal_components([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]]) + 0.0
    array([[-1.,  0.],
           [ 0.,  0.],
           [ 1.,  0.]])
    """
    features = np.asarray(samples_by_units(features), np.float64)
    if not np.isfinite(features).all():
        return np.full((len(features), 2), np.nan)
    if not features.shape[1]:
        return np.zeros((len(features), 2))
    centred = features - features.mean(0)
    narrow = (
        centred if features.shape[1] <= len(features) else np.linalg.qr(centred.T, "r").T
    )  # the same but for a rotation
    left, singular_values, _ = np.linalg.svd(narrow, full_matrices=False)
    loadings = centred.T @ left[:, :2]
    signs = np.sign(loadings[np.abs(loadings).argmax(0), np.arange(loadings.shape[1])])
    return coordinates(left[:, :2] * (singular_values[:2] * signs))


def coordinates(features):
    """The first two columns of `features`, with zeros for a second that is not there."""
    return np.pad(features[:, :2], ((0, 0), (0, max(0, 2 - features.shape[1]))))


def faithfulness(features, points, neighbors):
    """Trustworthiness and neighbour recall of the map `points` (samples, 2) of `features` (samples, units)."""
    if len(features) < 2 * neighbors + 2:
        return np.nan, np.nan
    from sklearn.metrics import euclidean_distances
    from sklearn.neighbors import NearestNeighbors

    distances = euclidean_distances(features)
    np.fill_diagonal(distances, np.inf)
    ranks = np.argsort(np.argsort(distances, axis=1), axis=1) + 1
    near = NearestNeighbors(n_neighbors=neighbors).fit(points).kneighbors(return_distance=False)
    found = np.take_along_axis(ranks, near, axis=1)
    worst = len(features) * neighbors * (2 * len(features) - 3 * neighbors - 1) / 2
    return float(1 - np.maximum(found - neighbors, 0).sum() / worst), float((found <= neighbors).mean())


def neighbor_recall(features: ArrayLike, points: ArrayLike, neighbors: int) -> float:
    """Return how many of each sample's nearest in a layer are nearest in its map too.

    Parameters
    ----------
    features : array_like (samples, units)
        Activations of the layer.
    points : array_like (samples, 2)
        The map.
    neighbors : int
        How many nearest samples count, fewer than there are samples.

    Returns
    -------
    float
        The mean fraction over the samples, from 0 to 1.

    Raises
    ------
    ValueError
        If there are not more samples than `neighbors`, or a value is not finite.

    Examples
    --------
    >>> import drillcore
    >>> line = [[0.0], [1.0], [3.0], [7.0]]
    >>> drillcore.neighbor_recall(line, line, 1)
    1.0
    """
    require("maps", "neighbor_recall")
    from sklearn.neighbors import NearestNeighbors

    near_features, near_points = (
        NearestNeighbors(n_neighbors=neighbors).fit(space).kneighbors(return_distance=False)
        for space in (features, points)
    )
    shared = [len(np.intersect1d(a, b)) for a, b in zip(near_features, near_points, strict=True)]
    return float(np.mean(shared) / neighbors)

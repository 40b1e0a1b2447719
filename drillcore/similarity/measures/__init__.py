"""The measures by name: what each makes of a layer once, and how it compares all layers with what was made.

The modules beside this one hold them, a family each; `drillcore.similarity.catalogue` says what each is called.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from drillcore.similarity.measures.cca import TOO_FEW_SAMPLES, components, pwcca_matrix, svcca_matrix
from drillcore.similarity.measures.cka import (
    cosines,
    debiased_features,
    debiased_matrix,
    gram_vector,
    linear_features,
    linear_matrix,
    rbf_vector,
    u_gram_vector,
)
from drillcore.similarity.measures.geometry import procrustes_matrix, ranked_distances
from drillcore.similarity.measures.neighbours import cknna_matrix, mutual_knn_matrix, nearest_neighbours

MOST_GRAM_SAMPLES = 2000
"""Up to so many samples a layer's whole Gram matrix is kept (32 MB), and all pairs are one product of them."""


class Method(NamedTuple):
    """How a measure is computed: `work` on one layer's activations, shared by all its pairs, and `compare` of its results.

    `undefined_pair` is why two layers that both have a value may have none together.
    """

    work: Callable
    compare: Callable
    undefined_pair: str = ""


def choose_measures(names, samples, explained_variance=0.99, bandwidth=0.5):
    """The `Method` of each of `names` on `samples`; those that need principal components share one `work`."""
    grams = samples <= MOST_GRAM_SAMPLES
    linear = Method(gram_vector, cosines) if grams else Method(linear_features, linear_matrix)
    debiased = Method(u_gram_vector, cosines) if grams else Method(debiased_features, debiased_matrix)
    spectral = partial(components, explained_variance=explained_variance)
    known = {
        "linear_cka": linear,
        "debiased_cka": debiased,
        "rbf_cka": Method(partial(rbf_vector, bandwidth=bandwidth), cosines),
        "svcca": Method(spectral, svcca_matrix, TOO_FEW_SAMPLES),
        "pwcca": Method(spectral, pwcca_matrix, TOO_FEW_SAMPLES),
        "procrustes": Method(spectral, procrustes_matrix),
        "rsa": Method(ranked_distances, cosines),
        "mutual_knn": Method(nearest_neighbours, mutual_knn_matrix),
        "cknna": Method(nearest_neighbours, cknna_matrix),
    }
    return {name: known[name] for name in names}


def families(measures):
    """The measures grouped by their `work`, so that it is done once for each group: {work: {name: Method}}."""
    groups = {}
    for name, measure in measures.items():
        groups.setdefault(measure.work, {})[name] = measure
    return groups

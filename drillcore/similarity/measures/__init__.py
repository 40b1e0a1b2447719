"""The measures by name: what each makes of a layer once, and how it compares all layers with what was made.

The modules beside this one hold them, a family each; `drillcore.similarity.catalogue` says what each is called.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from drillcore.similarity.measures.cca import (
    TOO_FEW_SAMPLES,
    components,
    pwcca_both,
    pwcca_matrix,
    svcca_both,
    svcca_matrix,
)
from drillcore.similarity.measures.cka import (
    cosines,
    debiased_features,
    debiased_matrix,
    gram_vector,
    linear_features,
    linear_matrix,
    rbf_vector,
    square_of_debiased,
    square_of_linear,
    square_of_triangle,
    u_gram_vector,
)
from drillcore.similarity.measures.geometry import angle_both, procrustes_matrix, ranked_distances
from drillcore.similarity.measures.neighbours import (
    cknna_matrix,
    mutual_knn_matrix,
    nearest_neighbours,
    square_of_kernel,
    square_of_mask,
)

MOST_GRAM_SAMPLES = 2000
"""Up to so many samples a layer's whole Gram matrix is kept (32 MB), and all pairs are one product of them."""


class Method(NamedTuple):
    """How a measure is computed: `work` on one layer's activations, shared by all its pairs, and `compare` of its results.

    `undefined_pair` is why two layers that both have a value may have none together. For the measure's null either
    `square` makes a matrix (samples, samples) of norm 1 of what `work` made, such that a value is the inner product of two;
    or `pair` returns the value of two layers that chance alone makes alike, and that of the two exchanged. A measure is
    `unit_wise` that depends on single units, and not on inner products of samples and their means over the units alone.
    """

    work: Callable
    compare: Callable
    undefined_pair: str = ""
    square: Callable | None = None
    pair: Callable | None = None
    unit_wise: bool = False


class Family(NamedTuple):
    """What measures share: the `work` on a layer, and whether it is `unit_wise`, on stored units instead of all."""

    work: Callable
    unit_wise: bool


def choose_measures(names, samples, explained_variance=0.99, bandwidth=0.5):
    """The `Method` of each of `names` on `samples`; those that need principal components share one `work`."""
    linear = Method(linear_features, linear_matrix, square=square_of_linear)
    debiased = Method(debiased_features, debiased_matrix, square=square_of_debiased)
    if samples <= MOST_GRAM_SAMPLES:
        linear = Method(gram_vector, cosines, square=square_of_triangle)
        debiased = Method(u_gram_vector, cosines, square=square_of_triangle)
    spectral = partial(components, explained_variance=explained_variance)
    known = {
        "linear_cka": linear,
        "debiased_cka": debiased,
        "rbf_cka": Method(partial(rbf_vector, bandwidth=bandwidth), cosines, square=square_of_triangle),
        "svcca": Method(spectral, svcca_matrix, TOO_FEW_SAMPLES, pair=svcca_both),
        "pwcca": Method(spectral, pwcca_matrix, TOO_FEW_SAMPLES, pair=pwcca_both, unit_wise=True),
        "procrustes": Method(spectral, procrustes_matrix, pair=angle_both),
        "rsa": Method(ranked_distances, cosines, square=square_of_triangle),
        "mutual_knn": Method(nearest_neighbours, mutual_knn_matrix, square=square_of_mask),
        "cknna": Method(nearest_neighbours, cknna_matrix, square=square_of_kernel),
    }
    return {name: known[name] for name in names}


def families(measures, subsets=False):
    """The measures grouped by what they share, so that it is done once for each group: {Family: {name: Method}}.

    Where no layer is stored as one of `subsets` of its units, those that are stored are all.
    """
    groups = {}
    for name, measure in measures.items():
        groups.setdefault(Family(measure.work, measure.unit_wise and subsets), {})[name] = measure
    return groups

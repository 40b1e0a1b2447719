"""similarity: how alike two layers' representations are, at every epoch, with the controls that a reviewer asks for.

Each measure takes activations X (samples, p) and Y (samples, q) of the same samples, float32 or float64, and returns a
float, NaN where it is undefined: `from stages.similarity import linear_cka`. The `*_matrix` and `stream_cka` functions
take a list of layers and share the work of all pairs. A ValueError refuses layers of different
samples, and any that is no matrix.
"""

from stages.similarity.cca import pwcca, svcca
from stages.similarity.cka import debiased_cka, linear_cka, rbf_cka
from stages.similarity.geometry import procrustes, rsa
from stages.similarity.minibatch import minibatch_cka, minibatch_matrix
from stages.similarity.null import (
    benjamini_hochberg,
    noise_floor,
    permutation_null,
    permuted_linear_cka,
    q_values_of_pairs,
)
from stages.similarity.streaming import stream_cka

__all__ = [
    "benjamini_hochberg",
    "debiased_cka",
    "linear_cka",
    "minibatch_cka",
    "minibatch_matrix",
    "noise_floor",
    "permutation_null",
    "permuted_linear_cka",
    "procrustes",
    "pwcca",
    "q_values_of_pairs",
    "rbf_cka",
    "rsa",
    "stream_cka",
    "svcca",
]

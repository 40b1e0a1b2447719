"""svd: how many directions a layer's features use, and its weights have, at every stored epoch."""

from stages.svd.spectra import (
    components_explaining,
    effective_rank,
    effective_rank_of_variances,
    feature_singular_values,
    numerical_rank,
    participation_ratio,
    stable_rank,
    weight_singular_values,
)

__all__ = [
    "components_explaining",
    "effective_rank",
    "effective_rank_of_variances",
    "feature_singular_values",
    "numerical_rank",
    "participation_ratio",
    "stable_rank",
    "weight_singular_values",
]

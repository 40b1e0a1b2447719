"""Whoever forgets to flatten a convolution's outputs is told, by every analysis."""

import numpy as np
import pytest

import stages


@pytest.mark.parametrize(
    "analyse",
    [
        lambda layer: stages.compute_layerwise_cross_correlation({"flat": np.eye(5), "conv": layer}),
        lambda layer: stages.debiased_cka(np.eye(5), layer),
        lambda layer: stages.permutation_null([np.eye(5), layer]),
        stages.feature_singular_values,
        stages.embed,
        stages.principal_components,
    ],
)
def test_activations_that_are_not_samples_by_units_are_refused(analyse):
    with pytest.raises(ValueError, match=r"of shape \(5, 3, 2, 2\) are not \(samples, units\): flatten"):
        analyse(np.ones((5, 3, 2, 2)))

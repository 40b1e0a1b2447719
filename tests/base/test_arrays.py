"""Whoever forgets to flatten a convolution's outputs is told, by every analysis."""

import numpy as np
import pytest

import drillcore


@pytest.mark.parametrize(
    "analyse",
    [
        lambda layer: drillcore.compute_layerwise_cross_correlation({"flat": np.eye(5), "conv": layer}),
        lambda layer: drillcore.debiased_cka(np.eye(5), layer),
        lambda layer: drillcore.permutation_null([np.eye(5), layer]),
        drillcore.feature_singular_values,
        drillcore.embed,
        drillcore.principal_components,
    ],
)
def test_activations_that_are_not_samples_by_units_are_refused(analyse):
    with pytest.raises(ValueError, match=r"of shape \(5, 3, 2, 2\) are not \(samples, units\): flatten"):
        analyse(np.ones((5, 3, 2, 2)))

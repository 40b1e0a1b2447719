"""The axes that arrays of activations have everywhere."""

import numpy as np


def check_axes(*layers):
    """Refuse activations, arrays or HDF5 datasets, that are not (samples, units)."""
    for activations in layers:
        if np.ndim(activations) != 2:
            raise ValueError(
                f"activations of shape {np.shape(activations)} are not (samples, units): flatten each sample, or give "
                "get_intermediate_outputs units='flatten' or 'pool'."
            )

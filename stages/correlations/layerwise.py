"""Correlations between the units of all layers, and their means over pairs of layers."""

import numpy as np

from stages.correlations.streaming import Moments
from stages.shared.axes import real_array, together
from stages.shared.base.command import InputError
from stages.shared.base.store import row_blocks, write_json


def compute_layerwise_cross_correlation(layers):
    """Pearson's r between every two units of every two layers.

    Parameters
    ----------
    layers : mapping of str to array or HDF5 dataset (samples, units)
        All with the same samples in the same order. Read in blocks of rows, so they may be larger than memory.

    Returns
    -------
    correlation : float64 array (F, F)
        Over the F units of all layers, one after the other. NaN for dead units, those without variance.
    layer_of_unit : int64 array (F)
        The position of each unit's layer.

    Raises
    ------
    ValueError
        If the activations of a layer are not (samples, units).

    Examples
    --------
    >>> r, layer = compute_layerwise_cross_correlation({"a": np.eye(3)[:, :1], "b": -np.eye(3)[:, :1]})
    >>> r.round(6), layer
    (array([[ 1., -1.],
           [-1.,  1.]]), array([0, 1]))
    """
    arrays = together(layers.values())
    widths = [array.shape[1] for array in arrays]
    moments = Moments()
    for rows in row_blocks(len(arrays[0]), 8 * sum(widths)):
        moments.update(np.concatenate([array[rows] for array in arrays], axis=1))
    return moments.correlation(), np.repeat(np.arange(len(widths)), widths)


def layer_means(correlation, layer_of_unit):
    """Means of r and of abs(r) between the units of every two layers.

    A unit's correlation with itself says nothing and dead units have none: both are left out.

    Parameters
    ----------
    correlation : array (F, F)
    layer_of_unit : int array (F)

    Returns
    -------
    mean, mean_abs : float64 arrays (L, L)
        NaN for a pair of layers without two living units.
    dead : int64 array (L)
        The number of units without variance in each layer.
    """
    correlation, layer_of_unit = real_array(correlation, "correlations"), real_array(layer_of_unit, "layer_of_unit")
    units = len(layer_of_unit)
    if not units or correlation.shape != (units, units):
        raise InputError(
            f"correlations of shape {correlation.shape} are not between the {units} units of layer_of_unit: give both as "
            "compute_layerwise_cross_correlation returns them."
        )
    count = layer_of_unit[-1] + 1
    member = (layer_of_unit == np.arange(count)[:, None]).astype(np.float64)
    dead = np.isnan(np.diag(correlation))
    sums = np.zeros((2, count, units))
    for rows in row_blocks(units, 8 * units):
        values = np.where(dead[rows, None] | dead, 0.0, correlation[rows])
        np.fill_diagonal(values[:, rows], 0.0)
        sums += [member[:, rows] @ values, member[:, rows] @ np.abs(values, out=values)]
    living = (member * ~dead).sum(1)
    pairs = np.outer(living, living) - np.diag(living)
    with np.errstate(invalid="ignore"):
        mean, mean_abs = (np.where(pairs > 0, part @ member.T / pairs, np.nan) for part in sums)
    return mean, mean_abs, (member @ dead).astype(np.int64)


def store_corr_means(path, layers, means):
    """Write {"layers": [...], "epochs": {"0": [[...]], ...}} to `path`; NaN becomes null.

    `means` maps each epoch's number to the mean of r (L, L) between every two of `layers`.
    """
    epochs = {str(epoch): mean.tolist() for epoch, mean in means.items()}
    write_json(path, {"layers": list(layers), "epochs": epochs})

"""One measure of every two layers."""

from collections.abc import Mapping
from functools import partial

from numpy.typing import ArrayLike

from drillcore.base.arrays import together
from drillcore.similarity.catalogue import catalogued
from drillcore.similarity.matrix import SimilarityMatrix
from drillcore.similarity.measures import choose_measures
from drillcore.similarity.representation import matrix, prepare
from drillcore.threads import side_by_side


def similarity_matrix(
    layers: Mapping[str, ArrayLike], measure: str = "debiased_cka", other: Mapping[str, ArrayLike] | None = None
) -> SimilarityMatrix:
    """Compare every two layers of a network, or every layer of one network with every layer of another.

    Parameters
    ----------
    layers : mapping of str to array_like (samples, units)
        By layer its activations, as `get_intermediate_outputs` returns them with `units="flatten"` or "pool".
    measure : str
        The name of a function of this library that compares two layers, such as "linear_cka"; another name is answered
        with a list of all.
    other : mapping of str to array_like (samples, units), optional
        The layers of another network, of the same samples in the same order. By default `layers` again.

    Returns
    -------
    SimilarityMatrix
        `layers` are its rows; `other`, or `layers` again, its columns.

    Raises
    ------
    InputError
        If there is no such measure, there is no layer, the activations of one are not (samples, units) real numbers,
        or the layers differ in their number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> matrix = drillcore.similarity_matrix({"fc1": X, "fc2": 2 * X + 1}, "linear_cka")
    >>> matrix.rows, np.asarray(matrix).round(6)
    (['fc1', 'fc2'], array([[1., 1.],
           [1., 1.]]))
    """
    catalogued([measure])
    others = {} if other is None else other
    arrays = together([*layers.values(), *others.values()])
    method = choose_measures([measure], len(arrays[0]))[measure]
    with side_by_side() as each:
        prepared = list(each(partial(prepare, method.work), arrays))
    rows, columns = prepared[: len(layers)], None if other is None else prepared[len(layers) :]
    values = matrix(method.compare, rows, columns)
    return SimilarityMatrix(values, list(layers), list(layers if other is None else other), measure)

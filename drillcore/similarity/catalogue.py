"""The measures of how alike two layers are: what each is called, and where its values lie.

The one list of their names: parameters may name these, figures and report take titles, labels and colours from here. How
each is computed, `choose_measures` in `measures/__init__.py` says.
"""

from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.base.arrays import real_array
from drillcore.base.errors import InputError


class Measure(NamedTuple):
    """What a measure is called, and how its values are read and drawn.

    Its `title`; `colour` and size of the `ring` of its line, of which several may lie on one point; the `range` that its
    values can have, as text for people; its values for representations that are `alike` and that are `unlike`, the ends
    of its colours; the `unit` of a distance; and what a pair of layers `wants`, without which it alone has no value.
    """

    title: str
    colour: str
    ring: float
    range: str = "similarity, 0 to 1"
    alike: float = 1.0
    unlike: float = 0.0
    unit: str = ""
    wants: str = ""

    @property
    def is_distance(self):
        """Whether lower values are more alike."""
        return self.alike < self.unlike

    @property
    def label(self):
        """What an axis with its values is called."""
        return f"distance ({self.unit})" if self.is_distance else "similarity"


CCA_WANTS = "CCA wants more\nsamples than components"
MEASURES = {
    "linear_cka": Measure("linear CKA", "#0072B2", 3),
    "debiased_cka": Measure("debiased CKA", "#D55E00", 4, "similarity, at most 1, about 0 by chance"),
    "rbf_cka": Measure("RBF CKA", "#56B4E9", 9),
    "svcca": Measure("SVCCA", "#009E73", 4, wants=CCA_WANTS),
    "pwcca": Measure("PWCCA", "#999933", 7, "similarity, 0 to 1, weighted by the row's layer", wants=CCA_WANTS),
    "rsa": Measure("RSA", "#CC79A7", 5, "similarity, -1 to 1"),
    "mutual_knn": Measure("mutual k-NN", "#882255", 6),
    "cknna": Measure("CKNNA", "#E69F00", 8, "similarity, at most 1"),
    "procrustes": Measure(
        "Procrustes distance", "#333333", 3, "distance in radians, 0 to pi/2", alike=0.0, unlike=pi / 2, unit="radians"
    ),
}
TESTED = "debiased_cka"
"""The measure whose permutation null is stored, and which is looked at first."""
BIASED = "linear_cka"
"""The measure whose values by chance, its floor, are stored."""


def catalogued(names):
    """The measures `names` in the catalogue's order; an `InputError` refuses one that is not in it."""
    names = set(names)
    for name in sorted(names - MEASURES.keys()):
        raise InputError(
            f"{name!r} is none of the measures {', '.join(MEASURES)}: describe it in MEASURES of "
            "drillcore/similarity/catalogue.py, without which no figure knows its colours, or leave it out."
        )
    return [name for name in MEASURES if name in names]


def calibrated(values: ArrayLike, quantiles: ArrayLike, measure: str = "debiased_cka") -> NDArray[np.float64]:
    """Return scores relative to chance: 0 at the quantile of a measure's null, 1 where two layers are alike.

    (s - q) / (1 - q) of a similarity s with the quantile q, (q - s) / q of a distance. What is below the quantile is
    negative, and left so.

    Parameters
    ----------
    values : array_like (...)
        Of the measure.
    quantiles : array_like (...)
        Of its null, as `null_quantiles` returns them.
    measure : str
        The measure's name.

    Returns
    -------
    float64 array (...)
        At most 1; NaN where either is.

    Raises
    ------
    InputError
        If there is no such measure, or the values are not real numbers.

    References
    ----------
    arXiv 2602.14486.

    Examples
    --------
    >>> import drillcore
    >>> drillcore.calibrated([1.0, 0.75, 0.5, 0.0], 0.5, "linear_cka")
    array([ 1. ,  0.5,  0. , -1. ])
    """
    catalogued([measure])
    values, quantiles = (np.asarray(real_array(part, "scores"), np.float64) for part in (values, quantiles))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (values - quantiles) / (MEASURES[measure].alike - quantiles)

"""The measures of how alike two layers are: what each is called, and where its values lie.

The one list of them: parameters may name these, the analysis computes them, figures and report take titles, labels and
colours from here.
"""

from math import pi
from typing import NamedTuple

from drillcore.base.errors import InputError


class Measure(NamedTuple):
    """A measure's `title`, the `range` that its values can have, as text, its values for representations that are `alike`
    and that are `unlike`, the ends of its colours, and the `unit` of a distance."""

    title: str
    range: str = "similarity, 0 to 1"
    alike: float = 1.0
    unlike: float = 0.0
    unit: str = ""

    @property
    def label(self):
        """What an axis with its values is called."""
        return "similarity" if self.alike > self.unlike else f"distance ({self.unit})"


MEASURES = {
    "linear_cka": Measure("linear CKA"),
    "debiased_cka": Measure("debiased CKA", "similarity, at most 1, about 0 by chance"),
    "rbf_cka": Measure("RBF CKA"),
    "svcca": Measure("SVCCA"),
    "pwcca": Measure("PWCCA", "similarity, 0 to 1, weighted by the row's layer"),
    "rsa": Measure("RSA", "similarity, -1 to 1"),
    "procrustes": Measure("Procrustes distance", "distance in radians, 0 to pi/2", 0.0, pi / 2, "radians"),
}


def catalogued(names):
    """The measures `names` in the catalogue's order; an `InputError` refuses one that is not in it."""
    names = set(names)
    for name in sorted(names - MEASURES.keys()):
        raise InputError(
            f"{name!r} is none of the measures {', '.join(MEASURES)}: describe it in MEASURES of "
            "drillcore/similarity/catalogue.py, without which no figure knows its colours, or leave it out."
        )
    return [name for name in MEASURES if name in names]

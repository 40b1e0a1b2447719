"""The instruments by name."""

from collections.abc import Iterable, Mapping
from typing import Any

from drillcore.base.errors import InputError
from drillcore.replay.activations import Activations
from drillcore.replay.curvature import Curvature
from drillcore.replay.dump import Dump
from drillcore.replay.instrument import Instrument
from drillcore.replay.noise import Noise
from drillcore.replay.same_batch import SameBatch

INSTRUMENTS = {
    "same_batch": SameBatch,
    "curvature": Curvature,
    "noise": Noise,
    "dump": Dump,
    "activations": Activations,
}


def replay_instruments(
    names: Iterable[str], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Instrument]:
    """Make instruments for `drillcore.replay`.

    Parameters
    ----------
    names : iterable of str
        Of "same_batch", "curvature", "noise", "dump" and "activations".
    settings : mapping of str to mapping, optional
        By name, what an instrument's class takes: of "curvature" `eigenvalues`, `iterations` and `seed`, of "dump" `tensors`,
        of "activations" `layers` and `max_units`.

    Returns
    -------
    dict of str to Instrument

    Raises
    ------
    InputError
        If there is no instrument of a name.

    Examples
    --------
    >>> import drillcore
    >>> list(drillcore.replay_instruments(["dump"], {"dump": {"tensors": ["*.weight"]}}))
    ['dump']
    """
    names, settings = list(names), settings or {}
    for name in names:
        if name not in INSTRUMENTS:
            raise InputError(f"There is no instrument {name!r}; there are {', '.join(INSTRUMENTS)}.")
    return {name: INSTRUMENTS[name](**settings.get(name, {})) for name in names}

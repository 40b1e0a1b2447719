"""The report page of the networks in params.yaml."""

from pathlib import Path

from drillcore.report.build import build
from stages.rig.base.command import progress
from stages.rig.base.parameters import load
from stages.rig.provenance import provenance


def make_page(live=False, known=None):
    """The page as bytes, of what there is in artifacts/; `live` and `known` are as in `build`."""
    parameters = load("params.yaml")
    names = [str(name) for name in parameters.get("networks", {})]
    return build(Path("artifacts"), names, provenance(parameters), live, known, progress)

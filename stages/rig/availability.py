"""Which networks of params.yaml need a framework that is not installed: known from what params.yaml says of them."""

import re

from drillcore.base.errors import InputError
from drillcore.extras import missing
from drillcore.frameworks import FRAMEWORKS
from stages.rig.user_defined import MODELS

SOURCES = {"torchvision": "torch", "keras": "keras"}
"""By what `build` begins with, whose constructor it names."""
IMPORTS = {"torch": rb"torch(vision)?", "keras": rb"(keras|tensorflow)"}
"""By framework, the modules of which a file of networks imports some."""


def check_available(networks, name):
    """Refuse the network `name` of `networks`, as params.yaml gives them, if its framework is not installed."""
    if framework := absent_framework(networks.get(name) if isinstance(networks, dict) else None):
        raise InputError(
            f"params.yaml: networks.{name} is {described(framework)}: run `pip install -r requirements/{framework}.txt`, or "
            "remove it."
        )


def described(framework):
    """What is said of a network of a `framework` that is not installed."""
    return f"a network of {framework}, for which {' and '.join(missing(framework))} should be installed"


def absent_framework(network):
    """The framework that a network, as params.yaml gives it, needs and that is not installed, or None."""
    needed = needed_frameworks(network if isinstance(network, dict) else {})
    return next((framework for framework in FRAMEWORKS if framework in needed and missing(framework)), None)


def needed_frameworks(network):
    """The frameworks of a network; of one that a user's file builds, those which that file imports."""
    build, checkpoint = str(network.get("build") or ""), str(network.get("checkpoint") or "")
    source = build.partition(":")[0]
    if not build:
        return {"keras"} if checkpoint.endswith(".keras") else {network.get("framework")}
    if source in SOURCES:
        return {SOURCES[source]}
    path = MODELS / source
    content = path.read_bytes() if path.is_file() else b""
    return {
        framework
        for framework, modules in IMPORTS.items()
        if re.search(rb"^\s*(import|from)\s+" + modules + rb"\b", content, re.MULTILINE)
    }

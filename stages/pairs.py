"""python -m stages.pairs A B : the activations.h5 of both -> artifacts/similarity/A--B.h5

Two networks that saw the same images, the last epoch of one against the last of the other; see
drillcore/artifacts/pairs.py.
"""

from pathlib import Path

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.network import axis_of
from drillcore.artifacts.pairs import pair_path, write_pair
from drillcore.similarity.pairs import check_same_samples, compare_networks
from drillcore.similarity.probe import Probe
from stages.rig.base.command import command
from stages.rig.measures import similarity_settings


def main(a, b):
    """Compare the layers of the networks `a` and `b`, which saw the same images."""
    settings, artifacts = similarity_settings(), Path("artifacts")
    axes = [axis_of(artifacts / network) for network in (a, b)]
    paths = [artifacts / network / Activations.FILE for network in (a, b)]
    with Activations(paths[0]) as first, Activations(paths[1]) as second:
        check_same_samples(first, second)
        probes = [Probe(activations, settings.samples, settings.seed) for activations in (first, second)]
        with write_pair(pair_path(artifacts, a, b), first.source) as writer:
            compare_networks(writer, (a, b), probes, settings, counted_alike=len({*axes}) == 1)


if __name__ == "__main__":
    command(main)

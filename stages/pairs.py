"""python -m stages.pairs A B : the activations.h5 of both -> artifacts/similarity/A--B.h5

Two networks that saw the same images, the last epoch of one against the last of the other: `<measure>`
(layers_a, layers_b), and the controls under the names that they have in similarity.h5.
"""

from pathlib import Path

from drillcore.base.store import create, read
from drillcore.similarity.pairs import check_same_samples, compare_networks
from drillcore.similarity.probe import Probe
from stages.rig.base.command import command
from stages.rig.measures import similarity_settings


def main(a, b):
    """Compare the layers of the networks `a` and `b`, which saw the same images."""
    settings, folder = similarity_settings(), Path("artifacts", "similarity")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [Path("artifacts", network, "activations.h5") for network in (a, b)]
    with read(paths[0]) as first, read(paths[1]) as second, create(folder / f"{a}--{b}.h5") as file:
        check_same_samples(first, second)
        file.attrs["source"] = first.attrs["source"]
        probes = [Probe(activations, settings.samples, settings.seed) for activations in (first, second)]
        compare_networks(file, (a, b), probes, settings)


if __name__ == "__main__":
    command(main)

"""python -m stages.sweep PARAMETER : all DVC experiments -> reports/sweep-PARAMETER/

After `dvc exp run --queue -S bottleneck=1,2,3,5,16` and `dvc exp run --run-all`: the accuracy and the effective rank of the
network that takes the parameter as its squeeze's width, over the experiments that differ in nothing else but seeds.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from drillcore.artifacts.network import Network, read_network
from drillcore.base.errors import InputError
from drillcore.figures.sweep import by_width, figures, trainings, write_table
from stages.rig.base.command import command, progress, say
from stages.rig.base.parameters import load
from stages.rig.drawing import draw, whole_folder
from stages.rig.experiments import fetch, revisions
from stages.rig.sections import section

VARIED = "layers", "squeezes", "seed", "replicates"
"""What experiments of one sweep may differ in."""


def main(parameter):
    """Draw what DVC's experiments say of a parameter that is the width of a squeeze."""
    networks = load("params.yaml").get("networks", {})
    network = network_of(parameter, networks)
    title = networks[network].get("title") or network
    found, left_out, recipe = [], 0, None
    with TemporaryDirectory() as scratch:
        for number, revision in enumerate(progress(all_of := revisions(), "experiments", len(all_of))):
            folder = Path(scratch, str(number))
            folder.mkdir()
            if (data := fetch(revision, network, folder)) is None:
                continue
            values = read_network(folder / Network.FILE).values
            this = data, {name: value for name, value in values.items() if name not in VARIED}
            recipe = recipe or this
            if this == recipe:
                found += trainings(folder)
            else:
                left_out += 1
    if not found:
        raise InputError(f"no experiment has trained {network}: run `dvc exp run -S {parameter}=2 svd@{network}`.")
    if left_out:
        say(f"{left_out} experiments that differ in more than {parameter} and seeds are left out")
    points = by_width(found)
    with whole_folder(Path("reports", f"sweep-{parameter}")) as report:
        draw(figures, (points, title), report, f"DVC experiments of {title}", section("plots"))
        write_table(report / "sweep.csv", points)


def network_of(parameter, networks):
    """The one network that has `parameter` among its layers."""
    names = [name for name, values in networks.items() if parameter in str((values or {}).get("layers", ""))]
    if len(names) != 1:
        raise InputError(
            f"{parameter!r} is the width of a squeeze in {', '.join(names) or 'no network'} of params.yaml: name a parameter "
            "that stands in the layers of one."
        )
    return names[0]


if __name__ == "__main__":
    command(main)

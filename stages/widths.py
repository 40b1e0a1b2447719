"""python -m stages.widths NAME : params.yaml (plots.widths.NAME), artifacts of its networks -> reports/NAME/

What squeezing costs: the task's score, effective ranks and trustworthiness against the squeeze's width, over the networks
that differ in nothing else.
"""

from pathlib import Path

from drillcore.artifacts.activations import Activations
from drillcore.base.errors import InputError
from drillcore.figures.widths import figures, read_point, write_table
from stages.rig.base.command import command
from stages.rig.drawing import draw, whole_folder
from stages.rig.sections import section


def main(name):
    """Draw score, effective ranks and trustworthiness against the width of the squeeze."""
    settings, artifacts = section("plots"), Path("artifacts")
    if name not in settings.widths:
        raise InputError(
            f"params.yaml: plots.widths holds no {name!r}; it holds {', '.join(settings.widths) or 'none'}."
        )
    points = {network: read_point(artifacts / network) for network in settings.widths[name]}
    with Activations(artifacts / list(points)[-1] / Activations.FILE) as file:
        source = file.source
    with whole_folder(Path("reports", name)) as report:
        draw(figures, (points,), report, source, settings)
        write_table(report / "bottleneck.csv", points)


if __name__ == "__main__":
    command(main)

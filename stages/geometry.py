"""python -m stages.geometry NETWORK : activations.h5, train_activations.h5, weights.h5, replicates.h5 -> geometry.h5

What every layer knows at every stored epoch: linear readouts fitted to training samples, neural collapse, intrinsic
dimension, dormant units; see drillcore/artifacts/geometry.py.
"""

from pathlib import Path

from drillcore.artifacts.activations import Activations, TrainActivations
from drillcore.artifacts.geometry import Geometry, write_geometry
from drillcore.artifacts.replicates import Replicates
from drillcore.artifacts.weights import Weights
from drillcore.geometry.network import measure_network, measure_seeds
from stages.rig.base.command import command, progress
from stages.rig.sections import section


def main(network):
    """Measure the geometry of the network's layers."""
    folder, settings = Path("artifacts", network), section("geometry")
    with (
        TrainActivations(folder / TrainActivations.FILE) as train,
        Activations(folder / Activations.FILE) as test,
        Weights(folder / Weights.FILE) as weights,
        Replicates(folder / Replicates.FILE) as others,
    ):
        found, about = measure_network(train, test, weights, settings, progress)
        further = measure_seeds(others, train, test, weights, settings, progress)
        write_geometry(folder / Geometry.FILE, train.layers, train.epochs, found, about, further)


if __name__ == "__main__":
    command(main)

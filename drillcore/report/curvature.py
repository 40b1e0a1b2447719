"""How sharp and how noisy the loss is around a network's weights, and what a step crosses."""

import numpy as np

from drillcore.artifacts.curvature import CurvatureFile
from drillcore.artifacts.gradients import STAYED, Gradients
from drillcore.landscape.edge import OF_HESSIAN
from drillcore.landscape.verdict import sentences, verdict

BY_EPOCH = "smallest", "trace", "trace_error", "noise_scale", "preconditioned"


def curvature(folder):
    """BY_EPOCH and `edge` float64 (epochs), `largest` (epochs, eigenvalues), `residual` (epochs, eigenvalues + 1), and
    `flipped` (batches, epochs), the share of all weights along which a step crosses something."""
    with CurvatureFile(folder / CurvatureFile.FILE) as file, Gradients(folder / Gradients.FILE) as gradients:
        meta = {
            "verdict": (found := verdict(gradients, file)) and sentences(found),
            "epochs": file.epochs,
            "samples": file.dataset("sample").shape[0],
            "statuses": file.statuses,
            "edgeOf": file.edge_of,
            "ofHessian": file.edge_of == OF_HESSIAN,
            "compared": file.edge_of == OF_HESSIAN or bool(np.isfinite(file.array("preconditioned")).any()),
        }
        crossed = file.array("crossings").sum(2, dtype=np.int64)
        every = crossed.sum(-1)
        with np.errstate(invalid="ignore"):
            flipped = (every - crossed[..., STAYED]) / every
        names = *BY_EPOCH, "edge", "largest", "residual"
        return meta, {name: file.array(name) for name in names} | {"flipped": flipped.T}

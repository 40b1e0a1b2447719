"""A window of a training once more: what instruments measured, step by step."""

import numpy as np

from drillcore.artifacts.replay import ReplayFile
from drillcore.landscape.edge import OF_HESSIAN, edge_of_stability, window_edge

DRAWN = (
    "loss",
    "gradient_norm",
    "update_norm",
    "noise/gradient_norm",
    "curvature/loss",
    "curvature/preconditioned",
    "curvature/smallest",
    "curvature/along_step",
    "noise/scale",
    "same_batch/flipped",
)
"""What the page draws of a replay, one number a step."""


def replay(path):
    """Those of DRAWN that a replay has, its `step`, `largest` of the Hessian and the `edge` of stability, (steps)."""
    with ReplayFile(path) as file:
        meta = {
            "network": file.network,
            "proof": file.proof,
            "same": file.same,
            "instruments": file.instruments,
            "optimizer": file.optimizer,
            "ofHessian": edge_of_stability(file.optimizer, 1.0)[1] == OF_HESSIAN,
        }
        arrays = {name: file[name][()] for name in DRAWN if name in file.stored}
        arrays["step"] = file.step.astype(np.int32)
        arrays["edge"] = window_edge(file.optimizer, file["learning_rate"][()])
        if "curvature/largest" in file.stored:
            arrays["curvature/largest"] = np.ascontiguousarray(file["curvature/largest"][:, 0])
        return meta, arrays

"""A replay through Keras in a process of its own; its argument is an empty folder."""

import os
import sys
from pathlib import Path

import numpy as np

from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.replay import ReplayFile
from stages import replay as stage
from tests.replay.replayed import prepare, trained

folder = Path(sys.argv[1])
os.chdir(folder)
prepare(folder, ["keras"])
trained(["keras"])
stage.main("keras", steps="5:8", with_="same_batch,curvature,noise,dump,activations", tensors="output.*")
with ReplayFile("artifacts/replays/keras-5-8.h5") as file, Gradients("artifacts/keras/gradients.h5") as recorded:
    assert file.same and file.state == 0, file.proof
    assert "the counts of 7 recorded steps, 8 losses, the weights after epoch 1 equal" in file.proof, file.proof
    np.testing.assert_array_equal(file["loss"][:], recorded.loss[4:8])
    norms = recorded.scalars["gradient_norm"][3:7, recorded.tensors.index("output.kernel")]
    dumped = file["dump/gradient/output.kernel"][:].reshape(4, -1)
    np.testing.assert_allclose(np.linalg.norm(dumped, axis=1), norms, rtol=1e-6)
    steps = recorded.step("same_batch").tolist()
    np.testing.assert_array_equal(file["same_batch/counts"][2], recorded.counts("same_batch")[steps.index(8)])
    assert np.isfinite(file["curvature/preconditioned"][:]).all()
    assert np.isfinite(file["curvature/along_step"][:]).all()
stage.main("keras", steps="14:18", with_="noise", tensors="")
with ReplayFile("artifacts/replays/keras-14-18.h5") as file:
    assert file.same and file.state == 2, file.proof
    assert "the weights after epochs 2, 3 equal" in file.proof, file.proof

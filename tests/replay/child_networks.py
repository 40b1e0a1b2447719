"""Trains a network of `replayed.py` and replays it from both its states; arguments: an empty folder and the network."""

import os
import shutil
import sys
from pathlib import Path

from drillcore.artifacts.replay import ReplayFile
from stages import replay as stage
from tests.conftest import MODELS
from tests.replay.replayed import prepare, trained

folder, name = Path(sys.argv[1]), sys.argv[2]
os.chdir(folder)
(folder / "models").mkdir()
shutil.copy(MODELS / "dropping.py", folder / "models")
prepare(folder, [name])
trained([name])
if name == "resnet":  # of 11 million parameters: at most 1.2 times the disk of the weights and of both moments
    state, weights = (f"artifacts/resnet/{path}" for path in ("states/epoch_002.h5", "checkpoints/epoch_002.pth"))
    assert os.path.getsize(state) <= 1.2 * 3 * os.path.getsize(weights)
for window, state, ended in (("5:8", 0, "epoch 1"), ("14:18", 2, "epochs 2, 3")):
    stage.main(name, steps=window, with_="same_batch,noise", tensors="")
    with ReplayFile(f"artifacts/replays/{name}-{window.replace(':', '-')}.h5") as file:
        assert file.same and file.state == state, file.proof
        assert f"the weights after {ended} equal" in file.proof, file.proof
        assert (file["same_batch/flipped"][:] > 0).any()

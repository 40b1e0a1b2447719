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
for window, state, ended in (("5:8", 0, "epoch 1"), ("14:18", 2, "epochs 2, 3")):
    stage.main(name, steps=window, with_="same_batch,noise", tensors="")
    with ReplayFile(f"artifacts/replays/{name}-{window.replace(':', '-')}.h5") as file:
        assert file.same and file.state == state, file.proof
        assert f"the weights after {ended} equal" in file.proof, file.proof
        assert (file["same_batch/flipped"][:] > 0).any()

"""A network that reads files while it is built, and writes one."""

import json
import os
from pathlib import Path

import torch
from torch import nn


def make():
    settings = json.loads((Path(__file__).parent / "settings.json").read_text())
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Dropout(settings["dropout"]))
    model.load_state_dict(torch.load("models/start.pth"))
    with open("models/made.txt", "w") as made:
        made.write("built")
    os.close(os.open("models", os.O_RDONLY))
    return model

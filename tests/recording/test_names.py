"""Networks whose modules have any name that PyTorch allows are recorded, stored and read back."""

import numpy as np
import torch
from torch import nn

from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.layers import store_outputs
from drillcore.base.names import unescaped
from drillcore.base.store import create, read
from drillcore.extraction.units import Units
from drillcore.recording.recorder import GradientRecorder
from drillcore.recording.summary import summarise
from stages.activations import outputs
from stages.rig.torch.network import to_input
from stages.rig.training.resume import load, save
from tests.conftest import own

NAMES = ["/fc1/Gemm", "a\0b", "fc1/Gemm", "\ud800", "50%", "%2F", " ", ":$\n", "output"]


def network():
    torch.manual_seed(0)
    model = nn.Sequential()
    for name in NAMES:
        model.add_module(name, nn.Linear(4, 4))
    return model


def test_gradients_are_recorded_under_any_name(tmp_path):
    model = network()
    with GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder:
        for _ in range(2):
            model.zero_grad()
            model(torch.ones(2, 4)).sum().backward()
            recorder.step()
        recorder.end_epoch(1)
        save(tmp_path, {"recorder": recorder.state(), "model": {k: v.numpy() for k, v in model.state_dict().items()}})
    expected = [name for name, _ in model.named_parameters()]
    with Gradients(tmp_path / "gradients.h5") as file:
        assert file.tensors == expected
        sizes = [file.snapshot(name, 1).size for name in file.tensors]
        assert sizes == file.sizes.tolist() == [16, 4] * len(NAMES)
        assert summarise(file, [1e-5])["tensors"] == expected
    restored = load(tmp_path)["model"]
    assert restored.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(restored[name], tensor)


def test_activations_are_stored_under_any_name(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), *network())
    named = nn.Sequential()
    for name, module in zip(["flat", "first", *NAMES], model, strict=True):
        named.add_module(name, module)
    images, units = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), np.uint8), Units("flatten", 3)
    with create(tmp_path / "a.h5") as file:
        streamed = outputs(named, to_input, images, own(input=[4, 4, 1]), NAMES, units)
        file.attrs["layers"] = store_outputs(file.create_group("layers"), streamed, 6, units)
    expected = torch.from_numpy(images.reshape(6, 16) / np.float32(255))
    with read(tmp_path / "a.h5") as file, torch.no_grad():
        assert [unescaped(name) for name in file.attrs["layers"]] == NAMES
        for name, layer in zip(file.attrs["layers"], model[2:], strict=True):
            expected = layer(model[1](expected) if name == file.attrs["layers"][0] else expected)
            found = file["layers"][name]
            np.testing.assert_allclose(found[:], expected.numpy()[:, found.attrs["units"]], rtol=1e-5, atol=1e-6)

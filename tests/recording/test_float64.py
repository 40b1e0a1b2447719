"""PyTorch networks in double precision: images come to them as their weights are."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from drillcore import get_intermediate_outputs
from drillcore.frameworks.torch import as_input
from stages.rig.card import Training
from stages.rig.images import Split
from stages.rig.torch.losses import one_hot_error
from stages.rig.torch.network import build, to_input
from stages.rig.torch.training import OPTIMIZERS, train
from stages.rig.training.batches import shuffled
from tests.conftest import MODELS, own


@pytest.fixture
def card(models):
    shutil.copy(MODELS / "double.py", models / "mine.py")
    return own(training=Training(batch_size=16, epochs=2, loss="mse"), device="cpu")


def test_a_training_in_double_precision_is_pytorch_s_own(card, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    split = Split(images, np.arange(40) % 3, ["a", "b", "c"], "a test")
    train(card, split, split, tmp_path / "out")

    model = build(card, 3)
    optimizer = OPTIMIZERS["adam"](model.parameters(), lr=card.training.learning_rate)
    batches = shuffled(card, split)
    for _ in range(2):
        for images, labels in batches:
            optimizer.zero_grad()
            one_hot_error(model(to_input(images).double()), torch.from_numpy(labels)).backward()
            optimizer.step()
    trained = torch.load(tmp_path / "out/checkpoints/epoch_002.pth", weights_only=True)
    assert all(
        tensor.dtype == torch.float64 and torch.equal(trained[name], tensor)
        for name, tensor in model.state_dict().items()
    )


def test_a_lazy_layer_gets_its_weights_in_double_precision(card):
    model = build(card.model_copy(update={"arguments": {"lazy": True}}), 3)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


@pytest.mark.parametrize(("weights", "given"), [("float64", "float32"), ("float32", "float64"), ("float64", "float64")])
def test_the_library_takes_images_of_either_precision(weights, given):
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU()).to(getattr(torch, weights))
    images = np.random.default_rng(0).random((5, 6)).astype(given)
    expected = model(torch.from_numpy(images).to(getattr(torch, weights))).detach().float().numpy()
    np.testing.assert_array_equal(get_intermediate_outputs(model, images)["1"], expected)


def test_tokens_stay_whole_numbers():
    model = nn.Sequential(nn.Embedding(9, 4, dtype=torch.float64), nn.Linear(4, 2, dtype=torch.float64))
    tokens = torch.arange(6).reshape(3, 2)
    assert as_input(tokens, model).dtype == torch.int64
    assert get_intermediate_outputs(model, tokens)["1"].shape == (3, 2, 2)

"""The gradient recorder around a PyTorch loop of the user's own."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from stages.shared.base.command import InputError
from stages.train.recorder import GradientRecorder


class Unused(nn.Module):
    """A model with a frozen layer, one that no loss reaches, and an embedding with sparse gradients."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(6, 4, sparse=True)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.unreached = nn.Linear(4, 1)
        self.output = nn.Linear(4, 2, dtype=torch.bfloat16)

    def forward(self, words):
        return self.output(self.frozen(self.embedding(words)).bfloat16()).float()


def gradients_of(model):
    """Every trained parameter's gradient, as dense float32 arrays."""
    dense = [
        torch.zeros_like(p) if p.grad is None else p.grad.to_dense() for p in model.parameters() if p.requires_grad
    ]
    return [gradient.float().numpy().copy() for gradient in dense]


def weights_of(model):
    return [parameter.detach().float().numpy().copy() for parameter in model.parameters() if parameter.requires_grad]


def test_step_records_what_record_is_handed(tmp_path):
    model = Unused()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    seen = []
    with GradientRecorder(model.named_parameters(), tmp_path / "steps.h5", watch=[1e-7]) as recorder:
        for epoch in (1, 2):
            for words in torch.randint(6, (3, 5)):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(words), words % 2)
                loss.backward()
                recorder.step(loss.item())
                seen.append((epoch, loss.item(), gradients_of(model), weights_of(model)))
                optimizer.step()
            recorder.end_epoch(epoch)
        assert recorder.watched()["near_zero_1e-07/zeros"] > 0
    sizes = {name: array.size for name, array in zip(names, seen[0][2], strict=True)}
    assert not any(name.startswith("frozen") for name in sizes) and "unreached.weight" in sizes
    with GradientRecorder(sizes, tmp_path / "arrays.h5") as recorder:
        for step, (epoch, loss, gradients, weights) in enumerate(seen, 1):
            recorder.record(step, epoch, loss, gradients, weights)
            if step % 3 == 0:
                recorder.end_epoch(epoch)
    assert (tmp_path / "steps.h5").read_bytes() == (tmp_path / "arrays.h5").read_bytes()
    with h5py.File(tmp_path / "steps.h5") as file:
        assert file["raw/epoch"][:].tolist() == [1, 1, 2, 2, 2]
        assert not file["snapshots/002/unreached.weight"][:].any()
        assert file["snapshots/002/output.weight"][:].any()


def test_a_loop_may_tell_its_own_epochs_and_no_loss(tmp_path):
    model = nn.Linear(2, 1)
    with GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder:
        for epoch in (7, 7, 8):
            model(torch.ones(2)).sum().backward()
            recorder.step(epoch=epoch)
    with h5py.File(tmp_path / "gradients.h5") as file:
        assert file["raw/epoch"][:].tolist() == [7, 8]
        assert np.isnan(file["loss"][:]).all() and len(file["loss"]) == 3
        assert "snapshots" not in file


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (lambda model: model.parameters(), r"takes a model's named_parameters\(\) or a mapping .*, not generator"),
        (lambda model: model, "not Linear"),
        (lambda model: "gradients.h5", "not str"),
        (lambda model: model.requires_grad_(False).named_parameters(), "nothing to record"),
        (lambda model: [*model.named_parameters()] * 2, "4 parameters have only 2 names"),
    ],
)
def test_other_parameters_are_refused_in_a_sentence(tmp_path, parameters, words):
    with pytest.raises(InputError, match=words):
        GradientRecorder(parameters(nn.Linear(2, 1)), tmp_path / "gradients.h5")


def test_a_recorder_of_sizes_points_to_record(tmp_path):
    with (
        pytest.raises(ValueError, match="hand their arrays to `record`"),
        GradientRecorder({"weight": 3}, tmp_path / "gradients.h5") as recorder,
    ):
        recorder.step()


def test_double_precision_is_refused_and_never_rounded(tmp_path):
    model = nn.Linear(2, 1).double()
    with (
        pytest.raises(ValueError, match="should hold 2 float32 values, but holds 2 of float64"),
        GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder,
    ):
        recorder.step()

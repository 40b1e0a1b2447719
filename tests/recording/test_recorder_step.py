"""The gradient recorder around a user-defined PyTorch loop."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from drillcore.base.errors import InputError
from drillcore.recording.recorder import GradientRecorder


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


@pytest.fixture
def model():
    return nn.Linear(2, 1)


def take(model, recorder, **settings):
    model(torch.ones(2)).sum().backward()
    recorder.step(**settings)


@pytest.mark.parametrize("first", [0, 1, 5])
def test_a_step_is_of_the_epoch_that_ends_after_it_wherever_they_are_counted_from(model, tmp_path, first):
    with GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder:
        for epoch in (first, first + 1):
            take(model, recorder)
            take(model, recorder)
            take(model, recorder, epoch=70)
            recorder.end_epoch(epoch)
        take(model, recorder)
    with h5py.File(tmp_path / "gradients.h5") as file:
        for rows in ("raw", "ema"):
            assert file[rows]["epoch"][:].tolist() == [first, 70, first + 1, first + 1, 70, first + 2]
        assert list(file["snapshots"]) == [f"{epoch:03d}" for epoch in (first, first + 1)]


def test_a_step_after_zero_grad_is_refused(model, tmp_path):
    with (
        pytest.raises(ValueError, match="no parameter has a gradient: call step after backward and before zero_grad"),
        GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder,
    ):
        take(model, recorder)
        model.zero_grad()
        recorder.step()
    assert list(tmp_path.iterdir()) == []


def test_parameters_may_be_a_dict(model, tmp_path):
    for name, parameters in {"dict": dict(model.named_parameters()), "pairs": model.named_parameters()}.items():
        model.zero_grad()
        with GradientRecorder(parameters, tmp_path / name) as recorder:
            take(model, recorder)
            take(model, recorder)
    assert (tmp_path / "dict").read_bytes() == (tmp_path / "pairs").read_bytes()


def test_nothing_is_recorded_after_the_one_block(model, tmp_path):
    with GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder:
        take(model, recorder)
    for late in (lambda: take(model, recorder), lambda: recorder.end_epoch(1), recorder.state):
        with pytest.raises(ValueError, match="a recorder that is closed records no more: make another one"):
            late()
    recorder.close()
    content = (tmp_path / "gradients.h5").read_bytes()
    with pytest.raises(ValueError, match="serves one `with` block: make another one"), recorder:
        pass
    assert (tmp_path / "gradients.h5").read_bytes() == content


def test_without_a_block_it_begins_with_a_step_and_ends_when_closed(model, tmp_path):
    with GradientRecorder(model.named_parameters(), tmp_path / "block.h5") as recorder:
        take(model, recorder)
        recorder.end_epoch(1)
    model.zero_grad()
    recorder = GradientRecorder(model.named_parameters(), tmp_path / "closed.h5")
    take(model, recorder)
    recorder.end_epoch(1)
    assert not (tmp_path / "closed.h5").exists()
    recorder.close()
    recorder.close()
    assert (tmp_path / "closed.h5").read_bytes() == (tmp_path / "block.h5").read_bytes()


def test_gradients_may_be_handed_in(model, tmp_path):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for name in ("left", "handed"):
        with GradientRecorder(model.named_parameters(), tmp_path / name) as recorder:
            for _ in range(2):
                model.zero_grad()
                model(torch.ones(2)).sum().backward()
                gradients = [parameter.grad for parameter in parameters]
                recorder.step(gradients=gradients if name == "handed" else None)
    assert (tmp_path / "left").read_bytes() == (tmp_path / "handed").read_bytes()
    with (
        pytest.raises(ValueError, match="1 gradients are not one for each of"),
        GradientRecorder(model.named_parameters(), tmp_path / "short") as recorder,
    ):
        recorder.step(gradients=gradients[:1])


def test_parameters_without_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="takes a model's named_parameters"):
        GradientRecorder(nn.Linear(2, 2).parameters(), tmp_path / "gradients.h5")  # each can be cut into two rows


def test_one_recorder_at_a_time_has_a_path(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with GradientRecorder(model.named_parameters(), "gradients.h5") as recorder:
        take(model, recorder)
        with (
            pytest.raises(InputError, match="is being recorded by another recorder"),
            GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5"),
        ):
            pass
        take(model, recorder)
    with GradientRecorder(model.named_parameters(), "gradients.h5") as recorder:
        take(model, recorder)
    assert [path.name for path in tmp_path.iterdir()] == ["gradients.h5"]


def test_a_folder_is_no_file_to_record_in(model, tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path} is a folder, not a file .*, as {tmp_path / 'gradients.h5'}"):
        GradientRecorder(model.named_parameters(), tmp_path)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (lambda model: model.parameters(), r"takes a model's named_parameters\(\), .* or a mapping .*, not generator"),
        (lambda model: model.weight, "not Parameter"),
        (lambda model: {"weight": "many"}, "not dict"),
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


def test_double_precision_is_recorded_as_rounded_to_single(tmp_path):
    model = nn.Linear(2, 1).double()
    with (
        GradientRecorder(model.named_parameters(), tmp_path / "stepped.h5") as stepped,
        GradientRecorder({"weight": 2, "bias": 1}, tmp_path / "handed.h5") as handed,
    ):
        for step in range(1, 4):
            model(torch.tensor([1.0, 1 / 3], dtype=torch.float64)).square().sum().backward()
            stepped.step()
            gradients = [parameter.grad.float().numpy() for parameter in model.parameters()]
            handed.record(
                step, None, np.nan, gradients, [weight.detach().float().numpy() for weight in model.parameters()]
            )
            torch.optim.SGD(model.parameters(), 0.1).step()
    with h5py.File(tmp_path / "stepped.h5") as one, h5py.File(tmp_path / "handed.h5") as other:
        np.testing.assert_array_equal(one["raw/counts"], other["raw/counts"])
        np.testing.assert_array_equal(one["raw/weight_change"], other["raw/weight_change"])
        assert one["raw/counts"][:].sum() == 6

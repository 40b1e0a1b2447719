import math

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from drillcore.base.store import read
from stages.rig.card import Training
from stages.rig.images import Split
from stages.rig.torch.network import build, load
from stages.rig.torch.training import (
    OPTIMIZERS,
    Callback,
    ModelSaveCallback,
    TorchBatches,
    Trainer,
    evaluate,
    make_optimizer,
    train,
)
from stages.rig.training.batches import Batches, in_order, shuffled
from stages.rig.training.resume import load as load_state
from stages.rig.training.scores import ClassScores
from tests.processes import run
from tests.training.cut_off import CutOff, cut_off_in

pytestmark = pytest.mark.slow


def toy_split(samples=80, shape=(28, 28, 1), seed=0):
    """Two easy classes: the bright half of the image is the upper or the lower one."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (samples, *shape), dtype=np.uint8)
    labels = np.arange(samples) % 2
    images[labels == 0, :14] += 180
    images[labels == 1, 14:] += 180
    return Split(images, labels.astype(np.int64), ["upper", "lower"], "a test")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture
def trained(files, small_mlp):
    """The folder of one training of the small network, done once."""
    folder = files / "a"
    if not folder.exists():
        train(small_mlp, toy_split(), toy_split(seed=1), folder)
    return folder


def test_it_learns_and_leaves_every_file(trained):
    names = sorted(path.name for path in trained.iterdir())
    assert names == ["checkpoints", "gradients.h5", "history.csv", "metrics.json", "resume.h5", "states", "tensorboard"]
    assert sorted(path.name for path in (trained / "checkpoints").iterdir()) == [
        "epoch_000.pth",
        "epoch_002.pth",
        "epoch_003.pth",
    ]
    last = (trained / "history.csv").read_text().splitlines()[-1].split(",")
    assert last[0] == "3"
    assert float(last[4]) > 0.9


def test_it_loads_neither_the_compiler_nor_scikit_learn(tmp_path):
    result = run("tests.training.child_slow_modules", tmp_path)
    assert (result.returncode, result.stdout) == (0, "\n"), result.stderr


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_steps_as_pytorch_s_own(name):
    settings, weights = Training(optimizer=name, learning_rate=0.1), []
    for make in (make_optimizer, lambda settings, parameters: OPTIMIZERS[name](parameters, lr=0.1)):
        torch.manual_seed(0)
        model = nn.Linear(3, 3)
        optimizer = make(settings, model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(2, 3)).square().sum().backward()
            optimizer.step()
        assert model.weight.requires_grad and torch.is_grad_enabled()
        weights.append(model.weight)
    assert torch.equal(*weights)


def test_a_checkpoint_gives_the_network_back(trained, small_mlp):
    before = load(small_mlp, 2, trained / "checkpoints/epoch_000.pth").state_dict()
    fresh = build(small_mlp, 2).state_dict()
    assert all(torch.equal(before[name], fresh[name]) for name in fresh)
    after = load(small_mlp, 2, trained / "checkpoints/epoch_003.pth").state_dict()
    assert not torch.equal(after["output.weight"], before["output.weight"])


def test_the_same_card_gives_the_same_bytes(trained, small_mlp, files):
    train(small_mlp, toy_split(), toy_split(seed=1), files / "b")
    assert_same_bytes(files / "b", trained)


def test_a_training_that_was_cut_off_goes_on_to_the_same_bytes(trained, small_mlp, files, monkeypatch):
    folder = files / "cut off"
    with monkeypatch.context() as patch, pytest.raises(CutOff):
        cut_off_in(3, patch)
        train(small_mlp, toy_split(), toy_split(seed=1), folder)
    assert not (folder / "gradients.h5").exists()
    train(small_mlp, toy_split(), toy_split(seed=1), folder, load_state(folder))
    assert_same_bytes(folder, trained)


def test_a_training_whose_batches_are_taken_twice_is_the_same_and_goes_on_too(trained, small_mlp, files, monkeypatch):
    card = small_mlp.model_copy(update={"recorder": small_mlp.recorder.model_copy(update={"same_batch": 2})})
    train(card, toy_split(), toy_split(seed=1), files / "twice")
    with monkeypatch.context() as patch, pytest.raises(CutOff):
        cut_off_in(3, patch)
        train(card, toy_split(), toy_split(seed=1), files / "cut off twice")
    train(card, toy_split(), toy_split(seed=1), files / "cut off twice", load_state(files / "cut off twice"))
    assert_same_bytes(files / "cut off twice", files / "twice")
    assert_same_bytes(files / "twice", trained, but=["gradients.h5"])
    with read(files / "twice/gradients.h5") as file, read(trained / "gradients.h5") as plain:
        assert file["same_batch/step"][:].tolist() == list(range(2, 16, 2))
        assert all((file["raw"][name][:] == plain["raw"][name][:]).all() for name in plain["raw"])


def assert_same_bytes(folder, expected, but=()):
    """All files of a training are there with their bytes, but TensorBoard's and the state hold the time."""
    names = [path.relative_to(expected) for path in expected.rglob("*") if path.is_file()]
    names = [name for name in names if name.parts[0] not in ("tensorboard", "resume.h5", *but)]
    assert [name for name in names if (folder / name).read_bytes() != (expected / name).read_bytes()] == []


def test_the_recorder_saw_the_gradients_that_autograd_gives(trained, small_mlp):
    """The last step's snapshot against the same training without callbacks."""
    split = toy_split()
    model = build(small_mlp, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=small_mlp.training.learning_rate)
    batches = shuffled(small_mlp, split)
    losses = []
    for _ in range(3):
        for images, labels in batches:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                model(torch.from_numpy(images).permute(0, 3, 1, 2)), torch.from_numpy(labels)
            )
            loss.backward()
            losses.append(loss.item())
            optimizer.step()
    with read(trained / "gradients.h5") as file:
        edges = file.attrs["bin_edges"]
        np.testing.assert_allclose(file["loss"][:], losses, rtol=1e-5)
        assert file["raw/step"][:].tolist() == list(range(2, 16))
        assert list(file.attrs["tensors"]) == [name for name, _ in model.named_parameters()]
        for name, parameter in model.named_parameters():
            gradient = parameter.grad.numpy().ravel().astype(np.float64)
            expected = np.sign(gradient) * np.searchsorted([0, *edges], np.abs(gradient))
            agreement = (file[f"snapshots/003/{name}"][:] == expected).mean()
            assert agreement > 0.98, name


def test_callbacks_are_called_in_order_with_the_trainer_s_state(small_mlp):
    calls = []

    class Watch(Callback):
        def on_fit_begin(self, trainer):
            calls.append(("begin", trainer.epoch))

        def on_backward_end(self, trainer):
            assert all(parameter.grad is not None for parameter in trainer.model.parameters())
            assert math.isfinite(trainer.loss)
            calls.append(("step", trainer.step))

        def on_epoch_end(self, trainer):
            calls.append(("epoch", trainer.metrics["epoch"]))

        def on_fit_end(self, trainer):
            calls.append(("end", trainer.epoch))

    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    batches = [(torch.randn(3, 1, 2, 2), torch.tensor([0, 1, 1])), (torch.randn(1, 1, 2, 2), torch.tensor([0]))]
    Trainer(model, torch.optim.SGD(model.parameters(), 0.1), [Watch()]).fit(batches, batches, 2)
    assert calls == [
        ("begin", 0),
        *[("step", 1), ("step", 2), ("epoch", 1)],
        *[("step", 3), ("step", 4), ("epoch", 2)],
        ("end", 2),
    ]


def test_validation_is_by_hand_and_over_all_samples():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    images, labels = torch.randn(7, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    metrics = evaluate(
        model, [(images[:5], labels[:5]), (images[5:], labels[5:])], nn.functional.cross_entropy, ClassScores()
    )
    logits = model(images).detach().double().numpy()
    shifted = logits - logits.max(1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    assert metrics["val_loss"] == pytest.approx(-log_probability[np.arange(7), labels].mean())
    assert metrics["val_accuracy"] == pytest.approx((logits.argmax(1) == labels.numpy()).mean())


def test_loss_schedule_and_augmentation_are_those_of_the_card(small_mlp, tmp_path):
    changes = {"loss": "mse", "optimizer": "sgd", "learning_rate": 0.5, "schedule": "step", "augmentation": ["flip"]}
    training = small_mlp.training.model_copy(update={**changes, "epochs": 1, "batch_size": 20})
    card, split = small_mlp.model_copy(update={"training": training}), toy_split()
    rates, model = [], build(card, 2)
    for images, labels in TorchBatches(shuffled(card, split), torch.nn.Identity()):
        rate = [0.5, 0.5, 0.05, 0.005][len(rates)]
        model.zero_grad()
        loss = ((model(images) - torch.eye(2)[labels]) ** 2).mean()
        loss.backward()
        rates.append((rate, loss.item()))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= rate * parameter.grad
    train(card, split, split, tmp_path)
    trained = load(card, 2, tmp_path / "checkpoints/epoch_001.pth").state_dict()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(trained[name], parameter.detach())
    shown = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.value for event in shown.Scalars("step/learning_rate")] == pytest.approx([rate for rate, _ in rates])
    assert [event.value for event in shown.Scalars("step/loss")] == pytest.approx([loss for _, loss in rates])


@pytest.mark.parametrize(("every", "epochs", "saved"), [(1, 2, [0, 1, 2]), (2, 3, [0, 2, 3]), (5, 2, [0, 2])])
def test_checkpoints_are_kept_at_their_epochs(tmp_path, every, epochs, saved):
    model = nn.Linear(2, 2)
    batches = [(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]))]
    callback = ModelSaveCallback(tmp_path, every)
    Trainer(model, torch.optim.SGD(model.parameters(), 0.1), [callback]).fit(batches, batches, epochs)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"epoch_{epoch:03d}.pth" for epoch in saved]


def test_a_diverging_training_goes_on_and_says_so(small_mlp, tmp_path, caplog):
    settings = small_mlp.training.model_copy(update={"learning_rate": 1e30, "optimizer": "sgd", "epochs": 1})
    card = small_mlp.model_copy(update={"training": settings, "batch_norm": False})
    train(card, toy_split(), toy_split(seed=1), tmp_path / "a")
    assert "NaN or Inf" in caplog.text
    with read(tmp_path / "a/gradients.h5") as file:
        assert file["raw/nonfinite"][:].sum() > 0
    assert (tmp_path / "a/metrics.json").exists()


def test_batches_hold_every_image_once_in_a_seeded_order(small_mlp):
    split = toy_split(50)
    first, again = shuffled(small_mlp, split), shuffled(small_mlp, split)
    epochs = [np.concatenate([labels_and_sum(batch) for batch in first]) for _ in range(2)]
    assert sorted(epochs[0].tolist()) == sorted(epochs[1].tolist())
    assert (epochs[0] != epochs[1]).any()
    np.testing.assert_array_equal(epochs[0], np.concatenate([labels_and_sum(batch) for batch in again]))
    assert len(first) == 4 and len(list(first)) == 4
    ((images, labels),) = in_order(small_mlp, split)
    np.testing.assert_array_equal(labels, split.targets)
    assert images.dtype == np.float32 and images.max() <= 1
    assert len(Batches(split, small_mlp, 25)) == 2


def labels_and_sum(batch):
    images, labels = batch
    return images.sum((1, 2, 3)).round(3) * 10 + labels

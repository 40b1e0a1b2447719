"""One line around any PyTorch training records what a hand-written loop does, and changes nothing."""

import logging

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import drillcore
from drillcore.recording.hooks import HANDED

BATCHES, EPOCHS = 6, 2
INPUTS = torch.from_numpy(np.random.default_rng(0).normal(size=(BATCHES, 4, 3)).astype(np.float32))
LABELS = INPUTS[..., 0].gt(0).long()


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


def loss_of(model, batch):
    return nn.functional.cross_entropy(model(INPUTS[batch]), LABELS[batch])


def adam(model):
    return torch.optim.Adam(model.parameters(), 0.01)


def contents(path):
    """Everything in a file but where its gradients come from, by name."""
    with h5py.File(path) as file:
        found = {f"@{name}": value for name, value in file.attrs.items() if name != "gradients"}
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def same(path, other, but=()):
    """Whether two files hold the same, but for the datasets `but`."""
    found, expected = contents(path), contents(other)
    assert found.keys() == expected.keys()
    for name in found.keys() - set(but):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert found["raw/counts"].sum() > 0


def by_hand(model, path, make=adam, accumulate=1, clip=None, epochs=EPOCHS, loss=True):
    """The loop that all trainers are compared with: the recorder's calls are written in it. Returns the steps' weights."""
    optimizer = make(model)
    with drillcore.GradientRecorder(model.named_parameters(), path) as recorder:
        for batch in list(range(BATCHES)) * epochs:
            value = loss_of(model, batch) / accumulate
            value.backward()
            if (batch + 1) % accumulate == 0:
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                recorder.step(value.item() if loss else np.nan)
                optimizer.step()
                optimizer.zero_grad()
        recorder.end_epoch(1)
    return weights(model)


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def plain(model, optimizer, batches=BATCHES):
    """A loop that knows of no recorder."""
    for batch in range(batches):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()


def lightning(model, loader, folder):
    """Lightning's trainer, which makes the optimiser itself and hands it a closure."""
    pl = pytest.importorskip("pytorch_lightning")

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = model

        def training_step(self, batch, number):
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self):
            return adam(self)

    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(
        **quiet,
        accelerator="cpu",
        max_epochs=EPOCHS,
        accumulate_grad_batches=2,
        gradient_clip_val=0.05,
        default_root_dir=folder,
    )
    trainer.fit(Module(), loader)


def hugging_face(model, loader, folder):
    """Hugging Face's trainer."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = model

        def forward(self, inputs, labels):
            return {"loss": nn.functional.cross_entropy(self.network(inputs), labels)}

    class Trainer(transformers.Trainer):
        def get_train_dataloader(self):
            return [{"inputs": inputs, "labels": labels} for inputs, labels in loader]

    arguments = transformers.TrainingArguments(
        folder,
        num_train_epochs=EPOCHS,
        gradient_accumulation_steps=2,
        max_grad_norm=0.05,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
    )
    classifier = Classifier()
    optimizer = adam(classifier)
    Trainer(classifier, arguments, optimizers=(optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0))).train()


def accelerated(model, loader, folder):
    """A loop by Accelerate, which wraps model and optimiser."""
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    wrapped, optimizer, loader = accelerator.prepare(model, adam(model), loader)
    for _ in range(EPOCHS):
        for inputs, labels in loader:
            with accelerator.accumulate(wrapped):
                accelerator.backward(nn.functional.cross_entropy(wrapped(inputs), labels))
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(wrapped.parameters(), 0.05)
                optimizer.step()
                optimizer.zero_grad()


def by_loop(model, loader, folder):
    """A loop of no library, that accumulates and clips."""
    optimizer = adam(model)
    for _ in range(EPOCHS):
        for number, (inputs, labels) in enumerate(loader, 1):
            (nn.functional.cross_entropy(model(inputs), labels) / 2).backward()
            if number % 2 == 0:
                nn.utils.clip_grad_norm_(model.parameters(), 0.05)
                optimizer.step()
                optimizer.zero_grad()


@pytest.mark.parametrize("train", [by_loop, lightning, hugging_face, accelerated])
def test_a_trainer_is_recorded_as_a_loop_by_hand_and_trains_the_same(train, tmp_path):
    loader = DataLoader(list(zip(INPUTS, LABELS, strict=True)), batch_size=None)
    bare, hooked, compared = network(), network(), network()
    train(bare, loader, tmp_path / "bare")
    with drillcore.record(hooked, path=tmp_path / "hooked.h5"):
        train(hooked, loader, tmp_path / "hooked")
    assert all(map(torch.equal, weights(hooked), weights(bare)))
    by_hand(compared, tmp_path / "by_hand.h5", accumulate=2, clip=0.05, loss=train is lightning)
    assert all(map(torch.equal, weights(hooked), weights(compared)))
    same(tmp_path / "hooked.h5", tmp_path / "by_hand.h5")


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_are_recorded_without_the_scale_and_a_step_that_the_scaler_skips_is_none(fused, tmp_path):
    """A fused optimiser is handed scaled gradients, and takes the scale out itself; scales are powers of two."""

    def make(model):
        return torch.optim.Adam(model.parameters(), 0.01, fused=fused)

    model, compared = network(), network()
    optimizer, scaler = make(model), torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with drillcore.record(model, optimizer, tmp_path / "hooked.h5"):
        for batch in range(BATCHES):
            for factor in [np.inf, 1] if batch == 2 else [1]:
                optimizer.zero_grad()
                scaler.scale(loss_of(model, batch) * factor).backward()
                scaler.step(optimizer)
                scaler.update()
    assert scaler.get_scale() == 2.0**9
    by_hand(compared, tmp_path / "by_hand.h5", make, epochs=1, loss=False)
    assert all(map(torch.equal, weights(model), weights(compared)))
    same(tmp_path / "hooked.h5", tmp_path / "by_hand.h5")
    assert not contents(tmp_path / "hooked.h5")["raw/nonfinite"].any()


def by_sgd(*models):
    return [torch.optim.SGD(model.parameters(), 0.1 * number, 0.9) for number, model in enumerate(models, 1)]


@pytest.mark.parametrize("given", [True, False])
def test_optimisers_that_take_turns_make_one_step_together(given, tmp_path):
    model, compared = network(), network()
    optimizers = by_sgd(model[0], model[2])
    with drillcore.record(model, optimizers if given else None, tmp_path / "hooked.h5"):
        for batch in range(BATCHES):
            model.zero_grad()
            loss_of(model, batch).backward()
            for optimizer in optimizers:
                optimizer.step()

    def groups(model):
        return torch.optim.SGD(
            [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters(), "lr": 0.2}], momentum=0.9
        )

    by_hand(compared, tmp_path / "by_hand.h5", groups, epochs=1, loss=False)
    same(tmp_path / "hooked.h5", tmp_path / "by_hand.h5")


def test_of_optimisers_at_different_rates_those_that_wait_count_as_zeros_and_each_may_have_a_file(tmp_path):
    model = network()
    often, seldom = by_sgd(model[0], model[2])
    with (
        drillcore.record(model, [often, seldom], tmp_path / "both.h5"),
        drillcore.record(model, often, tmp_path / "often.h5"),
        drillcore.record(model, seldom, tmp_path / "seldom.h5"),
    ):
        for batch in range(BATCHES):
            model.zero_grad()
            loss_of(model, batch).backward()
            often.step()
            if batch % 3 == 2:
                seldom.step()
    with drillcore.open(tmp_path / "both.h5") as both, drillcore.open(tmp_path / "often.h5") as file:
        assert both.tensors == [name for name, _ in model.named_parameters()]
        assert file.tensors == both.tensors[:2]
        np.testing.assert_array_equal(file.counts()[:], both.counts()[:, :2])
        counts = both.counts()[:, 2:].sum((1, 4))
        zeros_now = counts[:, :, 0].sum(1)
        assert (zeros_now[[0, 2, 3]] == 12).all()  # steps 2, 4 and 5: 10 weights and 2 biases of the waiting layer
        assert (zeros_now[[1, 4]] < 12).all()
    with drillcore.open(tmp_path / "seldom.h5") as file:
        assert file.counts().shape[:2] == (1, 2)


def test_several_groups_and_frozen_parameters(tmp_path):
    model = network()
    model[0].bias.requires_grad_(False)
    optimizer = torch.optim.SGD([{"params": model[2].parameters()}, {"params": model[0].parameters(), "lr": 0.5}], 0.1)
    with drillcore.record(model, optimizer, tmp_path / "gradients.h5"):
        plain(model, optimizer)
    with drillcore.open(tmp_path / "gradients.h5") as file:
        assert file.tensors == ["0.weight", "2.weight", "2.bias"]
        assert file.counts().shape[0] == BATCHES - 1


def test_of_a_closure_the_first_call_of_each_step_counts(tmp_path):
    model, seen = network(), []
    optimizer = torch.optim.LBFGS(model.parameters(), 0.02, max_iter=3)
    with drillcore.record(model, optimizer, tmp_path / "hooked.h5"):
        for batch in range(BATCHES):
            calls = []

            def closure(batch=batch, calls=calls):
                optimizer.zero_grad()
                loss = loss_of(model, batch)
                loss.backward()
                arrays = [[p.grad.numpy().copy() for p in model.parameters()], [w.numpy() for w in weights(model)]]
                calls.append((loss.item(), *arrays))
                return loss

            optimizer.step(closure)
            seen.append(calls)
    assert sum(map(len, seen)) > BATCHES  # where a step calls it more than once
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    with drillcore.GradientRecorder(sizes, tmp_path / "arrays.h5", decay=0.0) as file:
        for step, ((loss, gradients, before), *_) in enumerate(seen, 1):
            file.record(step, 1, loss, gradients, before)
        file.end_epoch(1)
    same(tmp_path / "hooked.h5", tmp_path / "arrays.h5")


class Wrapper(torch.optim.Optimizer):
    """An optimiser that uses another one, as ZeroRedundancyOptimizer does."""

    def __init__(self, inner):
        super().__init__(inner.param_groups, {})
        self.inner = inner

    def step(self, closure=None):
        self.inner.step()


def test_an_optimiser_within_another_is_no_step_of_its_own_and_others_are_none_of_the_model(tmp_path):
    model, other, compared = network(), network(), network()
    wrapper, foreign = Wrapper(adam(model)), adam(other)
    with drillcore.record(model, wrapper, tmp_path / "hooked.h5"):
        for batch in range(BATCHES):
            plain(other, foreign, 2)
            wrapper.zero_grad()
            loss_of(model, batch).backward()
            wrapper.step()
            wrapper.zero_grad()
            wrapper.step()  # without a gradient
    by_hand(compared, tmp_path / "by_hand.h5", epochs=1, loss=False)
    same(tmp_path / "hooked.h5", tmp_path / "by_hand.h5")


def test_without_epochs_all_is_one_and_a_loop_may_end_them(tmp_path):
    model = network()
    optimizers = by_sgd(model[0], model[2])

    def train(path, ends):
        with drillcore.record(model, optimizers, tmp_path / path) as recorder:
            for batch in range(BATCHES):
                model.zero_grad()
                loss_of(model, batch).backward()
                optimizers[0].step()  # half a step, which is not yet recorded when the epoch ends
                if batch in ends:
                    recorder.end_epoch()
        with drillcore.open(tmp_path / path) as file:
            return file.epoch().tolist(), file.snapshots

    assert train("one.h5", []) == ([1] * 5, [1])
    assert train("two.h5", [2, 5]) == ([1, 1, 2, 2, 2], [1, 2])
    assert train("rest.h5", [1]) == ([1, 2, 2, 2, 2], [1, 2])


def test_the_loss_may_be_said(tmp_path):
    model = network()
    optimizer, losses = adam(model), []
    with drillcore.record(model, optimizer, tmp_path / "gradients.h5", loss=lambda: losses[-1]):
        for batch in range(BATCHES):
            optimizer.zero_grad()
            losses.append(loss_of(model, batch))
            losses[-1].backward()
            optimizer.step()
    with drillcore.open(tmp_path / "gradients.h5") as file:
        assert file.loss.tolist() == [loss.item() for loss in losses]
        assert file.origin == HANDED and HANDED in repr(file)


@pytest.mark.parametrize(("settings", "expected"), [({}, 0.8), ({"decay": 0.3}, 0.3)])
def test_the_null_has_the_decay_of_the_optimiser_that_steps(settings, expected, tmp_path):
    model = network()
    with drillcore.record(model, path=tmp_path / "gradients.h5", **settings):
        plain(model, torch.optim.AdamW(model.parameters(), betas=(0.8, 0.9)), 3)
    with drillcore.open(tmp_path / "gradients.h5") as file:
        assert file.decay == expected


def test_the_same_batch_is_taken_once_more_as_by_hand(tmp_path):
    def model_of():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 5), nn.Dropout(), nn.Linear(5, 2))

    def train(recorder, model, step):
        optimizer = adam(model)
        for batch in range(BATCHES):
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            step()
            optimizer.step()
            recorder.same_batch(lambda: loss_of(model, batch).backward())  # noqa: B023 - it is called at once
        recorder.end_epoch()

    model = model_of()
    with drillcore.record(model, path=tmp_path / "hooked.h5", same_batch=2) as recorder:
        train(recorder, model, lambda: None)
    model = model_of()
    with drillcore.GradientRecorder(model, tmp_path / "by_hand.h5", same_batch=2) as recorder:
        train(recorder, model, recorder.step)
    same(tmp_path / "hooked.h5", tmp_path / "by_hand.h5")
    assert contents(tmp_path / "hooked.h5")["same_batch/counts"].sum() > 0


def test_after_a_block_that_fails_there_is_no_file_and_no_hook(tmp_path):
    model = network()
    optimizer = adam(model)
    with pytest.raises(KeyError), drillcore.record(model, optimizer, tmp_path / "gradients.h5"):
        plain(model, optimizer)
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with drillcore.record(model, optimizer, tmp_path / "gradients.h5") as recorder:
        plain(model, optimizer, 2)
    plain(model, optimizer)
    assert recorder.last_step == 2


def test_a_block_without_a_step_says_so(tmp_path, caplog):
    model = network()
    with caplog.at_level(logging.WARNING), drillcore.record(model, None, tmp_path / "gradients.h5"):
        plain(network(), adam(network()))
    assert "gradients.h5 holds no step: no optimiser of the model's parameters took one" in caplog.text


@pytest.fixture
def process_group(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


WRAPPERS = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "data parallel": nn.DataParallel,
    "distributed": nn.parallel.DistributedDataParallel,
    "both": lambda model: torch.compile(nn.parallel.DistributedDataParallel(model), backend="eager"),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapped_model_is_recorded_under_its_names(wrapper, process_group, tmp_path):
    model, compared = network(), network()
    model[2] = torch.compile(model[2], backend="eager")
    wrapped = WRAPPERS[wrapper](model)
    optimizer = adam(wrapped)
    with drillcore.record(wrapped, optimizer, tmp_path / "hooked.h5"):
        plain(wrapped, optimizer)
    by_hand(compared, tmp_path / "by_hand.h5", epochs=1, loss=False)
    same(tmp_path / "hooked.h5", tmp_path / "by_hand.h5")


def sharded_by_fsdp(model):
    from torch.distributed.fsdp import FullyShardedDataParallel

    return FullyShardedDataParallel(model, device_id=torch.device("cpu"))


def sharded_by_fully_shard(model):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(model, mesh=init_device_mesh("cpu", (1,)))


def sharded_by_deepspeed(model):
    """As DeepSpeed marks parameters, which is not installed here."""
    model[0].weight.ds_id = 0
    return model


@pytest.mark.parametrize(
    ("shard", "strategy"),
    [(sharded_by_fsdp, "FSDP"), (sharded_by_fully_shard, "DTensor"), (sharded_by_deepspeed, "DeepSpeed ZeRO")],
)
def test_sharded_parameters_are_refused(shard, strategy, process_group):
    with pytest.raises(drillcore.InputError, match=f"are sharded by .*{strategy}.*: record a training without"):
        drillcore.record(shard(network()))


def test_only_the_first_of_several_processes_records(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    with pytest.raises(drillcore.InputError, match=r"process 1 of a distributed training.*record in process 0 alone"):
        drillcore.record(network())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((object(),), "record takes a torch.nn.Module, not object: in Keras hand `fit` a drillcore.callback"),
        ((network(), "gradients.h5"), "optimizer is 'gradients.h5'.*name a path as path=\"gradients.h5\""),
        (
            (network(), adam(network())),
            "The optimizer holds no parameter of this Sequential: hand record the model that",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused(arguments, said):
    with pytest.raises(drillcore.InputError, match=said):
        drillcore.record(*arguments)


def test_a_step_is_not_taken_in_twice(tmp_path):
    with (
        pytest.raises(ValueError, match="remove the call of step"),
        drillcore.record(network(), None, tmp_path / "gradients.h5") as recorder,
    ):
        recorder.step()

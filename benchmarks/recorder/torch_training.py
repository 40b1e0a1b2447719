"""Trains a network in PyTorch with one way to look at its gradients."""

import os
import tempfile
import time
from contextlib import contextmanager
from functools import partial

import numpy as np

import drillcore
from benchmarks.recorder.measuring import WARM_UP, ListRecorder, Measured, own_part, peak, timed, timing
from benchmarks.recorder.networks import NETWORKS


@contextmanager
def bare(model, optimizer, folder, own):
    """Nothing."""
    yield lambda step, loss: None


@contextmanager
def recorded(model, optimizer, folder, own):
    """Every gradient of every step, by one line around the loop."""
    with drillcore.record(model, optimizer, f"{folder}/gradients.h5") as recorder:
        recorder.record = timing(own, recorder.record)
        yield lambda step, loss: None


@contextmanager
def lists(model, optimizer, folder, own):
    """Python numbers of all gradients and weights."""
    recorder, parameters = ListRecorder(), list(model.parameters())

    def look(step, loss):
        recorder.record(
            [parameter.grad.numpy() for parameter in parameters],
            [parameter.detach().numpy() for parameter in parameters],
        )

    yield timing(own, look)


@contextmanager
def histograms(model, optimizer, folder, own):
    """TensorBoard's histogram of every gradient at every step."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:

        def look(step, loss):
            for name, parameter in model.named_parameters():
                writer.add_histogram(name, parameter.grad, step)

        yield timing(own, look)


@contextmanager
def watched(model, optimizer, folder, own):
    """wandb's watch, whose hooks are within the forward and backward passes; nothing is sent anywhere."""
    os.environ.update(WANDB_MODE="offline", WANDB_DIR=folder, WANDB_SILENT="true")
    import wandb

    with wandb.init(project="recorder", dir=folder) as run:
        run.watch(model, log="all", log_freq=1)
        yield lambda step, loss: run.log({"loss": loss.item()})


METHODS = {
    "bare step": bare,
    "drillcore": recorded,
    "lists of numbers": lists,
    "TensorBoard histograms": histograms,
    "wandb.watch(log='all', log_freq=1)": watched,
}


def train_torch(network, method, steps, seconds):
    """What `Measured` says of `steps` steps of Adam, or of those that begin within some seconds."""
    import torch

    torch.manual_seed(0)
    model = NETWORKS[network].make()
    inputs, targets = map(torch.from_numpy, NETWORKS[network].batch())
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    size = sum(parameter.numel() for parameter in model.parameters())
    assert size == NETWORKS[network].parameters, size
    times, own, begin = [], [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with METHODS[method](model, optimizer, folder, own) as look:
            for step in range(WARM_UP + steps):
                if step > WARM_UP and time.perf_counter() - begin > seconds:
                    break
                with timed(times):
                    train_step(model, optimizer, inputs, targets, partial(look, step))
            end = time.perf_counter()
        end = time.perf_counter() - end
    times = np.array(times[WARM_UP:])
    return Measured(times, own_part(own, len(times)), peak(), end, size, len(inputs))


def train_step(model, optimizer, inputs, targets, look):
    """One step, with a `look` at the loss between the gradients and the optimiser's step."""
    import torch

    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
    loss.backward()
    look(loss)
    optimizer.step()

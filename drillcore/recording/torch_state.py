"""What a PyTorch model's training step starts from, so that its batch can be taken once more as the first time."""

import random
from contextlib import contextmanager

import numpy as np
import torch


class State:
    """All that a forward pass of `model` may change, as it is now: tensors, attributes and random numbers.

    The tensors are its buffers and those that are attributes of its modules. Attributes are kept as they are bound: a
    number is put back, a list that a module changes in place is not. The random numbers are those of Python, NumPy, PyTorch
    on the CPU and PyTorch on the devices of the parameters.
    """

    def __init__(self, model):
        modules = [module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule)]
        self.dicts = [
            (names, dict(names)) for module in modules for names in (vars(module), module._buffers) if names is not None
        ]
        held = [*model.buffers(), *(value for _, values in self.dicts for value in values.values())]
        tensors = {id(value): value for value in held if isinstance(value, torch.Tensor)}
        self.tensors = [(tensor, tensor.detach().clone()) for tensor in tensors.values()]
        self.devices = {weight.device for weight in model.parameters()} - {torch.device("cpu")}
        self.random = random.getstate(), np.random.get_state(), torch.get_rng_state()
        self.on_devices = {device: generator(device)[0]() for device in self.devices}

    def restore(self):
        """Make all as it was."""
        for names, values in self.dicts:
            names.clear()
            names.update(values)
        with torch.no_grad():
            for tensor, value in self.tensors:
                if not torch.equal(tensor, value):
                    tensor.copy_(value)
        for put_back, state in zip(
            (random.setstate, np.random.set_state, torch.set_rng_state), self.random, strict=True
        ):
            put_back(state)
        for device, state in self.on_devices.items():
            generator(device)[1](state)


def generator(device):
    """Two functions that return and set the state of the random numbers of a `device` that is not the CPU."""
    module = torch.get_device_module(device)
    if device.type == "mps":  # of which there is one
        return module.get_rng_state, module.set_rng_state
    return lambda: module.get_rng_state(device), lambda state: module.set_rng_state(state, device)


class Repeatable:
    """Notes the `State` that the first forward pass of a step starts from, and gives it to the batch's second time.

    `wanted` says whether the step that is taken now is one whose batch is taken once more.
    """

    def __init__(self, model, wanted):
        self.model, self.start = model, None

        def note(module, inputs):  # a function, which a copy of the model shares: copied, a recorder would not work
            if module is model and module.training and self.start is None and wanted():
                self.start = State(model)

        self.remove = model.register_forward_pre_hook(note).remove

    @contextmanager
    def again(self):
        """In the block the model is as at the first pass but for its weights, without gradients; then all is as before it."""
        if self.start is None:
            raise ValueError(
                "the model was not called in training mode in this step, so that its state from before is not known: call "
                "it, not its forward or its layers"
            )
        end, gradients = State(self.model), [(weight, weight.grad) for weight in self.model.parameters()]
        for weight, _ in gradients:
            weight.grad = None
        self.start.restore()
        try:
            yield
        finally:
            self.start = None
            for weight, gradient in gradients:
                weight.grad = gradient
            end.restore()

"""Records any PyTorch training from outside, by the hooks that every optimiser calls around its step."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, Self

import numpy as np

from drillcore.base.errors import InputError
from drillcore.extras import require
from drillcore.recording.decay import decay_of
from drillcore.recording.recorder import GradientRecorder
from drillcore.recording.weights import to_array

LOG = logging.getLogger("drillcore")

HANDED = "as the optimiser was handed them: after clipping, without a loss scale"
"""Which gradients a hook sees, as the file says it."""

SHARDED = {
    "FullyShardedDataParallel": "FSDP",
    "DTensor": "fully_shard or another user of DTensor",
    "ds_id": "DeepSpeed ZeRO",
}
"""What shards parameters, by the class of a module or of a parameter, or by what it marks parameters with."""


def record(
    model: Any,
    optimizer: Any = None,
    path: str | os.PathLike = "gradients.h5",
    loss: Callable[[], Any] | None = None,
    **settings: Any,
) -> GradientRecorder:
    """Record every gradient of a PyTorch training in a `with` block around it, whatever runs the loop.

    The training needs no change and computes the same: a plain loop, Lightning, Hugging Face's Trainer or Accelerate. A step
    is one of the optimiser, however many batches it accumulates, and its gradients are those that the optimiser is handed:
    after clipping, without the scale of a `GradScaler`. A step that the scaler skips, or without any gradient, is none. Of
    an optimiser that calls a closure, as LBFGS does many times in a step, the first call of each step counts.

    Several optimisers that take turns make one step together, until one of them is to step again; a parameter whose
    optimiser did not step counts as zeros. Record those that step at different rates in a file each.

    Parameters
    ----------
    model : torch.nn.Module
        As it is when the block begins, or as wrapped by `torch.compile`, `DataParallel` or `DistributedDataParallel`.
    optimizer : optimiser or list of optimisers, optional
        Records the parameters that these hold. By default all that require a gradient when the block begins, of any
        optimiser: of one that a trainer makes only later, too.
    path : path
        The file to write; it appears when the block ends well.
    loss : callable, optional
        Returns the loss of the step that an optimiser is about to take. By default it is what a closure returns, as of
        Lightning, and otherwise NaN.
    **settings
        `edges`, `every`, `watch`, `threads`, `same_batch` and `decay` of a `GradientRecorder`. The decay is by default that
        of the optimiser that steps first.

    Returns
    -------
    GradientRecorder
        What `with ... as recorder` names. `recorder.end_epoch()` ends an epoch; without it all steps are of epoch 1.

    Raises
    ------
    InputError
        If `model` is no PyTorch module, its parameters are sharded, as by FSDP or DeepSpeed ZeRO, the process is not the
        first of a distributed training, or `optimizer` holds none of the parameters; and as for a `GradientRecorder`.

    Examples
    --------
    >>> import torch
    >>> import drillcore
    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), 0.1)
    >>> with drillcore.record(model, optimizer, "gradients.h5"):
    ...     for batch in torch.ones(8, 2, 3):
    ...         optimizer.zero_grad()
    ...         model(batch).square().mean().backward()
    ...         optimizer.step()
    >>> with drillcore.open("gradients.h5") as file:  # steps, tensors, bins before, bins now, crossings
    ...     file.counts().shape
    (7, 2, 13, 13, 4)
    """
    require("torch", "drillcore.record")
    model = unwrapped(model)
    refuse_distributed(model)
    parameters = list(model.named_parameters())
    if optimizer is not None:
        held = {id(parameter) for parameter in held_by(optimizer)}
        parameters = [(name, parameter) for name, parameter in parameters if id(parameter) in held]
        if not parameters:
            raise InputError(
                f"The optimizer holds no parameter of this {type(model).__name__}: hand record the model that it trains, or "
                "optimizer=None for any that does."
            )
    return OptimizerRecorder(model, parameters, path, loss, **settings)


class OptimizerRecorder(GradientRecorder):
    """A recorder that takes in the steps of all optimisers that hold its parameters, from its block's begin to its end."""

    def __init__(self, model, parameters, path, loss, **settings):
        super().__init__(parameters, path, **settings)
        self.model = model  # which `same_batch` puts back
        self.decay_is_known = "decay" in settings
        self.recorded_ids = {id(parameter) for parameter in self.parameters}
        self.loss_of_step, self.loss = loss, np.nan
        self.handed, self.stepping = {}, None

    def __enter__(self) -> Self:
        from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

        super().__enter__()
        self.hooks = ExitStack()
        self.hooks.callback(register_optimizer_step_pre_hook(self.before).remove)
        self.hooks.callback(register_optimizer_step_post_hook(self.after).remove)
        return self

    def __exit__(self, *error: Any) -> bool | None:
        self.hooks.close()
        if any(error):
            return super().__exit__(*error)
        with ExitStack() as stack:
            stack.push(super().__exit__)
            self.take()
            self.wait()
            if self.last_step is None:
                LOG.warning(f"{self.path} holds no step: no optimiser of the model's parameters took one in the block")
            elif self.file:  # steps since the last `end_epoch`
                self.end_epoch()

    def step(self, *arguments: Any, **named: Any) -> None:
        """Refuse to take in a step twice."""
        raise ValueError("record takes in every step of the optimiser by itself: remove the call of step")

    def end_epoch(self, epoch: int | None = None) -> None:
        self.take()
        super().end_epoch(epoch)

    def begin_part(self):
        super().begin_part()
        self.file.store_origin(HANDED)

    def before(self, optimizer, args, kwargs):
        """What an optimiser calls when it is about to step: look at its gradients, now or once its closure made them.

        An optimiser may use another one inside its step: only the outer one counts.
        """
        if self.stepping not in (None, optimizer) or not any(id(p) in self.recorded_ids for p in held_by(optimizer)):
            return None
        self.stepping = optimizer
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not callable(closure):
            self.look(optimizer, None)
            return None
        observed = self.observed(closure, optimizer)
        if "closure" in kwargs:
            return args, {**kwargs, "closure": observed}
        return (args[0], observed, *args[2:]), kwargs

    def after(self, optimizer, args, kwargs):
        """What an optimiser calls when it has stepped."""
        if optimizer is self.stepping:
            self.stepping = None

    def observed(self, closure, optimizer):
        """The same closure, which looks at the gradients of its first call: later ones are of moved weights."""
        first = [True]

        def call():
            loss = closure()
            if first:
                first.clear()
                self.look(optimizer, loss)
            return loss

        return call

    def look(self, optimizer, loss):
        """Take in what `optimizer` is handed, as a part of a step or as all of it; without any gradient it moves nothing."""
        parameters = [parameter for parameter in held_by(optimizer) if id(parameter) in self.recorded_ids]
        # A fused optimiser takes the scale out, and skips, itself: GradScaler leaves it both numbers.
        scale, skipped = getattr(optimizer, "grad_scale", None), getattr(optimizer, "found_inf", None)
        if all(parameter.grad is None for parameter in parameters) or (skipped is not None and skipped.item()):
            return
        if not self.decay_is_known:
            self.decay, self.decay_is_known = decay_of(optimizer), True
        keys = [id(parameter) for parameter in parameters]
        if not self.handed.keys().isdisjoint(keys):
            self.take()
        self.loss = as_number(self.loss_of_step() if self.loss_of_step else loss)
        arrays = [(gradient_of(parameter, scale), to_array(parameter)) for parameter in parameters]
        self.handed.update(zip(keys, arrays, strict=True))
        if len(self.handed) == len(self.parameters):
            self.take()
        else:  # other optimisers may follow, and this one is about to change the arrays
            self.handed.update((key, tuple(map(np.array, self.handed[key]))) for key in keys)

    def take(self):
        """Record the step that all handed gradients make together, if there are any."""
        if self.handed:
            pairs = [
                self.handed.get(id(parameter)) or (np.zeros(parameter.shape, np.float32), to_array(parameter))
                for parameter in self.parameters
            ]
            self.handed = {}
            self.record(self.next_step(), None, self.loss, *zip(*pairs, strict=True))


def gradient_of(parameter, scale):
    """The gradient of a parameter without the `scale` of its loss, if it has one; zeros where it has none."""
    if parameter.grad is None:
        return np.zeros(parameter.shape, np.float32)
    gradient = to_array(parameter.grad)
    return gradient if scale is None else gradient / np.float32(scale.item())


def as_number(loss):
    """A loss as a number; NaN where it is none, for a closure may return anything."""
    with suppress(TypeError, ValueError, RuntimeError):
        return float(loss.detach() if hasattr(loss, "detach") else loss)
    return np.nan


def held_by(optimizers: Any) -> Iterator[Any]:
    """The parameters that an optimiser holds, or each of a list of them; a trainer's wrapper of one has its groups, too."""
    for optimizer in optimizers if isinstance(optimizers, list | tuple) else [optimizers]:
        if not hasattr(optimizer, "param_groups"):
            raise InputError(
                f"optimizer is {optimizer!r}, which has no param_groups: hand record an optimiser, a list of some, or None "
                'for any that holds the model\'s parameters; name a path as path="gradients.h5".'
            )
        for group in optimizer.param_groups:
            yield from group["params"]


def unwrapped(model):
    """The module that `torch.compile` or a data-parallel wrapper holds, so that names are those of the model itself."""
    from torch import nn

    if not isinstance(model, nn.Module):
        raise InputError(
            f"record takes a torch.nn.Module, not {type(model).__name__}: in Keras hand `fit` a drillcore.callback."
        )
    while inner := getattr(model, "_orig_mod", None) or (
        isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel) and model.module
    ):
        model = inner
    return model


def refuse_distributed(model):
    """Refuse a model whose gradients no process has whole, and a process that is not the first of several."""
    from torch import distributed

    classes = {kind.__name__ for part in [*model.modules(), *model.parameters()] for kind in type(part).__mro__}
    marks = {"ds_id"} if any(hasattr(parameter, "ds_id") for parameter in model.parameters()) else set()
    for name, strategy in SHARDED.items():
        if name in classes | marks:
            raise InputError(
                f"The parameters of this {type(model).__name__} are sharded by {strategy}, so that no process has a whole "
                "gradient: record a training without sharding."
            )
    if distributed.is_available() and distributed.is_initialized() and distributed.get_rank():
        raise InputError(
            f"This is process {distributed.get_rank()} of a distributed training, in which all have the same gradients: call "
            "record in process 0 alone."
        )

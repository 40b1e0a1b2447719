"""Counts what the optimiser does to every parameter: how its gradient moves between bins of size from step to step.

Definitions. g_t is the gradient at the weights w_t, before their update; dw = w_t - w_(t-1), dg = g_t - g_(t-1).
Edges e_1 < ... < e_K cut abs(g) into K + 2 bins: 0 is exactly zero (of either sign), k is (e_(k-1), e_k] with e_0 = 0,
K + 1 is above e_K and holds infinities. A crossing is 0 where the sign stayed or either gradient is zero; where it
changed, 1 if dw dg > 0 (a minimum along that coordinate was stepped over), 2 if dw dg < 0 (a maximum), 3 if dw = 0.
Gradients are compared with the edges, and weights subtracted, in float64; the sign of dw dg comes from their signs,
so nothing underflows. A parameter is in no cell when either gradient is NaN or dw is not finite.

Averages. a_t = a_(t-1) + (1 - DECAY) (g_t - a_(t-1)) in float64, at every step even if only every k-th is recorded. It
starts at the first finite gradient; one that is not finite leaves it as it was, for an Inf would stay in it for ever.
Before it starts it is NaN, and in no cell. Averaged weights start at the first weights and change by the average of dw,
which starts at 0: the same recursion, without the difference of two nearly equal numbers. Once a weight is not finite,
its average is in no cell. Below float64's normal range averages are zero.

Chance alone. Gradients of two batches differ by noise. A flip is called a minimum where the update went against g_(t-1).
The update goes against an average v_(t-1) = g_(t-1) + b v_(t-2), of which g_(t-1) is a part: noise alone makes minima of
more than half of all flips. So beside each parameter runs a surrogate u_t = b u_(t-1) + s_t abs(g_t) with random signs s_t,
a hash of step and parameter. It keeps the parameter's magnitudes and zeros, but not its signs. At a flip from t - 1 to t
chance calls a minimum where abs(g_(t-1)) + b u_(t-2) > 0. `null_flips` counts the flips that are a minimum or a maximum,
`null_minima` those of them that chance calls minima; a flip of crossing 3 is in neither.

The averages' sign at t - 1 and their weights' direction at t share gradients too, so that how often an average flips
depends on all of them. Their surrogate is a history of its own: the average a of s_t g_t, and c of the changes -u_(t-1).
`null_flips` counts, by the bins of the surrogate's a, where a_t has the other sign than a_(t-1), for either sign of the
gradient at t; `null_minima` those of them where c and the change of a have one sign. Only their ratio compares with that
of minima to minima and maxima. The recorder's average gives its first gradient the weight of ten; the surrogate does not,
and counts from step AVERAGED on, when 1e-3 of that gradient's weight is left.

The surrogates know of nothing but the average of decay b: an update that is not along it, by a decay of weights, by
Nesterov's momentum or by a clipping, is to them as without. A learning rate that changes leaves the gradients' null as it
is, and distorts that of the averages only if it changes within their ten steps.

Step scalars. Of every recorded step and tensor the norms of g_t, w_t and dw, the cosine of g_t and g_(t-1), the descent
sum dw g_(t-1), and the curvature along the step sum dw dg / sum dw^2, a Rayleigh quotient of the Hessian if both gradients
are of one batch.
"""

import atexit
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, suppress
from html import escape
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drillcore.artifacts.gradients import KINDS, SAME_BATCH, SCALARS, GradientsWriter, join
from drillcore.base.errors import InputError
from drillcore.base.store import create
from drillcore.recording.kernel import (
    SHARES,
    SUMS,
    classify,
    count_pair,
    count_step,
    make_binning,
    make_surrogate,
    new_cells,
    new_state,
    sum_pieces,
)
from drillcore.recording.rows import Rows
from drillcore.recording.same_batch import SameBatch, due
from drillcore.recording.scalars import Spikes, scalars
from drillcore.recording.threshold import DECADES, near_zero, statistics
from drillcore.recording.weights import to_array, trainable
from drillcore.threads import omp_threads

WATCHED = "zeros", "retained", "released", "fraction_released", "flips", "fraction_flipped", "minima", "maxima"

LOG = logging.getLogger("drillcore")

RECORDED = set()
"""The paths of the recorders that are not yet closed."""

PIECE = 1 << 16
"""Parameters that a thread counts at a time: always as many, so that sums do not depend on the number of threads."""

AVERAGED = 67
"""The first step whose averages have a null."""


class Transitions(NamedTuple):
    """The transitions of one tensor: `counts` (bins, bins, 4) and `weight_change` (bins, bins, 2)."""

    counts: NDArray[np.uint32]
    weight_change: NDArray[np.float64]


def transitions(
    g_before: ArrayLike, g_now: ArrayLike, w_before: ArrayLike, w_now: ArrayLike, bin_edges: Sequence[float]
) -> Transitions:
    """Count one step's transitions of one tensor.

    Parameters
    ----------
    g_before, g_now : float32 array (parameters)
        Gradients at two consecutive steps.
    w_before, w_now : float32 array (parameters)
        The weights they were taken at.
    bin_edges : sequence of K floats
        Ascending, positive and finite.

    Returns
    -------
    Transitions
        `counts`, a uint32 array (K + 2, K + 2, 4): the number of parameters by bin of abs(g) before, bin now, and crossing;
        see the module's definitions. And `weight_change`, a float64 array (K + 2, K + 2, 2): sums of abs(dw) and dw^2 over
        the same parameters.

    Raises
    ------
    ValueError
        If the arrays are not float32 or not of one size, or the edges are not ascending, positive and finite.

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> g_before, g_now, w_before, w_now = np.float32([[-0.5], [0.5], [0.25], [0.75]])
    >>> counts, weight_change = drillcore.transitions(g_before, g_now, w_before, w_now, [1e-3, 1])
    >>> counts[2, 2].tolist(), weight_change[2, 2].tolist()
    ([0, 1, 0, 0], [0.5, 0.25])
    """
    named = {"g_before": g_before, "g_now": g_now, "w_before": w_before, "w_now": w_now}
    arrays = [flat(array, np.size(g_now), name) for name, array in named.items()]
    binning = make_binning(tuple(bin_edges))
    pairs = (binning.bins, binning.bins)
    counts, weight_change = np.empty((*pairs, 4), np.uint32), np.empty((*pairs, 2))
    count_pair(*arrays, binning, new_cells(binning), counts, weight_change)
    return Transitions(counts, weight_change)


class GradientRecorder:
    """Records the gradients of any training loop in a gradients.h5 that appears when the `with` block ends well.

    Without a block it begins with the first step, and `close` ends it.

    Until then every complete epoch is a file in the folder `path`.parts, so that a training that is killed can go on:
    `state` is what to keep of an epoch's end, and `restore` gives it to the recorder of the next attempt.

    `raw/` holds `counts` and `weight_change` of every recorded step and tensor, and `null_minima` of `null_flips` by chance
    alone, `ema/` the same of the averages, each beside `step` and `epoch`; `raw/nonfinite` counts the NaN and Inf
    gradients; `scalars/` holds norms, cosine, descent and curvature; `loss` has one value a step.
    `snapshots/NNN/<tensor>` is int8, the sign of each gradient times its bin at the last step of epoch NNN, and
    -128 where it is NaN. The attribute `tensors` holds the names as they are stored, with "%2F" for "/".

    Parameters
    ----------
    parameters : torch.nn.Module, iterable of (str, torch.nn.Parameter) or keras.Variable, or mapping of str to any or to int
        A PyTorch model or its `named_parameters()`, or a Keras model's `trainable_variables`. `step` records those that
        require a gradient when the recorder is created, float64 ones rounded to float32; later changes are ignored. Or the
        name and number of parameters of each tensor, in order, for `record`, which takes arrays of any origin.
    path : path
        The file to write.
    edges : sequence of float
        Ascending, positive and finite: where abs(g) is cut into bins. By default the decades 1e-10 ... 1.
    every : int
        Records the transition from step t - 1 to step t for every t that it divides.
    watch : sequence of float
        Edges at which `watched` gives the statistics.
    threads : int, optional
        By default OMP_NUM_THREADS or, without it, the number of processors; the file is the same with any.
    same_batch : int
        Records in `same_batch/`, for every step t that it divides, how the gradients of the batch of step t - 1 changed with
        the update, which `same_batch` (the method) takes once more. 0 is never.
    decay : float
        Of the average of gradients that the optimiser steps along: the momentum, or the first of Adam's betas, 0 for plain
        gradient descent. The null is drawn with it; by default that of momentum and Adam as they mostly are.

    Raises
    ------
    InputError
        If `parameters` are neither, none of them requires a gradient, two have one name, `watch` holds no edge, `decay` is
        not in [0, 1), `path` is a folder, or another recorder that is not yet closed records in `path`.
    ValueError
        For a step or an epoch after the end, and for a second block: each training wants its own recorder.

    Examples
    --------
    >>> import torch
    >>> import drillcore
    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), 0.1)
    >>> with drillcore.GradientRecorder(model.named_parameters(), "gradients.h5") as recorder:
    ...     for epoch in (1, 2):
    ...         for batch in torch.ones(4, 2, 3):
    ...             optimizer.zero_grad()
    ...             loss = model(batch).square().mean()
    ...             loss.backward()
    ...             recorder.step(loss.item())
    ...             optimizer.step()
    ...         recorder.end_epoch(epoch)
    >>> with drillcore.open("gradients.h5") as file:  # steps, tensors, bins before, bins now, crossings
    ...     file.counts().shape
    (7, 2, 13, 13, 4)
    """

    def __init__(
        self,
        parameters: Iterable[Any] | Mapping[str, Any],
        path: str | os.PathLike,
        edges: Sequence[float] = DECADES,
        every: int = 1,
        watch: Sequence[float] = (),
        threads: int | None = None,
        same_batch: int = 0,
        decay: float = 0.9,
    ) -> None:
        self.model = parameters if hasattr(parameters, "named_parameters") else None
        if self.model is not None:
            parameters = parameters.named_parameters()
        if isinstance(parameters, Mapping) and all(isinstance(size, Integral) for size in parameters.values()):
            self.parameters, self.tensors = (), dict(parameters)
        else:
            self.parameters, self.tensors = trainable(parameters)
        if not self.tensors:
            raise InputError("None of the model's parameters is trained: there is nothing to record.")
        self.path, self.edges = Path(path), [float(edge) for edge in edges]
        if self.path.is_dir():
            raise InputError(
                f"{path} is a folder, not a file to record in: name one in it, as {self.path / 'gradients.h5'}."
            )
        self.folder, self.parts = self.path.with_name(f"{self.path.name}.parts"), 0
        self.every, self.watch = every, watch
        for threshold in watch:
            near_zero(self.edges, threshold)
        if not 0 <= decay < 1:
            raise InputError(
                f"decay is {decay}: take the momentum or the first beta of the optimiser, from 0 to below 1."
            )
        self.decay = float(decay)
        self.binning = make_binning(tuple(self.edges))
        self.spikes = Spikes(self.tensors)
        self.states = [new_state(size) for size in self.tensors.values()]
        self.threads = threads or omp_threads(default=os.cpu_count())
        self.epoch, self.last_step, self.recorded, self.warned = 1, None, False, False
        self.steps_before = 0
        self.stack, self.open, self.again, self.repeatable = None, False, SameBatch(same_batch), None

    def facts(self) -> dict[str, str]:
        """What the recorder holds, in few words each."""
        return {
            "path": str(self.path),
            "state": "open" if self.open else "closed" if self.stack else "not begun",
            "tensors": f"{len(self.tensors):,}",
            "parameters": f"{sum(self.tensors.values()):,}",
            "steps": f"{self.last_step or 0:,}",
            "epochs": f"{self.epoch - 1:,}",
        }

    def __repr__(self) -> str:
        return f"GradientRecorder({', '.join(f'{name}: {value}' for name, value in self.facts().items())})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in self.facts().items())
        return f"<table><caption>GradientRecorder</caption>{rows}</table>"

    def __enter__(self) -> Self:
        if self.stack:
            raise ValueError("a recorder serves one `with` block: make another one for another training")
        resolved = self.path.resolve()
        if resolved in RECORDED:
            raise InputError(
                f"{self.path} is being recorded by another recorder: close that one, or give each a path of its own."
            )
        self.stack, self.file, self.closing = ExitStack(), None, ExitStack()
        self.stack.push(self.abandon)  # called last, when nothing writes any more
        pieces = divide(self.tensors.values())
        self.tensor_of_piece = [tensor for tensor, _ in pieces]
        self.raw, self.ema = (Rows(kind, self.tensor_of_piece, self.binning.bins) for kind in KINDS)
        self.rows = [self.raw, self.ema]
        if self.again.every:
            self.again.begin(self.tensor_of_piece, self.binning.bins)
            self.rows.append(self.again.rows)
        self.pieces = [
            (*piece, self.states[piece[0]].part(piece[1]), self.raw.piece(number), self.ema.piece(number))
            for number, piece in enumerate(pieces)
        ]
        begins = np.cumsum([0, *self.tensors.values()])
        self.firsts = [int(begins[tensor]) + part.start for tensor, part in pieces]
        self.ends = np.cumsum(np.bincount(self.tensor_of_piece))
        self.sums = np.zeros((len(pieces), SUMS))
        self.scratch = [(new_cells(self.binning), new_cells(self.binning)) for _ in range(self.threads)]
        self.counters = self.stack.enter_context(ThreadPoolExecutor(self.threads))
        self.writer = self.stack.enter_context(ThreadPoolExecutor(1))
        self.written = self.writer.submit(int)
        RECORDED.add(resolved)
        self.stack.callback(RECORDED.remove, resolved)
        if self.model is not None and self.again.every:
            from drillcore.recording.torch_state import Repeatable  # which loads PyTorch

            self.repeatable = Repeatable(self.model, lambda: due(self.again.every, self.next_step()))
            self.stack.callback(self.repeatable.remove)
        self.open = True
        return self

    def __exit__(self, *error: Any) -> bool | None:
        self.open = False
        if any(error):
            return self.stack.__exit__(*error)
        with self.stack:
            self.written.result()
            if self.file or not self.parts:
                self.end_part()
        join([self.part(number) for number in range(self.parts)], self.path)
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """End a recording that began without a `with` block: the file appears."""
        if self.open:
            atexit.unregister(self.forsake)
            self.__exit__(None, None, None)

    def forsake(self):
        """Say at the end of the process that a recording was never closed, and leave nothing unfinished of it."""
        LOG.warning(
            f"{self.path} is not written, for its recorder was never closed: call close(), or use a `with` block"
        )
        self.__exit__(InterruptedError, InterruptedError(), None)

    def abandon(self, *error):
        """Leave no unfinished part behind; complete ones stay, for the training may go on from them."""
        self.closing.__exit__(*error)
        with suppress(OSError):  # it holds complete parts, or was never made
            self.folder.rmdir()

    def step(self, loss: float = np.nan, epoch: int | None = None, gradients: Sequence[Any] | None = None) -> None:
        """Take in one step: when its gradients are there, before the optimiser or a clipping changes anything.

        Gradients are read as they are: if a `GradScaler` scales them, call its `unscale_` first.

        Parameters
        ----------
        loss : float
            The step's loss, kept beside what is counted.
        epoch : int, optional
            By default that of the next `end_epoch` or, where none follows, the one after the last.
        gradients : sequence of tensors or None, optional
            One for each trainable parameter, in order, as a `tf.GradientTape` returns them; by default what PyTorch's
            `backward` left in the parameters.

        Raises
        ------
        ValueError
            If no parameter has a gradient. Where others have one, a parameter without counts as zeros: no loss reached it.
        """
        if not self.parameters:
            raise ValueError("a recorder of sizes knows no parameters: hand their arrays to `record`")
        self.record(self.next_step(), epoch, loss, self.arrays(gradients), self.weights())

    def arrays(self, gradients):
        """The `gradients` that were handed in, or else those of PyTorch's parameters, as arrays."""
        if gradients is None:
            gradients = [getattr(parameter, "grad", None) for parameter in self.parameters]
        if len(gradients) != len(self.parameters):
            raise ValueError(f"{len(gradients)} gradients are not one for each of {len(self.parameters)} parameters")
        if all(gradient is None for gradient in gradients):
            raise ValueError(
                "no parameter has a gradient: call step after backward and before zero_grad, or hand it Keras' gradients"
            )
        return [
            np.zeros(size, np.float32) if gradient is None else to_array(gradient)
            for gradient, size in zip(gradients, self.tensors.values(), strict=True)
        ]

    def weights(self):
        """The parameters as arrays."""
        return [to_array(parameter) for parameter in self.parameters]

    def same_batch(self, closure: Callable[[], Any]) -> None:
        """Take the step's batch once more at the new weights, if it is one of those that `same_batch` chose; call after
        the optimiser's step.

        A recorder that was made of a PyTorch model calls `closure` in the state that the step's first forward pass began
        with: the random numbers, so that dropout draws the same masks, all buffers and the attributes of its modules; only
        the weights are new. Afterwards it puts all of them back, and every `grad`, so that the training goes on as if nothing
        had been. `drillcore.recording.torch_state.State` says what they are. Of any other recorder the closure keeps and
        restores what matters, and returns the gradients.

        Parameters
        ----------
        closure : callable
            Without arguments: computes the loss of the batch and calls `backward` (without the scale of a `GradScaler`), or
            else returns the gradients as a list or tuple, as `step` takes them.

        Raises
        ------
        ValueError
            If no parameter gets a gradient, or the model was not called in training mode since the last step.

        Examples
        --------
        >>> import torch
        >>> import drillcore
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1))
        >>> optimizer = torch.optim.SGD(model.parameters(), 0.1)
        >>> with drillcore.GradientRecorder(model, "gradients.h5", same_batch=2) as recorder:
        ...     for batch in torch.ones(4, 2, 3):
        ...         optimizer.zero_grad()
        ...         model(batch).square().mean().backward()
        ...         recorder.step()
        ...         optimizer.step()
        ...         recorder.same_batch(lambda: model(batch).square().mean().backward())
        >>> with drillcore.open("gradients.h5") as file:
        ...     file.step("same_batch").tolist()
        [2, 4]
        """
        if not self.again.before:
            return
        with self.repeatable.again() if self.repeatable else nullcontext():
            returned = closure()
            called = self.repeatable and any(parameter.grad is not None for parameter in self.parameters)
            if not called and not isinstance(returned, list | tuple):
                remedy = "call backward in the closure" if self.repeatable else "make the recorder of a PyTorch model"
                raise ValueError(f"the batch has no gradients at the new weights: {remedy}, or return them from it")
            self.record_same_batch(self.arrays(None if called else returned), self.weights())

    def record_same_batch(self, gradients: Sequence[ArrayLike], weights: Sequence[ArrayLike]) -> None:
        """Take in the gradients that the batch of the last step has at the weights that are new since then.

        It does nothing if the last step is none of those that `same_batch` chose.

        Parameters
        ----------
        gradients, weights : sequences of float32 arrays
            One of each for every tensor, in order and of any shape; read during the call, neither changed nor kept.
        """
        if not self.again.before:
            return
        gradients, weights = self.flattened(gradients, weights)

        def work(number, piece, cells):
            self.again.count(number, piece[:3], gradients, weights, self.binning, cells[0])

        self.share(work)
        self.again.end()

    def next_step(self) -> int:
        """The number of the step that comes next, counted from 1."""
        return (self.last_step or self.steps_before) + 1

    def begin_after(self, steps: int) -> None:
        """Count the steps on from so many that are not recorded: the first is then compared with none, as step 1 is, and the
        averages begin with it."""
        self.steps_before = steps

    def record(
        self, step: int, epoch: int | None, loss: float, gradients: Sequence[ArrayLike], weights: Sequence[ArrayLike]
    ) -> None:
        """Take in one step, when its gradients are computed and its weights not yet updated.

        Parameters
        ----------
        step : int
            One more than at the last call.
        epoch : int, or None
            None for that of the next `end_epoch`, as in `step`.
        loss : float
        gradients, weights : sequences of float32 arrays
            One of each for every tensor, in order and of any shape; read during the call, neither changed nor kept.
        """
        if self.last_step not in (None, step - 1):
            raise ValueError(f"step {step} comes after step {self.last_step}: hand in every step, the recorder picks")
        gradients, weights = self.flattened(gradients, weights)
        self.wait()
        if not self.file:
            self.begin_part()
        if self.last_step is None:
            for state, weight in zip(self.states, weights, strict=True):
                state.weight[:] = weight
        self.again.take_in(step, epoch, gradients)
        self.recorded = self.last_step is not None and step % self.every == 0
        self.last_step = step
        self.losses.append(float(loss))
        nonfinite = self.count(gradients, weights)
        if self.recorded:
            self.steps.append(step)
            self.epochs.append(epoch)
            self.nonfinite.append(nonfinite)
            self.scalars.append(scalars(self.tensor_sums()))
            self.spikes.look(step, self.scalars[-1])
            self.raw.append()
            self.ema.append()
        full = [rows for rows in self.rows if rows.full()]
        if full:
            self.written = self.writer.submit(self.flush, full)
        if nonfinite.any() and not self.warned:
            self.warned = True
            first = list(self.tensors)[np.flatnonzero(nonfinite)[0]]
            LOG.warning(
                f"step {step}: {nonfinite.sum()} of the gradients are NaN or Inf, first in {first}; "
                "they are counted, not fatal"
            )

    def flattened(self, gradients, weights):
        """Two lists of arrays, each of the shape (parameters)."""
        named = list(zip(self.tensors.items(), gradients, weights, strict=True))
        return (
            [flat(gradient, size, f"the gradient of {name}") for (name, size), gradient, _ in named],
            [flat(weight, size, f"the weight {name}") for (name, size), _, weight in named],
        )

    def count(self, gradients, weights):
        """Move the state on by a step and, if it is recorded, count it; returns each tensor's number of NaN and Inf."""
        nonfinite = np.zeros(len(self.pieces), np.uint32)
        remembering = (self.last_step + 1) % self.every == 0
        step, averaged = self.last_step, self.last_step >= AVERAGED
        surrogate = make_surrogate(self.decay, mixed(step), averaged, step // self.every % SHARES)

        def work(number, piece, cells):
            tensor, part, state, raw, ema = piece
            nonfinite[number] = count_step(
                gradients[tensor][part],
                weights[tensor][part],
                state,
                cells[0],
                raw,
                cells[1],
                ema,
                self.sums[number],
                self.binning,
                surrogate,
                self.firsts[number],
                self.recorded,
                remembering,
            )

        self.share(work)
        return np.bincount(self.tensor_of_piece, nonfinite).astype(np.int64)

    def share(self, work):
        """Call `work(number, piece, cells)` for all pieces, in several threads, each of which has its scratch cells."""

        def run(cells):
            for number, piece in waiting:
                work(number, piece, cells)

        waiting = enumerate(self.pieces)  # every thread takes its next piece from here
        helpers = [self.counters.submit(run, cells) for cells in self.scratch[1 : len(self.pieces)]]
        run(self.scratch[0])
        for helper in helpers:
            helper.result()

    def tensor_sums(self):
        """What `sum_up` added up over the pieces, by tensor: (tensors, SUMS)."""
        sums = np.zeros((len(self.ends), SUMS))
        sum_pieces(self.sums, self.ends, sums)
        return sums

    def watched(self) -> dict[str, Any]:
        """The last step over all tensors: a dict of `near_zero_1e-07/flips`..., the statistics at the watched thresholds,
        and of `step_scalars/gradient_norm`...

        Empty when the last step was not recorded.
        """
        if not self.recorded:
            return {}
        counts, weight_change = self.raw.totals()
        near = {
            f"near_zero_{threshold:g}/{name}": value
            for threshold in self.watch
            for name, value in statistics(counts, weight_change, self.edges, threshold).items()
            if name in WATCHED
        }
        over_all = scalars(self.tensor_sums().sum(0))
        return near | {f"step_scalars/{name}": value for name, value in zip(SCALARS, over_all, strict=True)}

    def end_epoch(self, epoch: int | None = None) -> None:
        """Store what the epoch was, by default the one after the last, with the last step's gradients as its snapshot.

        The steps since the last `end_epoch` that were given no epoch of their own are `epoch`'s.
        """
        self.wait()
        epoch = self.epoch if epoch is None else epoch
        self.written = self.writer.submit(self.end_part, epoch)
        self.epoch = epoch + 1

    def wait(self):
        """Begin unless a `with` block has, and wait until nothing is left to be written; refuse what comes after the end."""
        if not self.stack:
            self.__enter__()
            atexit.register(self.forsake)
        if not self.open:
            raise ValueError("a recorder that is closed records no more: make another one for another training")
        self.written.result()

    def state(self) -> dict[str, Any]:
        """What the next epoch starts from, a dict of arrays and numbers; call after `end_epoch`."""
        self.wait()
        tensors = {str(number): state._asdict() for number, state in enumerate(self.states)}
        return {
            "epoch": self.epoch,
            "step": self.last_step,
            "warned": self.warned,
            "parts": self.parts,
            "spikes": self.spikes.state(),
            "tensors": tensors,
            "same_batch": self.again.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; call before the `with` block."""
        self.epoch, self.last_step = state["epoch"], state["step"]
        self.warned, self.parts = state["warned"], state["parts"]
        self.again.restored = state["same_batch"]
        self.spikes.restore(state["spikes"])
        for number, remembered in enumerate(self.states):
            for name, array in remembered._asdict().items():
                array[:] = state["tensors"][str(number)][name]

    def part(self, number):
        """The path of the file of a complete epoch, counted from 0."""
        return self.folder / f"{number:06d}.h5"

    def begin_part(self):
        """From now on write to the next part's file, which gets its name in `end_part`."""
        file = self.closing.enter_context(create(self.part(self.parts)))
        self.file = GradientsWriter(file, self.tensors, self.edges, [rows.kind for rows in self.rows])
        self.losses, self.steps, self.epochs, self.nonfinite, self.scalars = [], [], [], [], []
        self.again.steps, self.again.epochs = [], []

    def end_part(self, epoch=None):
        """Write what is not yet in the part's file, and give it its name."""
        if not self.file:
            self.begin_part()
        self.flush(self.rows)
        ended = self.epoch if epoch is None else epoch
        self.file.finish(self.steps, told(self.epochs, ended), self.nonfinite, self.losses, self.scalars)
        if self.again.every:
            self.file.store_steps(SAME_BATCH, self.again.steps, told(self.again.epochs, ended))
        if epoch is not None:
            for name, state in zip(self.tensors, self.states, strict=True):
                classify(state.gradient, self.binning, state.gradient_class)  # which it was if steps are counted
                self.file.store_snapshot(epoch, name, self.binning.signed_bins[state.gradient_class])
        self.file.store_names(self.decay)
        self.closing.close()
        self.file, self.parts = None, self.parts + 1

    def flush(self, filled):
        """Write what is `filled`, a list of `Rows`, to the file."""
        for rows in filled:
            rows.flush(self.file)


def told(epochs, ended):
    """The `epochs` of steps, of which those that are None end now, with the epoch `ended`."""
    return [ended if epoch is None else epoch for epoch in epochs]


def mixed(step):
    """A number of 32 bits for every step, that no other is like: the finaliser of SplitMix64."""
    bits = step * 0x9E3779B97F4A7C15 % 2**64
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
    return (bits ^ bits >> 31) % 2**32


def divide(sizes):
    """Cut tensors of `sizes` parameters into pieces of at most PIECE: a list of (tensor, slice of its parameters)."""
    return [
        (tensor, slice(begin, min(begin + PIECE, size)))
        for tensor, size in enumerate(sizes)
        for begin in range(0, max(size, 1), PIECE)
    ]


def flat(array, size, name):
    """Return `array` as a read-only one of shape (size), without a copy if it is contiguous.

    Keras' arrays are read-only and PyTorch's are not: as two types, each would have the kernel compiled for it.
    """
    array = np.asarray(array)
    if array.dtype != np.float32 or array.size != size:
        raise ValueError(f"{name} should hold {size} float32 values, but holds {array.size} of {array.dtype}")
    array = np.ascontiguousarray(array).reshape(-1).view()
    array.flags.writeable = False
    return array

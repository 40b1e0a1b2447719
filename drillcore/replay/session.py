"""Instruments on a training loop: `drillcore.replay`."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

import numpy as np

from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.replay import STEPS, ReplayWriter
from drillcore.base.errors import InputError
from drillcore.base.names import escaped
from drillcore.base.store import create
from drillcore.frameworks import framework_of, name_of
from drillcore.recording.threshold import DECADES
from drillcore.recording.weights import to_array
from drillcore.replay.instrument import Instrument, Step, Training, joined
from drillcore.replay.proof import largest_difference, prove


class Replay:
    """Puts instruments on a training loop, and writes a row a step of what they measure in a file at `path`.

    The file appears when the `with` block ends well. The pipeline's `python -m stages.replay` does the same with one of its
    trainings, from a state that it kept, and proves that it was the same training.

    Parameters
    ----------
    model : torch.nn.Module or keras.Model
        The one that the loop trains.
    loss : function
        As `drillcore.curvature` takes it: of outputs and targets in PyTorch, of targets and outputs in Keras.
    path : path
        The file to write.
    instruments : mapping of str to Instrument
        By the name of their group in the file; see `drillcore.replay_instruments`.
    probe : pair (inputs, targets)
        Some training samples, the same at every step.
    batch_size : int
        The largest number of samples of a batch.
    edges : sequence of float
        Where abs(gradient) is cut into bins, for the instruments that count.
    network, optimizer, source : str
        What the file says of the training, and of its data.

    Raises
    ------
    InputError
        If an instrument does not serve the model's framework, or there is none.

    Examples
    --------
    >>> import torch
    >>> import drillcore
    >>> model, loss = torch.nn.Linear(2, 1), torch.nn.functional.mse_loss
    >>> optimizer = torch.optim.SGD(model.parameters(), 0.1)
    >>> inputs, targets = torch.ones(4, 2), torch.zeros(4, 1)
    >>> instruments = drillcore.replay_instruments(["noise", "dump"])
    >>> with drillcore.replay(model, loss, "replay.h5", instruments, (inputs, targets), 4) as replay:
    ...     for step in (1, 2):
    ...         optimizer.zero_grad()
    ...         value = loss(model(inputs), targets)
    ...         value.backward()
    ...         replay.before_update(step, 1, value.item(), inputs, targets)
    ...         optimizer.step()
    ...         replay.after_update()
    >>> with drillcore.open("replay.h5") as file:
    ...     file["noise/norms"].shape, file["dump/weight/weight"].shape
    ((2, 4), (2, 1, 2))
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Any],
        path: str | os.PathLike,
        instruments: Mapping[str, Instrument],
        probe: tuple[Any, Any],
        batch_size: int,
        edges: Sequence[float] = DECADES,
        network: str = "",
        optimizer: str = "",
        source: str = "",
    ) -> None:
        self.path, self.instruments = path, dict(instruments)
        self.network, self.optimizer, self.source = network, optimizer, source
        self.state, self.proof, self.differences = 0, None, {}
        if not self.instruments:
            raise InputError("There is no instrument: name one or more, as in curvature.")
        framework = name_of(model)
        for name, instrument in self.instruments.items():
            served = getattr(instrument, "frameworks", (framework,))
            if framework not in served:
                raise InputError(
                    f"The instrument {name} serves {' and '.join(served)}, but the network is of {framework}: leave it out."
                )
        self.surface = framework_of(model).surface(model, loss)
        self.training = Training(model, self.surface, self.surface.shapes, list(edges), probe, batch_size)

    def __enter__(self) -> Self:
        self.stack = ExitStack()
        file = self.stack.enter_context(create(self.path))
        sizes = {name: math.prod(shape) for name, shape in self.surface.shapes.items()}
        self.writer, self.begun = ReplayWriter(file, sizes, list(self.instruments)), False
        return self

    def __exit__(self, *error: Any) -> bool | None:
        if not any(error):
            self.writer.finish(self.network, self.optimizer, self.source, self.state, self.proof)
        return self.stack.__exit__(*error)

    def end_epoch(self, epoch: int, weights: Mapping[Any, np.ndarray], stored: Mapping[Any, np.ndarray]) -> None:
        """Compare the `weights` at the end of `epoch` with those of its checkpoint, dicts of arrays with the same keys."""
        self.differences[epoch] = largest_difference(weights, stored)

    def prove(self, recorded: str | os.PathLike, replayed: str | os.PathLike, state: int = 0, steps: int = 0) -> None:
        """Compare what the training recorded with what a `GradientRecorder` recorded anew in the replay.

        Parameters
        ----------
        recorded, replayed : path
            Two gradients.h5, the second with the steps of the replay alone.
        state : int
            The epoch whose state the replay began with.
        steps : int
            How many steps were taken before it.
        """
        self.state = state
        with Gradients(recorded) as ours, Gradients(replayed) as theirs:
            self.proof = prove(ours, theirs, steps, self.differences)

    def before_update(
        self,
        step: int,
        epoch: int,
        loss: float,
        inputs: Any,
        targets: Any,
        gradients: Sequence[Any] | None = None,
        again: Callable[[], Sequence[Any]] | None = None,
        preconditioner: np.ndarray | None = None,
        learning_rate: float = np.nan,
    ) -> None:
        """Take in a step: when its gradients are there, before the optimiser changes the weights.

        Parameters
        ----------
        step, epoch : int
            Their numbers, counted from 1.
        loss : float
            That of the step.
        inputs, targets : arrays or tensors
            The batch, as the model takes it.
        gradients : sequence of tensors, optional
            One for each trained tensor, in order; by default what PyTorch's `backward` left in the parameters.
        again : callable, optional
            Returns the gradients of the same batch at the weights after the update; without, those in evaluation mode.
        preconditioner : array (parameters), optional
            What Adam divides by.
        learning_rate : float
            That of the step.
        """
        if not self.begun:
            for instrument in self.instruments.values():
                instrument.begin(self.training)
            self.begun = True
        if gradients is None:
            gradients = [weight.grad for weight in self.surface.weights]
        gradients = self.arrays(gradients)
        again = again or (lambda: self.split(self.surface.gradient(inputs, targets)[1]))
        self.step = Step(
            step, epoch, float(loss), inputs, targets, gradients, self.weights(), [], again, preconditioner
        )
        self.learning_rate = learning_rate
        for instrument in self.instruments.values():
            instrument.before_update(self.step)

    def after_update(self) -> None:
        """Take in the update of the step: when the optimiser has changed the weights."""
        step, returned = self.step._replace(after=self.weights()), []

        def again():
            if not returned:
                returned.append(self.arrays(self.step.again()))
            return returned[0]

        step = step._replace(again=again)
        norms = [np.linalg.norm(part) for part in (joined(step.gradients), joined(step.after) - joined(step.before))]
        numbers = dict(zip(STEPS, (step.number, step.epoch, step.loss, self.learning_rate, *norms), strict=True))
        for name, number in numbers.items():
            self.writer.append(name, np.asarray(number, STEPS[name]))
        for name, instrument in self.instruments.items():
            instrument.after_update(step)
            for part, row in instrument.rows().items():
                self.writer.append(f"{escaped(name)}/{part}", row)

    def arrays(self, gradients):
        """Gradients as copied arrays; zeros of one that there is not, for no loss reached its tensor."""
        return [
            np.zeros(shape, np.float32) if gradient is None else np.array(to_array(gradient))
            for gradient, shape in zip(gradients, self.surface.shapes.values(), strict=True)
        ]

    def weights(self):
        """The weights as they are, copied arrays in the tensors' shapes."""
        return self.split(self.surface.position())

    def split(self, vector):
        """The parts of a vector (parameters), in the tensors' shapes."""
        shapes = self.surface.shapes.values()
        parts = np.split(vector, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


replay = Replay
"""The short name of the class, as `with drillcore.replay(...) as replay`."""

"""Counts how gradients move between bins, and nothing else: what is kept of trainings with further seeds.

A `GradientRecorder` moves averages and surrogates on at every step. A transition needs no more than the two steps that it
lies between, so that recording every fourth one hardly slows a training down.
"""

from contextlib import ExitStack

import numpy as np

from drillcore.artifacts.gradients import GradientsWriter
from drillcore.base.store import create
from drillcore.recording.kernel import count_pair, make_binning, new_cells
from drillcore.recording.recorder import flat
from drillcore.recording.rows import Rows
from drillcore.recording.threshold import DECADES

RAW = "raw"


class TransitionRecorder:
    """Records in a gradients.h5 the `raw/` of a `GradientRecorder` but its null, and the loss of every step.

    Parameters
    ----------
    tensors : mapping of str to int
        The name and number of parameters of each tensor, in order.
    path : path
        The file to write, which appears when the `with` block ends well.
    edges, every
        As of a `GradientRecorder`.
    """

    def __init__(self, tensors, path, edges=DECADES, every=1):
        self.tensors, self.path, self.edges, self.every = dict(tensors), path, [float(edge) for edge in edges], every
        self.binning, self.stack = make_binning(tuple(self.edges)), ExitStack()
        self.cells, self.before = new_cells(self.binning), []
        self.steps, self.epochs, self.nonfinite, self.losses = [], [], [], []

    def __enter__(self):
        file = self.stack.enter_context(create(self.path))
        self.writer = GradientsWriter(file, self.tensors, self.edges, [RAW], null=False)
        self.rows = Rows(RAW, range(len(self.tensors)), self.binning.bins, null=False)
        return self

    def __exit__(self, *error):
        if not any(error):
            self.rows.flush(self.writer)
            self.writer.finish_raw(self.steps, self.epochs, self.nonfinite, self.losses)
            self.writer.store_names()
        return self.stack.__exit__(*error)

    def wanted(self):
        """Whether the step that comes next is one of a recorded transition's two; of others `record` reads the loss alone."""
        step = len(self.losses) + 1
        return step % self.every == 0 or (step + 1) % self.every == 0

    def record(self, epoch, loss, gradients=(), weights=()):
        """Take in the next step: its gradients and the weights that they were taken at, float32 arrays of each tensor, in
        order, which are read during the call."""
        wanted, step = self.wanted(), len(self.losses) + 1
        self.losses.append(float(loss))
        if not wanted:
            return
        named = list(zip(self.tensors.items(), gradients, weights, strict=True))
        now = [(flat(g, size, name), flat(w, size, name)) for (name, size), g, w in named]
        if self.before and step % self.every == 0:
            self.count(now)
            self.steps.append(step)
            self.epochs.append(epoch)
            self.nonfinite.append([np.count_nonzero(~np.isfinite(gradient)) for gradient, _ in now])
        if (step + 1) % self.every == 0:
            self.before = self.before or [(np.empty_like(gradient), np.empty_like(weight)) for gradient, weight in now]
            for kept, arrays in zip(self.before, now, strict=True):
                for target, array in zip(kept, arrays, strict=True):
                    target[:] = array

    def count(self, now):
        """Count the transitions since the step before, whose gradients and weights are kept."""
        for number, ((g_before, w_before), (g_now, w_now)) in enumerate(zip(self.before, now, strict=True)):
            count_pair(g_before, g_now, w_before, w_now, self.binning, self.cells, *self.rows.piece(number))
        self.rows.append()
        if self.rows.full():
            self.rows.flush(self.writer)

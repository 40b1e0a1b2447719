"""The training step of a Keras model, compiled so that it keeps its loss and what its optimisers are handed."""

from contextlib import ExitStack
from functools import partial
from itertools import chain

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import keras, replaced, tf


class ObservedStep:
    """The training step of a compiled `model`, which from now on keeps its loss and its gradients.

    They exist within the step alone, where no callback sees them, so it is compiled anew, with variables for them. What
    leads there, `compute_loss` of the model and `apply` of its optimisers, is replaced only meanwhile.

    Attributes
    ----------
    loss : tf.Variable
    weights : list of keras.Variable
        Those that were trainable at the beginning, when the first step is compiled, which may be what builds the model.
        Empty until then.
    first : list of arrays
        What the first step began with.
    """

    def __init__(self, model):
        self.model, self.loss = model, tf.Variable(np.nan, dtype=tf.float32)
        self.weights, self.first, self.kept, self.applied = [], [], {}, False
        self.compile()

    def compile(self):
        """Compile the step anew, observed."""
        with replaced(self.model, "train_step", partial(self.run, self.model.train_step)):
            self.model.make_train_function(force=True)
        self.function = self.model.train_function

    def begin(self):
        """Keep the gradients of the weights that are trainable now."""
        with tf.init_scope():  # not in the step's graph, but now
            self.weights = list(self.model.trainable_weights)
            self.kept = {id(weight): tf.Variable(tf.zeros(weight.shape, weight.dtype)) for weight in self.weights}
            self.first = self.values()

    def values(self):
        """The weights as they are, a list of float32 arrays."""
        return [view(weight.value) for weight in self.weights]

    def gradients(self):
        """What the last step's optimisers were handed for each of the weights: zeros for one of which they were handed none.

        Of several updates within one step it is the first, whose gradient was taken at the weights that the step began with.
        """
        return [view(kept) for kept in self.kept.values()]

    def run(self, train_step, data):
        """Take one step, or within a graph note down how."""
        handed, compute_loss = set(), self.model.compute_loss
        self.forget()
        with ExitStack() as stack:
            stack.enter_context(replaced(self.model, "compute_loss", partial(self.keep_loss, compute_loss)))
            for optimizer in optimizers_of(self.model):
                keeping = partial(self.keep_and_apply, optimizer, optimizer.apply, handed)
                stack.enter_context(replaced(optimizer, "apply", keeping))
            return train_step(data)

    def check(self):
        """Refuse a step that has ended without a gradient for any optimiser of the model: all would be recorded as zeros."""
        if not self.applied:
            raise InputError(
                f"The train_step of {self.model.name} hands gradients to no optimiser that is an attribute of the model, "
                "so there is nothing to record: make its optimiser one, and call apply or apply_gradients."
            )

    def forget(self):
        """Make every kept gradient zero."""
        for kept in self.kept.values():
            kept.assign(tf.zeros_like(kept))

    def keep_loss(self, compute_loss, *arguments, **settings):
        """What `compute_loss` returns, kept as a number."""
        loss = compute_loss(*arguments, **settings)
        self.loss.assign(tf.reduce_mean(tf.cast(loss, tf.float32)))  # of a scalar, but for a loss without reduction
        return loss

    def keep_and_apply(self, optimizer, apply, handed, gradients, weights=None):
        """Keep the `gradients` of `weights`, before `optimizer` does anything, and `apply` them."""
        self.applied = True
        gradients = list(gradients)
        weights = list(weights or optimizer._trainable_variables or self.model.trainable_weights)
        if not self.kept:
            self.begin()
            self.forget()
        scale, graphs = optimizer.scale_loss(1.0), current_graphs()
        for gradient, weight in zip(gradients, weights, strict=False):  # if they do not fit, `apply` says so
            kept = self.kept.get(id(weight))
            if kept is not None and gradient is not None and not handed & {(graph, id(weight)) for graph in graphs}:
                handed.add((graphs[0], id(weight)))
                kept.assign(tf.convert_to_tensor(gradient) / scale)
        return apply(gradients, weights)


def current_graphs():
    """The ids of the graph that is being made and of those around it; a branch of a condition has one of its own."""
    graphs, graph = [], tf.compat.v1.get_default_graph()
    while graph is not None:
        graphs.append(id(graph))
        graph = getattr(graph, "outer_graph", None)
    return graphs


def optimizers_of(model):
    """The optimisers that `model` or a layer in it has as an attribute, or in a list or dict that is one."""
    values = [value for layer in model._flatten_layers() for value in vars(layer).values()]
    lists = [value for value in values if isinstance(value, list | tuple)]
    lists += [value.values() for value in values if isinstance(value, dict)]
    found = [value for value in chain(values, *lists) if isinstance(value, keras.optimizers.Optimizer)]
    return list({id(optimizer): optimizer for optimizer in found}.values())


def view(variable):
    """What the tf.Variable holds now, as float32: not copied if it is, for TensorFlow updates a tensor in place only if
    nobody else holds it."""
    return np.asarray(variable.read_value()).astype(np.float32, copy=False)


def check_steps(model):
    """Refuse a compiled `model` whose steps no callback sees one by one."""
    if model.steps_per_execution != 1:
        raise InputError(
            f"Gradients are recorded step by step, but {model.name} takes {model.steps_per_execution} at a time: "
            "compile it with steps_per_execution=1."
        )
    devices = model.distribute_strategy.num_replicas_in_sync
    if devices != 1:
        raise InputError(f"Gradients are recorded on one device, but {model.name} is trained on {devices}: use one.")

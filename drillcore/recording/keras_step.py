"""The training step of a Keras model, compiled so that it keeps its loss and what its optimisers are handed."""

from contextlib import ExitStack
from functools import partial

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import keras, replaced, tf
from drillcore.frameworks.layers import enumerated
from drillcore.recording.keras_state import attributes_of, put_back, results_of, snapshot, state_of


class ObservedStep:
    """The training step of a compiled `model`, which from now on keeps its loss and its gradients.

    They exist within the step alone, where no callback sees them, so it is compiled anew, with variables for them. What
    leads there, `compute_loss` of the model and `apply` of its optimisers, is replaced only meanwhile.

    If it is `repeating`, and the variable `repeat` says so, the step then takes its batch once more at the new weights. All
    else is as at the first time: seeds, statistics, whatever `state_of` finds. The optimisers update nothing, and
    afterwards all is as it was before.

    Attributes
    ----------
    loss : tf.Variable
    weights : list of keras.Variable
        Those that were trainable at the beginning, when the first step is compiled, which may be what builds the model.
        Empty until then.
    first : list of arrays
        What the first step began with.
    repeat : tf.Variable
    """

    def __init__(self, model, repeating=False):
        self.model, self.loss = model, tf.Variable(np.nan, dtype=tf.float32)
        self.weights, self.first, self.kept, self.applied = [], [], {}, False
        self.repeating, self.repeat, self.kept_again = repeating, tf.Variable(False), {}
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
            self.kept.update(zeros_like(self.weights))
            self.kept_again.update(zeros_like(self.weights if self.repeating else []))
            self.first = self.values()

    def values(self):
        """The weights as they are, a list of float32 arrays."""
        return [view(weight.value) for weight in self.weights]

    def gradients(self):
        """What the last step's optimisers were handed for each of the weights: zeros for one of which they were handed none.

        Of several updates within one step it is the first, whose gradient was taken at the weights that the step began with.
        """
        return [view(kept) for kept in self.kept.values()]

    def gradients_again(self):
        """The same of the batch's second time."""
        return [view(kept) for kept in self.kept_again.values()]

    def run(self, train_step, data):
        """Take one step, or within a graph note down how."""
        state = state_of(self.model) if self.repeating else []
        before, compute_loss = snapshot(state), self.model.compute_loss
        with replaced(self.model, "compute_loss", partial(self.keep_loss, compute_loss)):
            logs = self.observed(train_step, data, self.kept, lambda optimizer: optimizer.apply)
        if self.repeating:
            self.check_state(state)
            tf.cond(self.repeat, lambda: self.run_again(train_step, data, before), lambda: tf.constant(False))
        return logs

    def run_again(self, train_step, data, before):
        """Take the step's batch once more, with the state that was `before`, and leave all as it is."""
        after = snapshot([*state_of(self.model), *results_of(self.model)])
        put_back(before)
        self.observed(train_step, data, self.kept_again, lambda optimizer: lambda gradients, weights: None)
        put_back(after)
        return tf.constant(True)

    def observed(self, train_step, data, kept, apply_of):
        """Take a step whose gradients are `kept`, and handed to what `apply_of` says of each optimiser."""
        handed = set()
        forget(kept)
        with ExitStack() as stack:
            for optimizer in attributes_of(self.model, keras.optimizers.Optimizer):
                keeping = partial(self.keep_and_apply, optimizer, apply_of(optimizer), kept, handed)
                stack.enter_context(replaced(optimizer, "apply", keeping))
            return train_step(data)

    def check(self):
        """Refuse a step that has ended without a gradient for any optimiser of the model: all would be recorded as zeros."""
        if not self.applied:
            raise InputError(
                f"The train_step of {self.model.name} hands gradients to no optimiser that is an attribute of the model, "
                "so there is nothing to record: make its optimiser one, and call apply or apply_gradients."
            )

    def check_state(self, known):
        """Refuse a step that made variables beside the `known`, whose first values nobody has seen."""
        known = set(map(id, known))
        new = [
            getattr(variable, "path", variable.name) for variable in state_of(self.model) if id(variable) not in known
        ]
        if new:
            raise InputError(
                f"The first step of {self.model.name} makes the variables {enumerated(new)}, so that its batch cannot be "
                "taken once more as the first time: call the model, or its parts, on a batch with training=True before fit."
            )

    def keep_loss(self, compute_loss, *arguments, **settings):
        """What `compute_loss` returns, kept as a number."""
        loss = compute_loss(*arguments, **settings)
        self.loss.assign(tf.reduce_mean(tf.cast(loss, tf.float32)))  # of a scalar, but for a loss without reduction
        return loss

    def keep_and_apply(self, optimizer, apply, kept, handed, gradients, weights=None):
        """Keep the `gradients` of `weights` in `kept`, before `optimizer` does anything, and `apply` them."""
        self.applied = True
        gradients = list(gradients)
        weights = list(weights or optimizer._trainable_variables or self.model.trainable_weights)
        if not self.kept:
            self.begin()
            forget(kept)
        scale, graphs = optimizer.scale_loss(1.0), current_graphs()
        for gradient, weight in zip(gradients, weights, strict=False):  # if they do not fit, `apply` says so
            target = kept.get(id(weight))
            if target is not None and gradient is not None and not handed & {(graph, id(weight)) for graph in graphs}:
                handed.add((graphs[0], id(weight)))
                target.assign(tf.convert_to_tensor(gradient) / scale)
        return apply(gradients, weights)


def zeros_like(weights):
    """By their ids, variables of zeros as large as `weights`."""
    return {id(weight): tf.Variable(tf.zeros(weight.shape, weight.dtype)) for weight in weights}


def forget(kept):
    """Make every kept gradient zero."""
    for variable in kept.values():
        variable.assign(tf.zeros_like(variable))


def current_graphs():
    """The ids of the graph that is being made and of those around it; a branch of a condition has one of its own."""
    graphs, graph = [], tf.compat.v1.get_default_graph()
    while graph is not None:
        graphs.append(id(graph))
        graph = getattr(graph, "outer_graph", None)
    return graphs


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

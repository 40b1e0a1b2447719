"""What a Keras model's training step changes beside the weights that it trains, so that its batch can be taken once more."""

from itertools import chain

from drillcore.frameworks.keras import keras, tf


def attributes_of(model, kind):
    """The objects of a `kind` that `model` or a layer in it has as an attribute, or in a list or dict that is one."""
    values = [value for layer in model._flatten_layers() for value in vars(layer).values()]
    lists = [value for value in values if isinstance(value, list | tuple)]
    lists += [value.values() for value in values if isinstance(value, dict)]
    found = [value for value in chain(values, *lists) if isinstance(value, kind)]
    return list({id(value): value for value in found}.values())


def state_of(model):
    """The variables, beside those that are trained, that decide what a step of `model` computes: statistics, seeds, and each
    tf.Variable that one of its layers has as an attribute."""
    unseeded = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    seeds = [unseeded.state] if unseeded else []
    untrained = [variable for variable in model.variables if not variable.trainable]
    return [*untrained, *seeds, *attributes_of(model, tf.Variable)]


def results_of(model):
    """The variables that a step of `model` only changes: weights, metrics and, of its optimisers, single numbers such as the
    rate; all others of an optimiser are changed by its update alone."""
    numbers = [
        variable
        for optimizer in attributes_of(model, keras.optimizers.Optimizer)
        for variable in optimizer.variables
        if variable.ndim == 0
    ]
    return [*model.trainable_variables, *model.metrics_variables, *numbers]


def snapshot(variables):
    """Pairs of each of the `variables` and its value now."""
    return [(variable, held(variable).read_value()) for variable in variables]


def put_back(values):
    """Give variables the values of a `snapshot`."""
    for variable, value in values:
        held(variable).assign(value)


def held(variable):
    """The tf.Variable of a Keras variable, or itself."""
    return variable.value if hasattr(variable, "path") else variable

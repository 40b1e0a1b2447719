"""How alike the layers of two networks are, at the end and by epoch."""

from functools import partial

from drillcore.artifacts.pairs import Pair
from drillcore.base.names import printable
from drillcore.figures.axis import worded
from drillcore.figures.similarities import similarity_evolution
from drillcore.figures.similarity_layers import calibrated_similarity, layer_similarity
from drillcore.figures.style import epochs_text


def figures(path):
    """Names and functions of the figures of the pair in the file at `path`."""
    with Pair(path) as file:
        axes = {*file.axes}
        for name, draw in drawings(file):
            yield name, partial(worded, draw, *axes) if axes == {"step"} else draw


def drawings(file):
    """Names and functions of the figures of a `Pair`."""
    values = {name: file[name][:] for name in file.measures}
    rows, columns = (list(map(printable, layers)) for layers in file.layers)
    names = [f"{network}, {axis} {at}" for network, axis, at in zip(file.titles, file.axes, file.epochs, strict=True)]
    samples = f"{file.samples} test {file.noun}s"
    subtitle = f"rows: {names[0]}; columns: {names[1]}; {samples}"
    q_values, quantiles = file.q_values[:], {name: file.quantile(name) for name in file.measures}
    yield "layer_similarity", partial(layer_similarity, values, rows, columns, q_values, quantiles, subtitle)
    best = {name: file.best(name)[0] for name in file.measures}
    calibrated = partial(calibrated_similarity, values, quantiles, rows, columns, best, subtitle)
    yield "layer_similarity_calibrated", calibrated
    if len(file.shared) > 1:
        values = {name: file.by_epoch(name)[:] for name in file.measures}
        subtitle = (
            f"first a layer of {file.titles[0]}, then one of {file.titles[1]}; {epochs_text(file.shared)} of both, "
            f"{samples}"
        )
        title = "Similarity of the layers of two networks, by epoch"
        yield (
            "similarity_evolution",
            partial(similarity_evolution, file.shared, values, None, rows, subtitle, title, columns),
        )

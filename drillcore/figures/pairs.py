"""How alike the layers of two networks are."""

from functools import partial

from drillcore.artifacts.pairs import Pair
from drillcore.base.names import printable
from drillcore.figures.similarities import layer_similarity


def figures(path):
    """The name and function of the one figure of the pair in the file at `path`."""
    with Pair(path) as file:
        yield from drawings(file)


def drawings(file):
    """The name and function of the one figure of a `Pair`."""
    values = {name: file[name][:] for name in file.measures}
    rows, columns = (list(map(printable, layers)) for layers in file.layers)
    names = [f"{network}, epoch {epoch}" for network, epoch in zip(file.titles, file.epochs, strict=True)]
    subtitle = f"rows: {names[0]}; columns: {names[1]}; {file.samples} test images"
    q_values, floor = file.q_values[:], file.floor
    yield "layer_similarity", partial(layer_similarity, values, rows, columns, q_values, floor, subtitle)

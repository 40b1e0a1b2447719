"""How alike the layers of two networks are."""

from functools import partial

from drillcore.base.names import readable
from drillcore.base.store import read
from drillcore.figures.similarities import layer_similarity
from drillcore.similarity.catalogue import catalogued

CONTROLS = {"null", "floor"}
"""What a pair's file holds beside the measures."""


def figures(path):
    """The name and function of the one figure of the pair in the file at `path`."""
    with read(path) as file:
        values = {name: file[name][:] for name in catalogued(set(file) - CONTROLS)}
        rows, columns = (list(map(readable, file.attrs[f"layers_{side}"])) for side in "ab")
        names = [f"{file.attrs[f'network_{side}']}, epoch {int(file.attrs[f'epoch_{side}'])}" for side in "ab"]
        where = f"rows: {names[0]}; columns: {names[1]}; {file.attrs['samples']} test images"
        q_values, floor = file["null/debiased_cka/q_value"][:], file["floor/linear_cka"][:]
    yield "layer_similarity", partial(layer_similarity, values, rows, columns, q_values, floor, where)

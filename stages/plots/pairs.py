"""python -m stages.plots.pairs A B : artifacts/similarity/A--B.h5 -> reports/A--B/

The layers of one network against those of another that saw the same images.
"""

from functools import partial
from pathlib import Path

from stages.plots.report import draw, whole_folder
from stages.plots.similarities import layer_similarity
from stages.shared.analyses import section
from stages.shared.base.command import command
from stages.shared.base.names import readable
from stages.shared.base.store import read
from stages.shared.measures import catalogued

CONTROLS = {"null", "floor"}
"""What a pair's file holds beside the measures."""


def main(a, b):
    """Draw how alike the layers of the networks `a` and `b` are."""
    path = Path("artifacts", "similarity", f"{a}--{b}.h5")
    with read(path) as file:
        source = file.attrs["source"]
    with whole_folder(Path("reports", f"{a}--{b}")) as report:
        draw(figures, (path,), report, source, section("plots").dpi)


def figures(path):
    """The name and function of the one figure of the pair in the file at `path`."""
    with read(path) as file:
        values = {name: file[name][:] for name in catalogued(set(file) - CONTROLS)}
        rows, columns = (list(map(readable, file.attrs[f"layers_{side}"])) for side in "ab")
        names = [f"{file.attrs[f'network_{side}']}, epoch {int(file.attrs[f'epoch_{side}'])}" for side in "ab"]
        where = f"rows: {names[0]}; columns: {names[1]}; {file.attrs['samples']} test images"
        q_values, floor = file["null/debiased_cka/q_value"][:], file["floor/linear_cka"][:]
    yield "layer_similarity", partial(layer_similarity, values, rows, columns, q_values, floor, where)


if __name__ == "__main__":
    command(main)

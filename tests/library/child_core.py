"""python -m tests.library.child_core [--hide] : use every public name without the libraries of any extra

With --hide those that are installed are hidden first. Where only the package is installed, from a wheel, this runs in
the folder tests/ as `python -m library.child_core`, so that no checkout is imported; then its size is checked too.
"""

import doctest
import pkgutil
import re
import sys
import sysconfig
import tempfile
from contextlib import chdir, suppress
from importlib import import_module
from pathlib import Path

import numpy as np

import drillcore
from drillcore.extras import LIBRARIES, MissingExtra

from .hiding import hide

MOST_BYTES = 400e6
FOREIGN = ["torch", "tensorflow", "keras", "dvc", "snakemake", "pydantic", "tqdm", "matplotlib", "sklearn", "scipy"]
X = np.random.default_rng(0).normal(size=(40, 5))


def embed():
    drillcore.embed(X, perplexity=5)


def neighbor_recall():
    drillcore.neighbor_recall(X, X[:, :2], 5)


def cluster_units():
    drillcore.cluster_units(drillcore.correlation_matrix(X), [0] * 5)


def t_interval():
    drillcore.t_interval([0.5, 0.6])


def figures():
    _ = drillcore.figures.layer_similarity


def report():
    import_module("drillcore.report.build").build(Path(), [], {})


def callback():
    _ = drillcore.OptimizationInsightCallback


def record():
    drillcore.record(object())


def outputs():
    drillcore.get_intermediate_outputs(object(), X)


def table():
    drillcore.similarity_matrix({"a": X, "b": X}).to_pandas()


def framework():
    import_module("drillcore.frameworks").framework("torch")


NEEDING = {
    embed: ["maps"],
    neighbor_recall: ["maps"],
    cluster_units: ["clusters"],
    t_interval: ["clusters"],
    figures: ["figures"],
    report: ["report"],
    callback: ["keras"],
    record: ["torch"],
    outputs: ["torch", "keras"],
    table: ["tables"],
    framework: ["torch"],
}
"""By a use of what needs one, the extras that its sentence names."""
WITHOUT_EXAMPLE = {"figures", "GradientRecorder", "OptimizationInsightCallback", "get_intermediate_outputs"}
WITHOUT_EXAMPLE |= {
    "curvature",
    "record",
    "replay",
    "rewind",
    "callback",
    "embed",
    "neighbor_recall",
    "cluster_units",
    "t_interval",
}
"""Public names whose examples need an extra."""
BESIDE_TORCH = "drillcore.frameworks.torch", "drillcore.frameworks.torch_surface", "drillcore.recording.torch_state"
"""The modules that are loaded only where PyTorch is."""


def check_sentences():
    """Each use ends with a sentence that names its extras, and is an ImportError as well as an InputError."""
    for use, extras in NEEDING.items():
        try:
            use()
        except MissingExtra as error:
            assert isinstance(error, ImportError) and isinstance(error, drillcore.InputError)
            assert re.findall(r"pip install 'drillcore\[(\w+)\]'", str(error)) == extras, error
            assert str(error).endswith(".") and "\n" not in str(error)
        else:
            raise AssertionError(f"{use.__name__} needs no extra")


def check_examples():
    """The examples in the docstrings of all other public names run."""
    for name in sorted(set(dir(drillcore)) - WITHOUT_EXAMPLE):
        (example,) = doctest.DocTestFinder(recurse=False).find(getattr(drillcore, name), name, globs={})
        assert example.examples, name
        assert not doctest.DocTestRunner().run(example).failed, name


def check_recorder():
    """A recorder takes arrays, and what it recorded can be read and summarised."""
    path = Path("gradients.h5")
    with drillcore.GradientRecorder({"w": 4, "b": 2}, path) as recorder:
        for step in (1, 2, 3):
            arrays = [np.full(size, (-1) ** step * 1e-3, np.float32) for size in (4, 2)]
            recorder.record(step, 1, 0.5, arrays, arrays)
        recorder.end_epoch(1)
    with drillcore.open(path) as file:
        assert file.counts()[:].sum() == 12
        assert drillcore.summarise(file, [1e-7])["tensors"] == ["w", "b"]


def check_modules():
    """Every module can be imported, or says which extra it needs; `import *` brings what the core can do."""
    exec("from drillcore import *", {})
    for module in pkgutil.walk_packages(drillcore.__path__, "drillcore.", onerror=lambda name: None):
        if module.name in BESIDE_TORCH:
            continue
        with suppress(MissingExtra):
            import_module(module.name)


def check_size():
    """Of the whole environment, on the disk."""
    folder = Path(sys.prefix)
    assert Path(drillcore.__file__).is_relative_to(sysconfig.get_path("purelib")), drillcore.__file__
    size = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    assert size <= MOST_BYTES, f"{folder} has {size / 1e6:.0f} MB"
    print(f"{size / 1e6:.0f} MB")


if __name__ == "__main__":
    hidden = "--hide" in sys.argv
    foreign = {*FOREIGN, *(module for modules in LIBRARIES.values() for module in modules)}
    if hidden:
        hide(foreign)
    check_sentences()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # where examples write their files
        check_examples()
        check_recorder()
    check_modules()
    assert not foreign & sys.modules.keys()
    if not hidden:
        check_size()

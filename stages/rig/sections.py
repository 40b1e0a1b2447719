"""The analyses' sections of params.yaml; a stage depends on its own section alone."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from stages.rig.base.parameters import Count, Layers, Name, Section, check, load


class Augment(Section):
    """Which image, or other sample, of the test split is augmented, and how many times: features by `noise`, a share of the
    deviation of each, tokens with the chance `replaced`, by the token `mask` or, without one, by others at random."""

    image: Annotated[int, Field(ge=0)] = 0
    count: Annotated[int, Field(ge=2)] = 300
    noise: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    replaced: Annotated[float, Field(gt=0, le=1)] = 0.15
    mask: str | None = None


class Activations(Section):
    """What is extracted: which layers, of how many test and training images, at most how many units of each, and whether the
    inner products of the test images over all units are kept too."""

    layers: Layers = "blocks"
    samples: Annotated[int, Field(ge=4)] = 1000
    train_samples: Annotated[int, Field(ge=4)] = 500
    max_units: Annotated[int, Field(ge=1, le=16000)] = 256  # their indices fit an HDF5 attribute, at most 64 KiB
    all_units: bool = True


class Correlations(Section):
    """Which epochs keep the whole units x units matrix: every k-th stored one, and always the last; and whether figures
    show the units of a layer in clusters, those of the last epoch, or by their index."""

    keep_every: Count = 1
    order: Literal["clusters", "index"] = "clusters"


class Gradients(Section):
    """Below which abs(gradient) a parameter counts as near zero."""

    thresholds: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [1e-7, 1e-5]


class Curvature(Section):
    """At how many of the stored epochs, evenly spread, the loss is measured, on how many training images, the same at every
    epoch; how many of the largest eigenvalues are kept, after how many iterations of Lanczos; how many random vectors
    estimate the trace; and how many entries of the Hessian's diagonal are computed of each tensor."""

    epochs: Annotated[int, Field(ge=2)] = 20
    samples: Annotated[int, Field(ge=2)] = 32
    eigenvalues: Count = 2
    iterations: Annotated[int, Field(ge=2)] = 8
    probes: Annotated[int, Field(ge=2)] = 3
    entries: Count = 1

    @model_validator(mode="after")
    def enough_iterations(self):
        """Refuse to keep as many eigenvalues as there are iterations: the smallest is one of them."""
        if self.eigenvalues >= self.iterations:
            raise ValueError(f"eigenvalues should be below iterations, which is {self.iterations}")
        return self


class Rewind(Section):
    """To how many of the stored epochs, evenly spread, layers are put back, and how many test images tell what that costs."""

    epochs: Annotated[int, Field(ge=2)] = 4
    samples: Annotated[int, Field(ge=4)] = 250


class Geometry(Section):
    """How often labels are shuffled to draw chance, from which seed, and up to which part of its layer's mean absolute output
    a unit is dormant."""

    shuffles: Count = 3
    seed: Annotated[int, Field(ge=0)] = 0
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.025


class Svd(Section):
    """The share of the variance that the counted principal components explain."""

    explained_variance: Annotated[float, Field(gt=0, le=1)] = 0.99


class Tsne(Section):
    """openTSNE's settings, and how many of the probe's samples are embedded."""

    samples: Annotated[int, Field(ge=4)] = 500
    perplexity: Annotated[float, Field(gt=1)] = 30.0
    iterations: Count = 500
    neighbors: Count = 10


def listed(measures):
    """Refuse a single word but `all`, which pydantic would compare with a list as well."""
    if isinstance(measures, str) and measures != "all":
        raise ValueError("should be all, or a list of measures, as in [linear_cka, rsa]")
    return measures


Measures = Annotated[Literal["all"] | Annotated[list[str], Field(min_length=1)], BeforeValidator(listed)]
"""`chosen_measures` of stages/rig/measures.py says which they are."""
Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]


class Similarity(Section):
    """Which measures compare layers, on how many samples of the probe set, and with which controls."""

    measures: Measures = "all"
    samples: Annotated[int, Field(ge=4)] = 1000
    epochs: Annotated[int, Field(ge=2)] = 20
    explained_variance: Annotated[float, Field(gt=0, le=1)] = 0.99
    bandwidth: Annotated[float, Field(gt=0)] = 0.5
    permutations: Count = 200
    seed: Annotated[int, Field(ge=0)] = 0
    pairs: list[Pair] = []


class Plots(Section):
    """How the figures look, and which networks, two or more, differ in nothing but the width of their squeeze."""

    dpi: Annotated[int, Field(ge=50, le=600)] = 150
    pdf: bool = False
    palette: Literal["study", "colourblind"] = "study"
    widths: dict[Name, Annotated[list[Name], Field(min_length=2)]] = {}


class Window(Section):
    """A window of steps, the first and the last included, of a network's training, under instruments: those of
    drillcore/replay/catalogue.py, or a user-defined class, `<file>.py:<class>` in models/. `tensors` are the names and
    patterns that `dump` keeps; `samples` is the number of training samples that curvature and activations are measured on,
    the same at every step."""

    network: Name
    steps: Annotated[list[Count], Field(min_length=2, max_length=2)]
    instruments: Annotated[list[str], Field(min_length=1)]
    tensors: Annotated[list[str], Field(min_length=1)] = ["*"]
    samples: Annotated[int, Field(ge=3)] = 32


SECTIONS = {
    "augment": Augment,
    "activations": Activations,
    "correlations": Correlations,
    "gradients": Gradients,
    "curvature": Curvature,
    "rewind": Rewind,
    "geometry": Geometry,
    "svd": Svd,
    "tsne": Tsne,
    "similarity": Similarity,
    "plots": Plots,
}


def section(name, path="params.yaml"):
    """Return the checked section `name` of the parameters file, defaults filled in."""
    return check(SECTIONS[name], load(path).get(name, {}), name)

"""All figures of a network."""

from drillcore.figures import (
    augmentations,
    correlations,
    curvature,
    embeddings,
    geometry,
    gradients,
    replicates,
    rewound,
    samples,
    scalars,
    signs,
    similarities,
    spectra,
    training,
)
from drillcore.figures.axis import counted


def figures(folder, palette, distortions=""):
    """Names and functions of all figures of a network, whose artifacts are in `folder`.

    `distortions` says how images were augmented.
    """
    yield from counted(folder, by_epoch(folder, palette, distortions))


def by_epoch(folder, palette, distortions):
    """Those of a network whose checkpoints are counted by epochs."""
    for topic in (
        correlations,
        similarities,
        rewound,
        gradients,
        scalars,
        curvature,
        geometry,
        spectra,
        embeddings,
        training,
        samples,
        replicates,
    ):
        yield from topic.figures(folder)
    yield from augmentations.figures(folder, distortions)
    yield from signs.figures(folder, palette)

"""All figures of a network."""

from drillcore.figures import (
    augmentations,
    correlations,
    curvature,
    embeddings,
    gradients,
    scalars,
    signs,
    similarities,
    spectra,
    training,
)


def figures(folder, palette):
    """Names and functions of all figures of a network, whose artifacts are in `folder`."""
    for topic in (
        correlations,
        similarities,
        gradients,
        scalars,
        curvature,
        spectra,
        embeddings,
        training,
        augmentations,
    ):
        yield from topic.figures(folder)
    yield from signs.figures(folder, palette)

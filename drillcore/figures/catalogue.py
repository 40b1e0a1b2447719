"""All figures of a network."""

from drillcore.figures import (
    augmentations,
    correlations,
    curvature,
    embeddings,
    gradients,
    samples,
    scalars,
    signs,
    similarities,
    spectra,
    training,
)


def figures(folder, palette, distortions=""):
    """Names and functions of all figures of a network, whose artifacts are in `folder`.

    `distortions` says how images were augmented.
    """
    for topic in (
        correlations,
        similarities,
        gradients,
        scalars,
        curvature,
        spectra,
        embeddings,
        training,
        samples,
    ):
        yield from topic.figures(folder)
    yield from augmentations.figures(folder, distortions)
    yield from signs.figures(folder, palette)

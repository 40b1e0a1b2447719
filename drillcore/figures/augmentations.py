"""One image under many random augmentations: every one as a file, and all on a sheet."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.figures.png import write_png
from drillcore.figures.style import EDGE, box, canvas, styled

PIXELS = 112
"""Small images are enlarged to about this size, each of their pixels a square, so that a viewer shows them sharp."""
WIDTH, GAP = 8.0, 2
"""Of the contact sheet: its width in inches, and the pixels between its tiles."""


def figures(folder, distortions=""):
    """Names and functions of the figures of augmented.h5 and activations.h5 in `folder`, a network's artifacts.

    `distortions` says how images were augmented, which no file does. Inputs that are no images have no sheet.
    """
    with Augmented(folder / Augmented.FILE) as augmented:
        images = augmented.images is not None
    if images:
        yield "augs/contact_sheet", partial(draw_sheet, folder, distortions)


def draw_sheet(folder, distortions=""):
    """`contact_sheet` of the files in `folder`, with the original where it is among the probe's images."""
    with Augmented(folder / Augmented.FILE) as augmented, Activations(folder / Activations.FILE) as probe:
        found = np.flatnonzero(probe.sample == augmented.sample)
        original = probe.images[found[0]] if len(found) else None
        subtitle = f"{augmented.title}, test image {augmented.sample}"
        subtitle += "" if augmented.label is None else f" of class {probe.classes[augmented.label]}"
        subtitle += f": {distortions}" if distortions else ""
        return contact_sheet(augmented.images[:], original, subtitle)


def drawings(augmented):
    """Names and functions of the figures of an `Augmented` or an `AugmentedImage`, with what lies beside it."""
    if augmented.images is None:
        return
    if augmented.path.with_name(Activations.FILE).exists():
        yield "contact_sheet", partial(draw_sheet, augmented.path.parent)
    else:
        subtitle = f"{augmented.title}, test image {augmented.sample}"
        subtitle += "" if augmented.label is None else f" of class {augmented.label}"
        yield "contact_sheet", partial(contact_sheet, augmented.images[:], None, subtitle)


def write_images(folder, images):
    """Write `images` uint8 (n, h, w, c) as `folder`/aug_000.png, aug_001.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    factor = max(1, round(PIXELS / max(images.shape[1:3])))
    for number, image in enumerate(rgb(images)):
        enlarged = image.repeat(factor, 0).repeat(factor, 1)
        write_png(folder / f"aug_{number:03d}.png", enlarged)


def rgb(images):
    """Images (n, h, w, 1 or 3) with three channels."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


@styled
def contact_sheet(
    images: ArrayLike, original: ArrayLike | None = None, subtitle: str = "", title: str | None = None
) -> Figure:
    """Draw all augmentations of an image side by side, below the original if there is one.

    Parameters
    ----------
    images : uint8 array (augmentations, height, width, channels)
        One or three channels.
    original : uint8 array (height, width, channels), optional
        The image before any augmentation.
    subtitle : str
        The line below the headline, such as the network and its epochs.
    title : str, optional
        The headline, by default one that names the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import drillcore
    >>> images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), np.uint8)
    >>> figure = drillcore.figures.contact_sheet(images, images[0], "one image of noise")
    >>> len(figure.axes)
    2
    """
    images, original = np.asarray(images), None if original is None else np.asarray(original)
    columns = int(np.ceil(np.sqrt(len(images) * 4 / 3)))
    sheet = tiled(rgb(images), columns)
    inches = WIDTH / sheet.shape[1]
    height, side = inches * sheet.shape[0], inches * (sheet.shape[0] // -(-len(images) // columns))
    title = title or f"One image under {len(images)} random augmentations"
    above = side + 0.08 if original is not None else 0
    figure = canvas(WIDTH + 2 * EDGE, height + above + 0.05, title, subtitle, layout=None)
    axes = box(figure, EDGE, 0.05, WIDTH, height)
    axes.imshow(sheet, aspect="auto")
    axes.axis("off")
    if original is not None:
        axes = box(figure, EDGE, 0.05 + height + 0.08, side, side)
        axes.imshow(tiled(rgb(original[None]), 1), aspect="auto")
        axes.axis("off")
        axes.text(1.1, 0.5, "the original", transform=axes.transAxes, va="center")
    return figure


def tiled(tiles, columns):
    """Images (n, h, w, 3) in rows of `columns` as one, white between them and after the last."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    sheet = np.full((rows * columns, height + GAP, width + GAP, 3), 255, np.uint8)
    sheet[:count, :height, :width] = tiles
    sheet = sheet.reshape(rows, columns, height + GAP, width + GAP, 3).swapaxes(1, 2)
    return sheet.reshape(rows * (height + GAP), columns * (width + GAP), 3)

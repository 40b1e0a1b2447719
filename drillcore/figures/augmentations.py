"""One sample under many random augmentations: images as files and on a sheet, rows, signals and texts."""

from contextlib import contextmanager
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from drillcore.artifacts.activations import Activations
from drillcore.artifacts.augmented import Augmented
from drillcore.artifacts.dataset import DatasetFile, kind_of
from drillcore.figures.augmented_inputs import augmented_rows, augmented_texts
from drillcore.figures.png import write_png
from drillcore.figures.style import EDGE, box, canvas, styled

PIXELS = 112
"""Small images are enlarged to about this size, each of their pixels a square, so that a viewer shows them sharp."""
WIDTH, GAP = 8.0, 2
"""Of the contact sheet: its width in inches, and the pixels between its tiles."""

MOST = 10_000
"""Of so many test samples the deviations of columns are taken."""


def figures(folder, distortions=""):
    """Names and functions of the figures of augmented.h5 and activations.h5 in `folder`, a network's artifacts.

    `distortions` says how images were augmented, which no file does.
    """
    with Augmented(folder / Augmented.FILE) as augmented:
        drawn = list(drawings(augmented, distortions))
    for name, _ in drawn:
        yield f"augs/{name}", partial(draw, folder, distortions)


def draw(folder, distortions):
    """The figure of the file in `folder`."""
    with Augmented(folder / Augmented.FILE) as augmented:
        ((_, drawn),) = drawings(augmented, distortions)
        return drawn()


def drawings(augmented, distortions=""):
    """Name and function of the figure of an open `Augmented` or `AugmentedImage`, with what lies beside it: images on a
    sheet, rows and signals, or texts; none of what is no image, of files from before they had its original."""
    if augmented.images is not None:
        yield "contact_sheet", partial(draw_sheet, augmented, distortions)
    elif augmented.original is not None:
        yield (
            ("texts", partial(draw_texts, augmented))
            if kind_of(augmented.inputs) == "tokens"
            else ("rows", partial(draw_rows, augmented))
        )


@contextmanager
def beside(augmented):
    """The open file that names the columns, tokens and classes of an `AugmentedImage`: activations.h5 or data/<dataset>.h5;
    None where neither is there."""
    path = augmented.path.with_name(Activations.FILE)
    data = augmented.path.with_name(augmented.path.name.replace("_augmented.h5", ".h5"))
    if path.exists():
        with Activations(path) as file:
            yield file
    elif data != augmented.path and data.exists():
        with DatasetFile(data) as file:
            yield file
    else:
        yield None


def said(augmented, names, noun):
    """Of which sample the figure is; `names` is the file that names its class, or None."""
    named = names is not None and names.classes
    of_class = (
        "" if augmented.label is None else f" of class {names.classes[augmented.label] if named else augmented.label}"
    )
    return f"{augmented.title}, test {noun} {augmented.sample}{of_class}"


def draw_sheet(augmented, distortions):
    """`contact_sheet` with the original where it is among the probe's images, or in the data set."""
    with beside(augmented) as names:
        original = names.inputs("test")[augmented.sample] if isinstance(names, DatasetFile) else None
        if isinstance(names, Activations) and augmented.sample in names.sample:
            original = names.images[np.flatnonzero(names.sample == augmented.sample)[0]]
        subtitle = said(augmented, names, "image") + (f": {distortions}" if distortions else "")
        return contact_sheet(augmented.images[:], original, subtitle)


def draw_rows(augmented):
    """`augmented_rows`, in the deviations of the test samples that are stored beside it."""
    with beside(augmented) as names:
        columns, deviations = [] if names is None else names.column_names, None
        if names is not None:
            inputs = names.inputs if isinstance(names, Activations) else names.inputs("test")
            deviations = inputs[:MOST].std(0, dtype=np.float64)
        subtitle = said(augmented, names, "sample")
        return augmented_rows(augmented.inputs[:], augmented.original, columns, deviations, subtitle)


def draw_texts(augmented):
    """`augmented_texts`."""
    with beside(augmented) as names:
        vocabulary = [] if names is None else names.vocabulary
        subtitle = f"{said(augmented, names, 'text')}; tokens that differ from the original are marked"
        return augmented_texts(augmented.inputs[:], augmented.original, vocabulary, subtitle)


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

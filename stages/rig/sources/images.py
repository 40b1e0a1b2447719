"""Pillow's images of any kind as one array of bytes: of one size, and grey where all of them are."""

import numpy as np

from drillcore.base.errors import InputError
from stages.rig.sources.blocks import Gathered

GREY = ("1", "L", "LA")
"""Pillow's modes without colour."""

EIGHT_BITS = (*GREY, "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes that convert to 8-bit grey or colour without clipping."""


class Stack:
    """Images of the data set `name` as they come.

    Attributes
    ----------
    images : Gathered, uint8 (images, height, width, channels)
        Of the `shape` (height, width, channels) where it is given. Else the height and width are `size`, or without it
        those of the first image, before which it is None, and there is one channel until an image has colours.
    """

    def __init__(self, name, size=None, shape=None):
        self.name, self.size, self.shape = name, size, shape
        self.images, self.first = Gathered(shape, np.uint8) if shape else None, None

    def add(self, image, name):
        """Put the Pillow `image`, which an error calls `name`, behind those that are there, the way up that it was taken.

        What is transparent becomes white. Where a size was asked for, it is scaled to cover that, and cropped around its
        centre.

        Raises
        ------
        ValueError
            If it has more than 8 bits a channel, or does not have the shape.
        InputError
            If it has another size than the first, and none was asked for.
        """
        from PIL import Image, ImageOps

        if image.mode not in EIGHT_BITS:
            raise ValueError(f"more than 8 bits a channel, Pillow's mode {image.mode}")
        grey = self.shape[2] == 1 if self.shape else image.mode in GREY
        self.check_size(image, name, turned=True)  # while it costs nothing
        ImageOps.exif_transpose(image, in_place=True)
        self.check_size(image, name)
        image = on_white(image).convert("L" if grey else "RGB")
        if self.size:
            # Pillow's bilinear resize averages over all source pixels when it shrinks, so nothing aliases.
            image = ImageOps.fit(image, self.size[::-1], Image.Resampling.BILINEAR)
        self.put(np.asarray(image).reshape(image.height, image.width, -1), name)

    def put(self, pixels, name):
        """Put `pixels` (height, width, channels) behind the others, which get three channels with the first colours."""
        if self.images is None:
            self.images, self.first = Gathered(pixels.shape, np.uint8), name
        if pixels.shape[2] > self.images.shape[3]:
            self.images = self.images.mapped(lambda grey: np.repeat(grey, 3, axis=3))
        self.images.add(np.broadcast_to(pixels, (1, *self.images.row_shape)))

    def check_size(self, image, name, turned=False):
        """Refuse an image of another size than the array's, if nothing scales it; it may lie on its side if `turned`."""
        if self.images is None or self.size:
            return
        height, width = self.images.shape[1:3]
        if image.size == (width, height) or (turned and image.size == (height, width)):
            return
        if self.shape:
            raise ValueError(f"{image.width}x{image.height} pixels instead of {width}x{height}")
        raise InputError(
            f"params.yaml: datasets.{self.name} has images of different sizes, {self.first} of {[height, width]} and "
            f"{name} of {[image.height, image.width]} (height, width): give it a size that all are scaled to, "
            "{source: ..., size: [height, width]}."
        )


def on_white(image):
    """The Pillow `image` without transparency: what lies beneath a transparent pixel is mostly black, as ink is too."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    white = Image.new("RGB", image.size, "white")
    image = image.convert("RGBA")
    white.paste(image, mask=image)
    return white


def scaled(size):
    """What a source says of its images where they were scaled to `size`; nothing for None."""
    return f", scaled and cropped to {size[0]}x{size[1]}" if size else ""

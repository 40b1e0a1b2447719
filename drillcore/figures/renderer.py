"""A canvas that draws a text which it has drawn before as the same pixels.

Numbers and names of layers come again in every panel and every figure, and to trace the outlines of their letters takes half
the time of drawing them.
"""

import cmath
import math
from functools import cache

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg, get_hinting_flag
from matplotlib.ft2font import RenderMode

MOST_KEPT = 20_000
KEPT, SIZES = {}, {}
"""By text and how it looks, what `Renderer.image_of` and `get_text_width_height_descent` return."""


class Renderer(RendererAgg):
    """matplotlib's renderer, but for texts: they begin at whole pixels, so that one image of each serves everywhere."""

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        """Draw the text `s`, from the image that is kept of it."""
        if ismath:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        key = s, hash(prop), angle, self.dpi, gc.get_antialiased()
        image, left, below = keep(KEPT, key, self.image_of, s, prop, angle, gc.get_antialiased())
        self._renderer.draw_text_image(image, round(x) + left, round(y) + below, 0, gc)

    def get_text_width_height_descent(self, s, prop, ismath):
        """The size of the text `s`, from the last time that it was asked for."""
        key = s, hash(prop), self.dpi, ismath
        return keep(SIZES, key, super().get_text_width_height_descent, s, prop, ismath)

    def image_of(self, text, prop, angle, antialiased):
        """The opacity of `text`, and where its left and its lower edge are from the beginning of the text, in pixels.

        As matplotlib's `draw_text`, which works out for each letter what is the same for all.
        """
        flags, mode = get_hinting_flag(), RenderMode.NORMAL if antialiased else RenderMode.MONO
        turn, matrix = rotation(angle)
        letters = []
        for item in self._prepare_font(prop)._layout(text, flags=flags):
            font, start = item.ft_object, 64 * complex(item.x, item.y) * turn
            font.set_size(prop.get_size_in_points(), self.dpi)
            font._set_transform(matrix, (round(start.real), round(start.imag)))
            letter = font._render_glyph(item.glyph_index, flags, mode)
            letters.append((letter.left, letter.top, letter.buffer))
        image, left, below = together([letter for letter in letters if letter[2].size])
        return image if antialiased else 255 * image, left, below


def keep(found, key, make, *arguments):
    """`found[key]`, which is `make(*arguments)` if it is new."""
    if key not in found:
        if len(found) == MOST_KEPT:
            found.clear()
        found[key] = make(*arguments)
    return found[key]


@cache
def rotation(angle):
    """The rotation by `angle` degrees as a complex number and as the matrix of a font, whose 1 is 0x10000."""
    turn = cmath.rect(1, math.radians(angle))
    return turn, np.round(0x10000 * np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])).astype(int)


def together(letters):
    """One image of `letters`, each its left edge, its upper edge and its opacity, with its left and its lower edge."""
    if not letters:  # spaces alone
        return np.zeros((0, 0), np.uint8), 0, 0
    left, right = min(x for x, _, _ in letters), max(x + one.shape[1] for x, _, one in letters)
    top, below = max(y for _, y, _ in letters), min(y - one.shape[0] for _, y, one in letters)
    image = np.zeros((top - below, right - left), np.uint8)
    for x, y, one in letters:
        part = image[top - y : top - y + one.shape[0], x - left : x - left + one.shape[1]]
        np.maximum(part, one, out=part)
    return image, left, -below


class Canvas(FigureCanvasAgg):
    """A canvas that draws with `Renderer`."""

    def get_renderer(self):
        """The renderer of the figure's size and resolution."""
        width, height = self.get_width_height(physical=True)
        if self._lastKey != (width, height, self.figure.dpi):
            self.renderer, self._lastKey = Renderer(width, height, self.figure.dpi), (width, height, self.figure.dpi)
        return self.renderer

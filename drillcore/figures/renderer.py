"""A canvas that draws a text which it has drawn before as the same pixels.

Numbers and names of layers come again in every panel and every figure, and to trace the outlines of their letters takes half
the time of drawing them.
"""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

MOST_KEPT = 20_000
KEPT = {}
"""By text and how it looks, what `Renderer.image_of` returns."""


class Renderer(RendererAgg):
    """matplotlib's renderer, but for texts: they begin at whole pixels, so that one image of each serves everywhere."""

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        """Draw the text `s`, from the image that is kept of it."""
        if ismath:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        key = s, hash(prop), angle, self.dpi, gc.get_antialiased()
        if key not in KEPT:
            if len(KEPT) == MOST_KEPT:
                KEPT.clear()
            KEPT[key] = self.image_of(s, prop, angle, gc.get_antialiased())
        image, left, below = KEPT[key]
        self._renderer.draw_text_image(image, round(x) + left, round(y) + below, 0, gc)

    def image_of(self, text, prop, angle, antialiased):
        """The opacity of `text`, and where its left and its lower edge are from the beginning of the text, in pixels."""
        width, height, descent = self.get_text_width_height_descent(text, prop, ismath=False)
        corners = np.add.outer([0, width], [-1j * descent, 1j * (height - descent)]) * np.exp(1j * np.radians(angle))
        # Half the size of the letters, for what reaches out of a letter's width.
        margin = 2 + round(self.points_to_pixels(prop.get_size_in_points()) / 2)
        left, below = (int(edges.min()) - margin for edges in (corners.real, corners.imag))
        wide, high = (int(edges.max()) + margin for edges in (corners.real - left, corners.imag - below))
        page = RendererAgg(wide, high, self.dpi)
        context = page.new_gc()
        context.set_antialiased(antialiased)
        page.draw_text(context, -left, high + below, text, prop, angle)
        return np.array(page.buffer_rgba())[..., 3].copy(), left, -below


class Canvas(FigureCanvasAgg):
    """A canvas that draws with `Renderer`."""

    def get_renderer(self):
        """The renderer of the figure's size and resolution."""
        width, height = self.get_width_height(physical=True)
        if self._lastKey != (width, height, self.figure.dpi):
            self.renderer, self._lastKey = Renderer(width, height, self.figure.dpi), (width, height, self.figure.dpi)
        return self.renderer

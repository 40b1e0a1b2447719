"""What matplotlib works out again and again, kept: imported by what draws many figures.

A figure has hundreds of texts, and matplotlib asks for the font and the size of each at every look at its axes, a dozen times
from the layout to the drawing. No setting makes it keep the answers.
"""

from functools import cache

from matplotlib.font_manager import fontManager
from matplotlib.text import Text

fontManager._find_fonts_by_props = cache(fontManager._find_fonts_by_props)

arrange, arranged = Text._get_layout, {}


def remembered(text, renderer):
    """How a `Text` is arranged around its position, which depends on nothing but the properties in the key."""
    if text.get_wrap():  # which depends on the position
        return arrange(text, renderer)
    key = (
        text.get_text(),
        hash(text.get_fontproperties()),
        text.get_rotation(),
        text.get_rotation_mode(),
        text.get_horizontalalignment(),
        text.get_verticalalignment(),
        text._multialignment,
        text._linespacing,
        text.get_usetex(),
        text.get_parse_math(),
        text.get_figure(root=True).dpi,
        type(renderer),
    )
    if key not in arranged:
        arranged[key] = arrange(text, renderer)
    return arranged[key]


Text._get_layout = remembered

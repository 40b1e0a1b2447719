"""What matplotlib works out again and again, kept: imported by what draws many figures.

A figure has hundreds of texts and ticks, and matplotlib asks for the font, the size and the place of each at every look at
its axes, a dozen times from the layout to the drawing. No setting makes it keep the answers.
"""

from functools import cache, wraps

from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from drillcore.figures.renderer import Canvas

fontManager._find_fonts_by_props = cache(fontManager._find_fonts_by_props)

PLAIN = {}
"""By class and name, matplotlib's methods that are replaced here."""


def replace(kind, name, method):
    """Make `method` the one of that name of a class of matplotlib's."""
    PLAIN[kind, name] = getattr(kind, name)
    setattr(kind, name, method)


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


replace(Text, "_get_layout", remembered)

make_tick = Axis._get_tick


def new_tick(axis, major):
    """A tick as the first one of its axis is, by copies of its lines and texts: to make them takes ten times as long."""
    ticks = vars(axis).get("majorTicks" if major else "minorTicks")
    if not ticks:
        tick = make_tick(axis, major)
        tick.gridline.clipbox, tick.gridline._clippath = axis.clipbox, axis._clippath
        return tick
    tick = twin(ticks[0])
    for name in ("tick1line", "tick2line", "gridline", "label1", "label2"):
        setattr(tick, name, twin(getattr(tick, name)))
    for label in (tick.label1, tick.label2):
        label._fontproperties = label._fontproperties.copy()  # the one part that is changed and not replaced
    return tick


def twin(artist):
    """A second artist of the same properties."""
    copied = object.__new__(type(artist))
    vars(copied).update(vars(artist))
    return copied


def of_made_ticks(method):
    """`method` of an axis, which changes the ticks that it has: matplotlib makes one of each kind to change it, though ticks
    that are made later get all the same, and most axes draw no minor ones."""

    @wraps(method)
    def change(axis, *arguments, **options):
        missing = {"majorTicks", "minorTicks"} - vars(axis).keys()
        vars(axis).update((name, []) for name in missing)
        method(axis, *arguments, **options)
        for name in missing:
            vars(axis).pop(name, None)

    return change


replace(Axis, "_get_tick", new_tick)
replace(Axis, "_copy_tick_props", lambda axis, source, tick: None)  # `tick` is a copy of `source`
replace(Axis, "set_clip_path", of_made_ticks(Axis.set_clip_path))
replace(Axis, "set_tick_params", of_made_ticks(Axis.set_tick_params))


def kept(method, state):
    """`method` of an axis, run when the `state` of its axis is not that of the last time; before the figure is complete,
    which is when it gets the `Canvas` it is saved on, always."""

    @wraps(method)
    def look(axis, *arguments):
        if not isinstance(axis.get_figure(root=True).canvas, Canvas):
            return method(axis, *arguments)
        now, seen = state(axis), vars(axis).setdefault("_kept", {})
        if method not in seen or seen[method][0] != now:
            seen[method] = now, method(axis, *arguments)
        return seen[method][1]

    return look


def labels_state(axis):
    """What the places of its labels depend on: the interval in view, and where the axes are."""
    return *axis.get_view_interval(), *axis.axes.bbox.get_points().flat


for kind in (XAxis, YAxis):
    replace(kind, "get_tick_space", kept(kind.get_tick_space, labels_state))
    replace(kind, "_update_label_position", kept(kind._update_label_position, labels_state))


def ticks_state(axis):
    """What the ticks of a complete figure's axis depend on: the interval in view, and how many have room."""
    return *axis.get_view_interval(), axis.get_tick_space()


replace(Axis, "_update_ticks", kept(Axis._update_ticks, ticks_state))
replace(Axis, "_get_ticklabel_bboxes", kept(Axis._get_ticklabel_bboxes, labels_state))

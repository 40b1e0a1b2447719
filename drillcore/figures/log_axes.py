"""Logarithmic axes on which every tick that has a number has the whole number: 20 or a power of ten, never a 2 alone."""

import numpy as np
from matplotlib.ticker import Formatter, Locator, MaxNLocator, NullLocator

MOST_DECADES, MOST_POWERS = 2.5, 6
"""Up to so many decades, 1, 2 and 5 of each have a tick, of more decades their powers; about so many powers at most."""
LEAST_PLAIN, MOST_PLAIN = 1e-3, 1e5
"""Axes whose ticks are all between these have them as decimal numbers, others as powers of ten."""


def log_axis(axis):
    """Make `axis`, the x or the y axis of its axes, logarithmic."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(Ticks())
    axis.set_major_formatter(Numbers())
    axis.set_minor_locator(NullLocator())


def ticks(low, high):
    """The numbers from `low` to `high`, both positive, that have a tick: powers of ten, or 1, 2 and 5 times these.

    Where there are fewer than three powers, the latter; of these, evenly spaced round numbers.
    """
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)

    def within(values):
        return values[(low * (1 - 1e-9) <= values) & (values <= high * (1 + 1e-9))]

    powers = within(10.0 ** exponents[exponents % np.ceil(len(exponents) / (MOST_POWERS + 2)) == 0])
    if np.log10(high / low) > MOST_DECADES and len(powers) >= 3:
        return powers
    finer = within(np.outer(10.0**exponents, [1, 2, 5]).ravel())
    return finer if len(finer) >= 3 else within(MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high))


class Ticks(Locator):
    """The `ticks` of what is in view."""

    def __call__(self):
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin, vmax):
        low, high = sorted((vmin, vmax))
        return ticks(low, high) if low > 0 else np.array([])


class Numbers(Formatter):
    """All ticks of an axis in one form."""

    def __call__(self, value, pos=None):
        return self.format_ticks([value])[0]

    def format_ticks(self, values):
        if min(values, default=1) >= LEAST_PLAIN and max(values, default=1) <= MOST_PLAIN:
            return [f"{value:,.6g}" for value in values]
        return list(map(power_of_ten, values))


def power_of_ten(value):
    """`value` as a power of ten, or as a multiple of one."""
    power = int(np.floor(np.log10(value) + 1e-9))
    factor = f"{value / 10.0**power:.6g}"
    return f"$10^{{{power}}}$" if factor == "1" else rf"${factor}\times10^{{{power}}}$"

"""Panels of what changes from step to step of a training, with lines where its epochs begin."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from drillcore.artifacts.gradient_stats import OVER_SEEDS
from drillcore.figures.style import canvas


def step_panels(rows, title, subtitle, share=True):
    """A figure with `rows` rows of two panels, which `share` their y axis or do not, and room for legends.

    Returns the figure, the rows, and a function that makes the axes for a legend beside one row or a slice of them.
    """
    figure = canvas(8.4, 0.35 + 1.75 * rows, title, subtitle)
    grid = figure.add_gridspec(rows, 3, width_ratios=[1, 1, 0.33])
    panels = []
    for row in range(rows):
        left = figure.add_subplot(grid[row, 0])
        panels.append([left, figure.add_subplot(grid[row, 1], sharey=left if share else None)])
    return figure, panels, lambda rows: figure.add_subplot(grid[rows, 2])


def step_axis(axes, starts):
    """Steps along x, with a line where an epoch begins unless there are too many."""
    axes.grid(True, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("step (vertical lines: epochs)" if 0 < len(starts) <= 20 else "step")
    if len(starts) <= 20:
        for start in starts:
            axes.axvline(start, color="#cfcfcf", lw=0.6, zorder=0)


def draw_steps(axes, step, values, **look):
    """Draw `values` (steps) as a line, and as dots those between steps without a value, which a line does not show."""
    known = np.pad(np.isfinite(np.asarray(values, np.float64)), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    axes.plot(step, values, marker=".", markersize=3, markevery=np.flatnonzero(alone).tolist(), **look)


def seed_band(axes, values, name, colour):
    """The interval over seeds of the statistic `name` of `values`, arrays (steps), where they have one."""
    mean, half = (np.asarray(values.get(f"{name}_{of}", []), np.float64) for of in OVER_SEEDS)
    if len(half):
        axes.fill_between(values["step"], np.maximum(mean - half, 0), mean + half, color=colour, alpha=0.2, lw=0)


def divided(part, whole):
    """`part` / `whole` in float64, NaN where `whole` is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def positive(values):
    """`values` with NaN for what a logarithmic axis cannot show."""
    return np.where(values > 0, values, np.nan)

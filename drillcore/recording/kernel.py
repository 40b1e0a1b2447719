"""The compiled loops of the gradient recorder: one pass over gradients, weights and averages, in blocks.

A block's intermediate results stay in the processor's first cache, and each of the loops over it is simple enough for
the compiler to vectorise; nothing of the parameters' size is allocated. Compiled code is kept in __pycache__.

A gradient's class is its sign and bin at once: 0 ... K + 1 are the bins of K edges for a positive one, K + 2 is NaN,
and as many again follow for a negative one. Classes ascend with the bits of a float64 taken as an unsigned integer, so
a table on the sign, the exponent and three bits of the mantissa finds the class but for the edges within its cell.

Chance alone. Beside each parameter's history runs a surrogate with the same magnitudes and random signs: u_t = b u_(t-1)
+ s_t abs(g_t), as an optimiser of decay b averages, and c_t, the average of its steps as the recorder averages those of
the weights; `drillcore.recording.recorder` says what is read from them. The average of the surrogate's gradients needs
no memory, for a filter of decay DECAY after one of decay b is a difference of both: see `Surrogate`.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from drillcore.artifacts.gradients import MAXIMUM, MINIMUM, NOT_A_NUMBER, STAYED, UNMOVED, bins_of

DECAY = 0.9
BLOCK = 1024
TABLE_BITS = 15
SHIFT = np.uint64(64 - TABLE_BITS)
SMALLEST_NORMAL = np.finfo(np.float64).smallest_normal
SMALLEST_SINGLE = np.finfo(np.float32).smallest_normal
LARGEST = np.float32(1e30)
"""A gradient this large, or NaN, is 0 to the surrogate, which would never forget an infinity."""
SHARES = 6
"""The surrogate of the averages counts one of so many parts of each block of parameters at a step, and the others at the
next ones: about half as many flips as the recorder counts, for a twentieth of its time."""
SUMS = 7
"""What `sum_up` adds up over parameters."""


class Binning(NamedTuple):
    """How gradients fall into classes."""

    bins: int
    table: np.ndarray  # uint8 (2^TABLE_BITS): class of the smallest bit pattern that begins with these bits
    limits: np.ndarray  # uint64 (classes): the largest bit pattern of each class
    several: bool  # whether more than one edge is within some cell of the table
    signed_bins: np.ndarray  # int8 (classes): sign times bin, NOT_A_NUMBER for NaN


@lru_cache
def make_binning(edges):
    """The `Binning` of a tuple of edges of abs(gradient)."""
    edges = np.array(edges, np.float64)
    ascending = edges.ndim == 1 and np.all(edges > 0) and np.all(np.diff(edges) > 0) and np.all(np.isfinite(edges))
    if not (ascending and 1 <= len(edges) <= 125):
        raise ValueError(f"bin edges must be 1 to 125 positive, finite numbers that ascend, not {edges.tolist()}")
    positive = np.concatenate([[0.0], edges, [np.inf]]).view(np.uint64)
    positive = np.append(positive, np.uint64(2**63 - 1))
    limits = np.concatenate([positive, positive | np.uint64(2**63)])
    smallest = np.arange(2**TABLE_BITS, dtype=np.uint64) << SHIFT
    largest = smallest | (np.uint64(1) << SHIFT) - np.uint64(1)
    table, last = np.searchsorted(limits, smallest), np.searchsorted(limits, largest)
    several = bool(np.any(last > table + 1))
    bins = bins_of(edges)
    signed = np.append(np.arange(bins), NOT_A_NUMBER)
    negative = np.append(-np.arange(bins), NOT_A_NUMBER)
    signed_bins = np.concatenate([signed, negative]).astype(np.int8)
    return Binning(bins, table.astype(np.uint8), limits, several, signed_bins)


class State(NamedTuple):
    """What is remembered of a tensor's parameters from one step to the next: arrays (parameters)."""

    gradient_class: np.ndarray  # uint8
    weight: np.ndarray  # float32
    average_class: np.ndarray  # uint8, of the averaged gradient
    average_gradient: np.ndarray  # float64, NaN before its first finite gradient
    average_change: np.ndarray  # float64, how far the averaged weight last moved
    gradient: np.ndarray  # float32
    surrogate: np.ndarray  # float32, u of the gradients before the last
    surrogate_change: np.ndarray  # float32, c, how far the surrogate's averaged weight last moved, of the other sign

    def part(self, parameters):
        """The state of a slice of the parameters, in the same memory."""
        return State(*(array[parameters] for array in self))


def new_state(size):
    """The `State` of `size` parameters before the first step."""
    return State(
        np.zeros(size, np.uint8),
        np.zeros(size, np.float32),
        np.zeros(size, np.uint8),
        np.full(size, np.nan),
        np.zeros(size),
        *np.zeros((3, size), np.float32),
    )


class Surrogate(NamedTuple):
    """What a step's surrogate is made of.

    With weights b^k of the gradients k steps ago in u, and (DECAY^(k+1) - b^(k+1)) (1 - DECAY) / (DECAY - b) in c, the
    average's (1 - DECAY) DECAY^k are those of `of_change` c + `of_sum` u, where DECAY = b too.
    """

    decay: np.float32  # b
    of_change: np.float32
    of_sum: np.float32
    key: np.uint32  # of the step whose signs it takes
    averaged: bool  # whether the averages' surrogate counts
    share: int  # which of SHARES of the parameters it counts


def make_surrogate(decay, key, averaged, share):
    """The `Surrogate` of an optimiser's `decay`."""
    of_change, of_sum = (DECAY - decay) / DECAY, (1 - DECAY) * decay / DECAY
    return Surrogate(np.float32(decay), np.float32(of_change), np.float32(of_sum), np.uint32(key), averaged, share)


class Cells(NamedTuple):
    """Counts and sums of abs(dw), dw^2 by class before, class now and direction of dw, all zero between two calls.

    Each cell has two counts side by side: of the parameters at which chance calls a flip no minimum, and a minimum. All are
    there twice, for parameters of an even and of an odd number: neighbours are often of one cell, and a count that was just
    written is slow to read.
    """

    counts: np.ndarray  # uint32 (2 * classes * classes * 4 * 2)
    changes: np.ndarray  # float64 (classes * classes * 4, 2)


def new_cells(binning):
    """Empty `Cells` for `binning`."""
    cells = 4 * len(binning.limits) ** 2
    return Cells(np.zeros(4 * cells, np.uint32), np.zeros((cells, 2)))


@njit(nogil=True, cache=True)
def count_pair(g_before, g_now, w_before, w_now, binning, cells, counts, weight_change):
    """Count the transitions between two steps into counts (bins, bins, 4) and weight_change (bins, bins, 2)."""
    before, now = np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.uint8)
    cell, change = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.float64)
    never, null = np.zeros(BLOCK, np.uint8), np.empty((2, *counts.shape[:2]), np.uint32)
    for begin in range(0, len(g_now), BLOCK):
        end = min(begin + BLOCK, len(g_now))
        size = end - begin
        classify(g_before[begin:end], binning, before)
        classify(g_now[begin:end], binning, now)
        subtract(w_now[begin:end], w_before[begin:end], change)
        locate(before[:size], now, change, len(binning.limits), cell)
        add(cell[:size], never, change, cells)
    empty_into(cells, counts, weight_change, null[0], null[1])


@njit(nogil=True, cache=True)
def count_step(
    gradient,
    weight,
    state,
    raw_cells,
    raw,
    mean_cells,
    mean,
    sums,
    binning,
    surrogate,
    first,
    counting,
    remembering,
):
    """Move `state` on by a step; if `counting`, count the transitions from the last one, which was `remembering`.

    `raw` and `mean` are tuples (counts, weight_change, null_minima, null_flips) for the gradients and their averages,
    `sums` (SUMS) is what `sum_up` adds up, and `first` the number of the first parameter. Returns the number of gradients
    that are NaN or infinite.
    """
    now, cell = np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.uint32)
    called, never = np.empty(BLOCK, np.uint8), np.zeros(BLOCK, np.uint8)
    change, nonfinite = np.empty(BLOCK, np.float64), 0
    before, null_before, null_now = np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    null_minima, null_flips = np.zeros_like(mean[2]), np.zeros_like(mean[3])
    sums[:] = 0
    for begin in range(0, len(gradient), BLOCK):
        end = min(begin + BLOCK, len(gradient))
        size = end - begin
        g, w, g_class, w_before = gradient[begin:end], weight[begin:end], state[0][begin:end], state[1][begin:end]
        mean_class, mean_g, mean_change = state[2][begin:end], state[3][begin:end], state[4][begin:end]
        g_before, null_sum, null_change = state[5][begin:end], state[6][begin:end], state[7][begin:end]
        subtract(w, w_before, change)
        copy(w, w_before)
        if counting:
            sum_up(g, g_before, w, change, sums)
        move(g_before, g, null_sum, null_change, surrogate, first + begin, called)
        if counting or remembering:
            classify(g, binning, now)
            if counting:
                locate(g_class, now, change, len(binning.limits), cell)
                add(cell[:size], called, change, raw_cells)
            copy(now, g_class)
        nonfinite += average(g, mean_g, change, mean_change)
        if counting or remembering:
            classify(mean_g, binning, now)
            if counting:
                locate(mean_class, now, mean_change, len(binning.limits), cell)
                add(cell[:size], never, mean_change, mean_cells)
            copy(now, mean_class)
        if counting and surrogate.averaged:
            part = slice(size * surrogate.share // SHARES, size * (surrogate.share + 1) // SHARES)
            found = surrogate_flips(
                g[part], null_sum[part], null_change[part], surrogate, null_before, null_now, called
            )
            classify(null_before[:found], binning, before)
            classify(null_now[:found], binning, now)
            add_flips(before[:found], now, called, null_minima, null_flips)
    if counting:
        empty_into(raw_cells, *raw)
        empty_into(mean_cells, *mean)
        mean[2][:], mean[3][:] = null_minima, null_flips
    return nonfinite


@njit(nogil=True, cache=True)
def classify(values, binning, classes):
    """The class of every value."""
    table, limits = binning.table, binning.limits
    for i in range(len(values)):
        bits = np.float64(values[i]).view(np.uint64)
        found = np.uint32(table[bits >> SHIFT])
        found += np.uint32(bits > limits[found])  # the only edge of most cells; a branch on it would be unpredictable
        while binning.several and bits > limits[found]:
            found += np.uint32(1)
        classes[i] = found


@njit
def subtract(now, before, change):
    """now - before in float64, NaN where it is infinite."""
    for i in range(len(now)):
        difference = np.float64(now[i]) - np.float64(before[i])
        change[i] = difference + 0.0 * difference


@njit
def average(gradients, means, changes, mean_changes):
    """Let gradients and changes enter their exponential averages; returns how many gradients are not finite.

    Below the normal range arithmetic is a hundred times slower, and a dead unit's averages get there: zero instead.
    """
    nonfinite = 0
    for i in range(len(means)):
        gradient, mean = np.float64(gradients[i]), means[i]
        moved = mean + (1 - DECAY) * (gradient - mean) if mean == mean else gradient
        moved = moved if abs(moved) >= SMALLEST_NORMAL else 0.0
        finite = gradient - gradient == 0
        means[i] = moved if finite else mean
        nonfinite += not finite
        moved = mean_changes[i] + (1 - DECAY) * (changes[i] - mean_changes[i])
        mean_changes[i] = moved if not abs(moved) < SMALLEST_NORMAL else 0.0
    return nonfinite


@njit
def move(gradients, now, sums, changes, surrogate, first, called):
    """Let the last step's `gradients` enter the surrogate; `called` is where a flip now would be a minimum to it. Afterwards
    `gradients` are those of `now`.

    Signs are the first bits of a hash (the finaliser of MurmurHash3) of the step's key and of the parameter's number.
    """
    decay, key, start = surrogate.decay, surrogate.key, np.uint32(first)
    for i in range(len(sums)):
        size = abs(gradients[i])
        size = size if size < LARGEST else np.float32(0)
        gradients[i] = now[i]
        mixed = np.uint32(np.uint32(start + np.uint32(i)) * np.uint32(0x9E3779B1)) ^ key
        mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        mixed = np.uint32((mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        kept = decay * sums[i]
        called[i] = size + kept > 0
        moved = kept + (size if mixed < np.uint32(1 << 31) else -size)
        moved = moved if abs(moved) >= SMALLEST_SINGLE else np.float32(0)
        sums[i] = moved
        moved = np.float32(DECAY) * changes[i] + np.float32(1 - DECAY) * moved
        changes[i] = moved if abs(moved) >= SMALLEST_SINGLE else np.float32(0)


@njit
def surrogate_flips(gradients, sums, changes, surrogate, before, now, crossing):
    """Find where the surrogate's average would flip if the gradient had the other sign; returns how many there are.

    Of each abs(average) `before` and `now`, and whether its `crossing` is a minimum. The sign that decides is as likely as
    the one that does not, so all count, and flips are twice as many as by chance alone.
    """
    decay, rest = np.float32(DECAY), np.float32(1 - DECAY)
    for i in range(len(gradients)):
        mean, size = surrogate.of_change * changes[i] + surrogate.of_sum * sums[i], abs(gradients[i])
        before[i], now[i] = abs(mean), rest * size - decay * abs(mean)
        flips = (now[i] > 0) & (size < LARGEST) & (mean != 0) & (changes[i] != 0)
        crossing[i] = np.uint8((mean > 0) == (changes[i] > 0)) | np.uint8(flips) << np.uint8(1)
    found = 0
    for i in range(len(gradients)):  # apart from the first loop, which is vectorised
        code = crossing[i]
        before[found], now[found], crossing[found] = before[i], now[i], code & np.uint8(1)
        found += code >> np.uint8(1)
    return found


@njit
def add_flips(before, now, minimum, null_minima, null_flips):
    """Add every flip of the surrogate's average to its pair of bins."""
    for i in range(len(before)):
        null_flips[before[i], now[i]] += np.uint32(1)
        null_minima[before[i], now[i]] += np.uint32(minimum[i])


@njit(fastmath={"reassoc"})
def sum_up(gradients, before, weights, changes, sums):
    """Add to `sums` those of g^2, g_before^2, w^2, dw^2, g g_before, dw g_before and dw dg, which may be added in any
    order: always the same one, but vectorised."""
    gg, bb, ww, dd, gb, db, dg = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(gradients)):
        g, b, w, d = np.float64(gradients[i]), np.float64(before[i]), np.float64(weights[i]), changes[i]
        gg += g * g
        bb += b * b
        ww += w * w
        dd += d * d
        gb += g * b
        db += d * b
        dg += d * (g - b)
    for place, added in enumerate((gg, bb, ww, dd, gb, db, dg)):
        sums[place] += added


@njit
def locate(before, now, change, classes, cells):
    """The cell of every parameter: class before, class now, and direction 0 still, 1 up, 2 down, 3 not finite."""
    classes = np.uint32(classes)
    for i in range(len(before)):
        pair = np.uint32(before[i]) * classes + np.uint32(now[i])
        up, down = np.uint32(not change[i] <= 0), np.uint32(not change[i] >= 0)
        cells[i] = pair * np.uint32(4) + up + np.uint32(2) * down


@njit
def add(located, called, change, cells):
    """Add every parameter to its cell, and to the half of it that says whether chance calls it a minimum."""
    counts, changes = cells
    odd = np.uint32(len(counts) // 2)
    for i in range(len(located)):
        cell, moved = located[i], change[i]
        counts[np.uint32(2) * cell + called[i] + np.uint32(i & 1) * odd] += np.uint32(1)
        if cell & np.uint32(3):  # that stood still have nothing to add
            changes[cell, 0] += abs(moved)
            changes[cell, 1] += moved * moved


@njit
def copy(values, target):
    """Copy `values` to a `target` of at most their length."""
    for i in range(len(target)):
        target[i] = values[i]


@njit
def empty_into(cells, counts, weight_change, null_minima, null_flips):
    """Sum `cells` over signs into counts (bins, bins, 4), weight_change (bins, bins, 2) and, of the minima and maxima,
    null_minima and null_flips (bins, bins), and set them to zero."""
    counts[:], weight_change[:], null_minima[:], null_flips[:] = 0, 0.0, 0, 0
    half = len(counts) + 1  # classes of one sign: the bins and NaN
    halves = cells[0].reshape(2, len(cells[1]), 2)
    cell = 0
    for before in range(2 * half):
        for now in range(2 * half):
            for direction in range(4):
                called = halves[0, cell, 1] + halves[1, cell, 1]
                here = halves[0, cell, 0] + halves[1, cell, 0] + called
                if here:
                    row, column = before % half, now % half
                    if row < half - 1 and column < half - 1 and direction < 3:
                        flipped = row > 0 and column > 0 and (before < half) != (now < half)
                        crossing = which_crossing(now < half, direction) if flipped else STAYED
                        counts[row, column, crossing] += here
                        if crossing in (MINIMUM, MAXIMUM):
                            null_flips[row, column] += here
                            null_minima[row, column] += called
                        weight_change[row, column, 0] += cells[1][cell, 0]
                        weight_change[row, column, 1] += cells[1][cell, 1]
                    halves[:, cell], cells[1][cell] = 0, 0.0
                cell += 1


@njit
def which_crossing(rose, direction):
    """1 if the gradient changed in the direction of the weight (a minimum), 2 if against it, 3 if the weight stayed."""
    if direction == 0:
        return UNMOVED
    return MINIMUM if rose == (direction == 1) else MAXIMUM


@njit(nogil=True, cache=True)
def sum_pieces(pieces, ends, sums):
    """Sum pieces (pieces, cells) into sums (tensors, cells), tensor by tensor up to its end of `ends`, in their order."""
    begin = 0
    for tensor in range(len(ends)):
        sums[tensor] = 0
        for piece in range(begin, ends[tensor]):
            for cell in range(sums.shape[1]):
                sums[tensor, cell] += pieces[piece, cell]
        begin = ends[tensor]

"""Random augmentations of one sample.

An image is moved, a rectangle of it is erased in three of ten, and it gets noise; features get noise by the deviation of
each; tokens are masked or replaced.
"""

import math

import numpy as np

DEGREES, SHIFT, SCALES, SHEAR = 20, 0.1, (0.85, 1.15), 10
"""The largest rotation either way; shift, as a part of a side; the range of the scale; the largest shear, in degrees."""
ERASED, AREAS, RATIOS = 0.3, (0.02, 0.1), (0.3, 3.3)
"""How often a rectangle is erased; the range of its area, as a part of the image's, and of its height to its width."""
NOISE = 0.05
"""Standard deviation, of brightness from 0 to 1."""
DISTORTIONS = (
    f"each rotated by up to {DEGREES}° and sheared by up to {SHEAR}° either way, scaled by {SCALES[0]} to {SCALES[1]}, "
    f"moved by up to {100 * SHIFT:.0f} % of a side; in {100 * ERASED:.0f} % of them a rectangle of {100 * AREAS[0]:.0f} % to "
    f"{100 * AREAS[1]:.0f} % of the area is black; with noise of {100 * NOISE:.0f} % of the brightness"
)
"""All of it in words, for those who see the images."""
MOST, MOST_NUMBERS = 10_000, 1 << 24
"""Of how many training samples the deviations of features are taken, and of how many numbers in all."""


def augment(image, count, seed=0):
    """Return `count` random augmentations of one uint8 `image` (h, w, c), as uint8 (count, h, w, c)."""
    rng = np.random.default_rng(seed)
    return np.stack([augmented(image / 255, rng) for _ in range(count)])


def deviations_of(inputs):
    """The standard deviation of each number of features `inputs` (n, ...), over as many of the first as are enough."""
    few = max(2, MOST_NUMBERS // math.prod(inputs.shape[1:]))
    return inputs[: min(MOST, few)].std(0, dtype=np.float64)


def noisy(features, deviations, share, random):
    """Return `features` (n, ...) with normal noise, whose standard deviation is a `share` of the `deviations` (...)."""
    noise = random.standard_normal(features.shape)
    return (features + share * deviations * noise).astype(np.float32)


def replaced(tokens, vocabulary, share, random, mask=None):
    """Return `tokens` (n, positions), each replaced with the chance `share`: by the token `mask`, or without one by any of
    the `vocabulary`, a number of tokens, at random."""
    others = random.integers(vocabulary, size=tokens.shape, dtype=tokens.dtype) if mask is None else mask
    return np.where(random.random(tokens.shape) < share, others, tokens)


def augmented(image, rng):
    """One augmentation of an `image` (h, w, c) from 0 to 1, as uint8."""
    from scipy.ndimage import affine_transform  # not needed to say what the distortions are

    moved = affine_transform(image, *random_map(image.shape, rng), order=1)
    if rng.random() < ERASED:
        moved[random_rectangle(image.shape, rng)] = 0
    noisy = moved + rng.normal(0, NOISE, image.shape)
    return np.rint(255 * noisy.clip(0, 1)).astype(np.uint8)


def random_map(shape, rng):
    """The matrix (3, 3) and offset (3) that give, for a pixel of the moved image, where it was in one of `shape`."""
    angle, shear = np.deg2rad([rng.uniform(-DEGREES, DEGREES), rng.uniform(-SHEAR, SHEAR)])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    forward = rng.uniform(*SCALES) * rotation @ [[1, 0], [np.tan(shear), 1]]
    matrix = np.eye(3)
    matrix[:2, :2] = np.linalg.inv(forward)
    centre = (np.array(shape) - 1) / 2
    shift = rng.uniform(-SHIFT, SHIFT, 3) * [*shape[:2], 0]
    return matrix, centre - matrix @ (centre + shift)


def random_rectangle(shape, rng):
    """Slices of the rows and columns of a rectangle in an image of `shape`, at least a pixel and at most all of it."""
    area, ratio = rng.uniform(*AREAS) * shape[0] * shape[1], np.exp(rng.uniform(*np.log(RATIOS)))
    sides = [np.sqrt(area * ratio), np.sqrt(area / ratio)]
    sides = [int(np.clip(round(side), 1, most)) for side, most in zip(sides, shape[:2], strict=True)]
    begins = [rng.integers(most - side, endpoint=True) for side, most in zip(sides, shape[:2], strict=True)]
    return tuple(slice(begin, begin + side) for begin, side in zip(begins, sides, strict=True))

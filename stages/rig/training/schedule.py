"""The learning rate over a training, the same for both frameworks."""

import math


def learning_rate(training, step, steps):
    """The learning rate of `training` (a `Training`) at `step`, counted from 1, of `steps` in all.

    It rises in equal parts over the `warmup` first steps, the last of which has all of it, and then follows its schedule.
    "cosine" is equation 5 of Loshchilov and Hutter 2017, "SGDR", without restarts; "step" divides by 10 after half and
    after three quarters of the steps, as He et al. 2016, "Deep residual learning", section 4.2.

    >>> from stages.rig.card import Training
    >>> [round(learning_rate(Training(schedule="cosine"), step, 4), 6) for step in (1, 2, 3, 4)]
    [0.001, 0.000854, 0.0005, 0.000146]
    """
    if step <= training.warmup:
        return training.learning_rate * step / training.warmup
    done = (step - 1 - training.warmup) / (steps - training.warmup)
    factors = {
        "constant": 1.0,
        "cosine": (1 + math.cos(math.pi * done)) / 2,
        "step": 0.1 ** ((done >= 0.5) + (done >= 0.75)),
    }
    return training.learning_rate * factors[training.schedule]


def varies(training):
    """Whether the learning rate of `training` changes from step to step."""
    return training.schedule != "constant" or training.warmup > 0


def rate_after(training, epoch, steps):
    """The learning rate of `training` at the last step of `epoch`, of so many `steps` an epoch; at 0 that of the first."""
    return learning_rate(training, max(1, epoch * steps), training.epochs * steps)

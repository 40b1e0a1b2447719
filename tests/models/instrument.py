"""Instruments for replays."""

import numpy as np


class LargestMove:
    def begin(self, training):
        pass

    def before_update(self, step):
        np.random.random()  # of no consequence: random numbers are put back

    def after_update(self, step):
        moved = [np.abs(now - was).max() for was, now in zip(step.before, step.after, strict=True)]
        self.found = {"largest_move": np.array(moved)}

    def rows(self):
        return self.found


class OfKeras(LargestMove):
    frameworks = ("keras",)

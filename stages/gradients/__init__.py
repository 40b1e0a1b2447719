"""gradients: zeros, releases, flips and extrema at each threshold, from the recorded counts.

`summary` takes them by step, by epoch and by tensor; what they are is defined in `stages.shared.gradient_statistics`.
"""

from stages.gradients.summary import summarise

__all__ = ["summarise"]

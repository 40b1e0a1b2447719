"""train: fit a network, keep its checkpoints, its history and every gradient.

`torch_training` holds the PyTorch `Trainer` and its callbacks, `keras_training` those of Keras, `history` what both
report, `recorder` the gradient recorder that serves any training loop, `gradient_rows` the file it writes, `resume` what
a killed training goes on from. Only the framework a network needs is loaded: each name below comes
with its module when it is first asked for.
"""

from stages.shared.base.exports import lazily

__getattr__, __dir__ = lazily(
    __name__,
    {
        "recorder": ["GradientRecorder", "transitions"],
        "keras_training": ["OptimizationInsightCallback"],
        "torch_training": ["Callback", "GradientCallback", "Trainer"],
    },
)

__all__ = ["GradientRecorder", "transitions"]  # `import *` would load both frameworks with the others

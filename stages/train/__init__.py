"""train: fit a network, keep its checkpoints, its history and every gradient.

`torch_training` holds the PyTorch `Trainer` and its callbacks, `keras_training` those of Keras, `history` what both
report, `recorder` the gradient recorder that serves any training loop, `gradient_rows` the file it writes, `resume` what
a killed training goes on from. Only the framework a network needs is loaded.
"""

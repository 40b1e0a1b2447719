"""activations: the outputs of a network's layers, and its weights, at every stored epoch, as HDF5.

`get_intermediate_outputs` takes any PyTorch or Keras model, on arrays, in a notebook.
"""

from stages.activations.outputs import get_intermediate_outputs

__all__ = ["get_intermediate_outputs"]

"""How alike two layers' representations are, with the controls that a reviewer asks for.

Each measure takes activations X (samples, p) and Y (samples, q) of the same samples, float32 or float64, and returns a
float, NaN where it is undefined: `from drillcore import linear_cka`. The `*_matrix` and `stream_cka` functions take a
list of layers and share the work of all pairs.
"""

"""Drillcore: it takes a core through a neural network and reads its layers.

The rooms, in the order of the flow: `download` makes data/<dataset>.h5; `define` checks a network's parameters and
writes its card; `train` trains it and records every gradient; `activations` extracts what its layers represent, and
its weights, to HDF5; `correlations`, `similarity`, `gradients`, `svd` and `tsne` analyse those files; `plots` draws
them; `report` shows all on one page. `shared` is the ground floor they all stand on. Rooms speak through files alone:
dvc.yaml is the graph, which `graph` reads for Snakemake, whose jobs `job` runs.

Everywhere, arrays of representations have the axes (samples, units), images (samples, height, width, channels).
"""

import sys

if sys.argv[0] == "-m":  # `python -m stages.<room>` comes here first: what it loads next takes longer than a Ctrl-C
    from stages.shared.base.process import end_on_interrupt

    end_on_interrupt(" ".join(sys.orig_argv[sys.orig_argv.index("-m") + 1 :]))

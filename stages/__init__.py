"""The rig: a cached pipeline around the package `drillcore`, a module for each stage of dvc.yaml.

In the order of the flow: `download` makes data/<dataset>.h5; `define` checks a network's parameters and writes its card;
`train` trains it and records every gradient; `activations` extracts what its layers represent, and its weights, to
HDF5; `correlations`, `similarity`, `gradients`, `svd` and `tsne` analyse those files; `plots` draws them; `report`
shows all on one page. Stages speak through files alone: dvc.yaml is the graph. `rig` is what they share.
"""

import gc
import sys

if sys.argv[0] == "-m":  # `python -m stages.<stage>` comes here first: what it loads next takes longer than a Ctrl-C
    # A stage lives for seconds. As often as Python looks for unused cycles by default, it takes a tenth of them to look
    # through all that has been loaded, again and again.
    gc.set_threshold(50_000)

    from stages.rig.base.process import end_on_interrupt

    end_on_interrupt(" ".join(sys.orig_argv[sys.orig_argv.index("-m") + 1 :]))

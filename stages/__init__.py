"""Drillcore: it takes a core through a neural network and reads its layers.

The rooms, in the order of the flow: `download` makes data/<dataset>.h5; `define` checks a network's parameters and
writes its card; `train` trains it and records every gradient; `activations` extracts what its layers represent, and
its weights, to HDF5; `correlations`, `similarity`, `gradients`, `svd` and `tsne` analyse those files; `plots` draws
them; `report` shows all on one page. `shared` is the ground floor they all stand on. Rooms speak through files alone:
dvc.yaml is the graph, which `graph` reads for Snakemake, whose jobs `job` runs.

Everywhere, arrays of representations have the axes (samples, units), images (samples, height, width, channels).

As a library: `from stages import get_intermediate_outputs, linear_cka, GradientRecorder`, and all else in `dir(stages)`,
functions of models and arrays that need neither parameters nor the pipeline; the rooms offer more. Importing `stages`
loads none of them: each comes with its room when it is first asked for.
"""

import sys

if sys.argv[0] == "-m":  # `python -m stages.<room>` comes here first: what it loads next takes longer than a Ctrl-C
    from stages.shared.base.process import end_on_interrupt

    end_on_interrupt(" ".join(sys.orig_argv[sys.orig_argv.index("-m") + 1 :]))

from stages.shared.base.deepbind import let_triton_follow_tensorflow
from stages.shared.base.exports import lazily

let_triton_follow_tensorflow()

__getattr__, __dir__ = lazily(
    __name__,
    {
        "activations": ["get_intermediate_outputs"],
        "correlations": ["compute_layerwise_cross_correlation", "correlation_matrix", "layer_means"],
        "similarity": [
            "benjamini_hochberg",
            "debiased_cka",
            "linear_cka",
            "minibatch_cka",
            "minibatch_matrix",
            "noise_floor",
            "permutation_null",
            "permuted_linear_cka",
            "procrustes",
            "pwcca",
            "q_values_of_pairs",
            "rbf_cka",
            "rsa",
            "stream_cka",
            "svcca",
        ],
        "svd": [
            "components_explaining",
            "effective_rank",
            "effective_rank_of_variances",
            "feature_singular_values",
            "numerical_rank",
            "participation_ratio",
            "stable_rank",
            "weight_singular_values",
        ],
        "train": ["GradientRecorder", "OptimizationInsightCallback"],
        "gradients": ["summarise"],
        "tsne": ["embed", "principal_components"],
        "shared.base.store": ["read"],
    },
)

__all__ = [
    name for name in __dir__() if name != "OptimizationInsightCallback"
]  # `import *` would load TensorFlow with it

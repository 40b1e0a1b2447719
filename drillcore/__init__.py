"""Drillcore: it takes a core through a neural network and reads its layers.

Functions and classes of models, arrays and files. Arrays of representations have the axes (samples, units), images
(samples, height, width, channels). Importing `drillcore` loads nothing heavy: each name comes with its module when it is
first asked for.
"""

import lazy_loader

from drillcore.deepbind import let_triton_follow_tensorflow

__version__ = "0.1.0"

let_triton_follow_tensorflow()

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["figures"],
    submod_attrs={
        "artifacts.opening": ["open"],
        "correlation": ["cluster_units", "compute_layerwise_cross_correlation", "correlation_matrix", "layer_means"],
        "embedding": ["Embedding", "embed", "neighbor_recall", "principal_components"],
        "base.errors": ["InputError"],
        "geometry.collapse": ["neural_collapse"],
        "geometry.dimension": ["two_nn"],
        "geometry.dormant": ["dormant_units"],
        "geometry.readout": ["linear_probe", "nearest_class_mean"],
        "heavy_tails": ["power_law"],
        "extraction.outputs": ["get_intermediate_outputs"],
        "intervals": ["t_interval"],
        "landscape.lanczos": ["lanczos"],
        "landscape.measurement": ["curvature"],
        "landscape.noise": ["noise_scale"],
        "landscape.rewinding": ["rewind"],
        "landscape.trace": ["hutchinson"],
        "residuals": ["sample_errors"],
        "samples": ["sample_dynamics"],
        "recording.hooks": ["record"],
        "recording.keras_callback": ["OptimizationInsightCallback", "callback"],
        "recording.recorder": ["GradientRecorder", "transitions"],
        "recording.summary": ["summarise"],
        "replay.catalogue": ["replay_instruments"],
        "replay.session": ["replay"],
        "similarity.measures.cca": ["pwcca", "svcca"],
        "similarity.measures.cka": ["debiased_cka", "linear_cka", "rbf_cka"],
        "similarity.measures.geometry": ["procrustes", "rsa"],
        "similarity.measures.neighbours": ["cknna", "mutual_knn"],
        "similarity.calibration": ["null_quantiles"],
        "similarity.catalogue": ["calibrated"],
        "similarity.layers": ["similarity_matrix"],
        "similarity.matrix": ["SimilarityMatrix"],
        "similarity.minibatch": ["minibatch_cka", "minibatch_matrix"],
        "similarity.null": [
            "benjamini_hochberg",
            "noise_floor",
            "permutation_null",
            "permuted_linear_cka",
            "q_values_of_pairs",
        ],
        "similarity.ranking": ["rank_agreement"],
        "similarity.seeds": ["across_seeds"],
        "similarity.streaming": ["stream_cka"],
        "spectra": [
            "components_explaining",
            "effective_rank",
            "effective_rank_of_variances",
            "feature_singular_values",
            "numerical_rank",
            "participation_ratio",
            "stable_rank",
            "weight_singular_values",
        ],
    },
)
# `import *` would load TensorFlow and Matplotlib with these, and fail where they are not installed.
__all__ = [name for name in __all__ if name not in ("OptimizationInsightCallback", "callback", "figures")]

"""A network's figures, and one of all squeeze widths side by side.

Every figure is a function that returns a matplotlib `Figure`: each name below is one, but for `STYLE`, the rcParams that
all are drawn with, `applied`, a context of them, `Corner`, `Map` and `Snapshots`. It comes with its module when first asked
for.

A figure takes the result of an analysis. A figure of a network's layers takes the layers' outputs as well, a dict of arrays
(samples, units), and makes the analysis itself. All take a `title`, the headline, and a `subtitle`, the line below it.
"""

import lazy_loader

from drillcore.extras import require

require("figures", "drillcore.figures")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentations": ["contact_sheet"],
        "augmented_inputs": ["augmented_rows", "augmented_texts"],
        "correlations": ["correlation_evolution", "intra", "layer_feature_correlation"],
        "curvature": ["minima_verdict", "sharpness"],
        "embeddings": ["Map", "model_tsne_layers"],
        "gradients": [
            "draw_histogram",
            "fraction_flipped",
            "fraction_released",
            "gradient_histogram",
            "near_zero_counts",
            "weight_change",
        ],
        "replays": ["replay"],
        "replicates": ["seed_similarity"],
        "samples": ["Corner", "error_map", "sample_map"],
        "signs": ["Snapshots", "layer_wise_grad_signs", "zoomed_layer_wise_grad_signs"],
        "similarities": ["cka_bias", "cka_outlier", "similarity_evolution", "similarity_settling"],
        "similarity_layers": ["calibrated_similarity", "layer_similarity"],
        "rewound": ["rewinding"],
        "scalars": ["step_scalars"],
        "spectra": ["layer_spectra", "svd_analysis"],
        "style": ["STYLE", "applied"],
        "training": ["training_curves"],
    },
)

"""A network's figures, and one of all squeeze widths side by side.

Every figure is a function of arrays that returns a matplotlib `Figure`: each name below is one, but for `STYLE`, the
rcParams that all are drawn with, `applied`, a context of them, and `Map`. It comes with its module when first asked for.
"""

import lazy_loader

from drillcore.extras import require

require("figures", "drillcore.figures")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentations": ["contact_sheet"],
        "correlations": ["correlation_evolution", "intra", "layer_feature_correlation"],
        "embeddings": ["Map", "model_tsne_layers"],
        "gradients": [
            "draw_histogram",
            "fraction_flipped",
            "fraction_released",
            "gradient_histogram",
            "near_zero_counts",
            "weight_change",
        ],
        "signs": ["layer_wise_grad_signs", "zoomed_layer_wise_grad_signs"],
        "similarities": ["cka_bias", "cka_outlier", "layer_similarity", "similarity_evolution", "similarity_settling"],
        "spectra": ["svd_analysis"],
        "style": ["STYLE", "applied"],
        "training": ["training_curves"],
    },
)

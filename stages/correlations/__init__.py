"""correlations: Pearson's r between every two units of every two layers, and what 300 augmentations move together."""

from stages.correlations.layerwise import compute_layerwise_cross_correlation, layer_means, store_corr_means
from stages.correlations.streaming import Moments, correlation_matrix

__all__ = ["Moments", "compute_layerwise_cross_correlation", "correlation_matrix", "layer_means", "store_corr_means"]

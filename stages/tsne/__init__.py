"""tsne: every layer of the last epoch in two dimensions, with a measure of how far to trust the map."""

from stages.tsne.embedding import Embedding, embed, neighbor_recall, principal_components

__all__ = ["Embedding", "embed", "neighbor_recall", "principal_components"]

"""augment: one image of a dataset under many random augmentations, the same ones for every network."""

from stages.shared.base.exports import lazily

__getattr__, __dir__ = lazily(__name__, {"augmentations": ["augment"]})
__all__ = ["augment"]

"""augment: one image of a dataset under many random augmentations, the same ones for every network."""

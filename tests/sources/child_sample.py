"""Loads the sample of CIFAR-10, without PyTorch."""

import sys

from stages.download import load_data

load_data("cifar10", "sample")
assert "torch" not in sys.modules

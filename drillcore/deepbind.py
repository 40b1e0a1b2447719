"""Loads Triton so that it works in a process that has TensorFlow: left alone, it ends such a process with signal 11.

PyTorch's optimisers load Triton. Its library and TensorFlow's each hold an LLVM of its own and export the symbols, and
the one that is loaded second would take those of the first. With RTLD_DEEPBIND (dlopen(3)) it prefers its own. The
crash needs TensorFlow first, so Triton is loaded as always wherever TensorFlow is not.
"""

import os
import sys
from importlib.machinery import ExtensionFileLoader, PathFinder

LIBRARY = "triton._C.libtriton"


class DeepBinding(ExtensionFileLoader):
    """Loads an extension module whose library prefers its own symbols."""

    def create_module(self, spec):
        """Load the library of `spec`."""
        flags = sys.getdlopenflags()
        sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
        try:
            return super().create_module(spec)
        finally:
            sys.setdlopenflags(flags)


class TritonFinder:
    """Finds Triton's library after TensorFlow, and nothing else."""

    @staticmethod
    def find_spec(name, path, target=None):
        """The spec of `name` with a loader that binds deeply, or None for other modules and without TensorFlow."""
        if name != LIBRARY or "tensorflow" not in sys.modules:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec:
            spec.loader = DeepBinding(name, spec.origin)
        return spec


def let_triton_follow_tensorflow():
    """From now on Triton may be imported after TensorFlow; macOS has neither Triton nor the flag."""
    if hasattr(os, "RTLD_DEEPBIND") and TritonFinder not in sys.meta_path:
        sys.meta_path.insert(0, TritonFinder)

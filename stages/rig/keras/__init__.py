"""Keras' side of the rig. A process that uses it loads Keras here, first of all."""

import sys

UNUSED = "IPython", "matplotlib", "pandas", "sklearn"
"""What Keras loads where it is installed, a third of its start, for functions that no stage calls."""

absent = dict.fromkeys(name for name in UNUSED if name not in sys.modules)
sys.modules.update(absent)  # None stands for a module that is not installed
try:
    import drillcore.frameworks.keras  # noqa: F401
finally:
    for name in absent:
        del sys.modules[name]

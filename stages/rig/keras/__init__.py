"""Keras' side of the rig. A process that uses it loads Keras here, first of all."""

from stages.rig.absent import absent

with absent("IPython", "matplotlib", "pandas", "sklearn"):  # a third of its start
    import drillcore.frameworks.keras  # noqa: F401

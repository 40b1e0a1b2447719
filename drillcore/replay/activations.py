"""The outputs of layers for the probe at every step."""

from drillcore.base.names import escaped
from drillcore.extraction.outputs import stream_outputs
from drillcore.extraction.units import Units


class Activations:
    """Keeps the outputs of layers for the probe, in evaluation mode, at the weights before every update.

    Its rows are the layers (samples, units) that `layers` picks, as `drillcore.get_intermediate_outputs` does, a seeded
    choice of at most `max_units` units of each: two steps are two representations of the same samples.
    """

    def __init__(self, layers: str | list[str] = "blocks", max_units: int = 256) -> None:
        self.layers, self.units = layers, Units("flatten", max_units)

    def begin(self, training):
        self.model, self.inputs = training.model, training.probe[0]

    def before_update(self, step):
        [outputs] = stream_outputs(self.model, [self.inputs], self.layers, self.units)
        self.found = {escaped(name): array for name, array in outputs.items()}

    def after_update(self, step):
        pass

    def rows(self):
        return self.found

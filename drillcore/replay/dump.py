"""Every gradient and every weight of chosen tensors."""

from fnmatch import fnmatchcase

from drillcore.base.errors import InputError
from drillcore.base.names import escaped
from drillcore.frameworks.layers import enumerated


class Dump:
    """Keeps the gradients and the weights before the update of the `tensors` whose names or patterns are listed.

    Its rows are `gradient/<tensor>` and `weight/<tensor>`, in the tensors' shapes: 8 bytes a parameter and step.
    """

    def __init__(self, tensors: list[str] | None = None) -> None:
        self.tensors = ["*"] if tensors is None else tensors

    def begin(self, training):
        names = list(training.shapes)
        for pattern in self.tensors:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise InputError(
                    f"tensors has {pattern!r}, which no trained tensor of the network is called; there are "
                    f"{enumerated(names, pattern)}."
                )
        self.chosen = {
            escaped(name): number
            for number, name in enumerate(names)
            if any(fnmatchcase(name, pattern) for pattern in self.tensors)
        }

    def before_update(self, step):
        parts = {"gradient": step.gradients, "weight": step.before}
        self.found = {
            f"{part}/{name}": arrays[number].copy()
            for part, arrays in parts.items()
            for name, number in self.chosen.items()
        }

    def after_update(self, step):
        pass

    def rows(self):
        return self.found

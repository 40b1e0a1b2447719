"""Which networks a view is about: what a card says decides, for names are anyone's choice."""

from pathlib import Path
from typing import NamedTuple

from drillcore.artifacts.about import About, read_about
from drillcore.artifacts.network import Network, read_network


class Studied(NamedTuple):
    """A network: the folder of its artifacts, its card, and what readers are told of it."""

    folder: Path
    card: Network
    about: About

    def family(self):
        """A text that is equal for networks that differ in nothing but the widths of their squeezes."""
        layers = self.card.values.get("layers")
        if self.card.user_defined or not layers:
            return self.card.name
        return self.like(["any width", layer[1]] if isinstance(layer, list) else layer for layer in layers)

    def like(self, layers):
        """Its card as text, with these `layers` and without name and recorder: equal for networks that differ in no more."""
        return str({**self.card.values, "name": "", "recorder": "", "replicates": "", "layers": list(layers)})


def studied(artifacts, names):
    """Those of the networks `names` that are defined in the folder `artifacts`."""
    folders = [Path(artifacts, name) for name in names]
    return [
        Studied(folder, read_network(folder / Network.FILE), read_about(folder))
        for folder in folders
        if (folder / Network.FILE).exists()
    ]


def convolutional(card):
    """Whether a layer of the network has outputs of height, width and channels."""
    shapes = [shape for _, _, shape, _ in card.values.get("modules", [])]
    return "convolutions" in card.values or any(isinstance(shape, list) and len(shape) == 3 for shape in shapes)


def plain(card):
    """Features that nothing squeezes, of layers whose units are whole features."""
    return not card.squeezes, not convolutional(card)


def squeezed(card):
    """The narrowest squeeze, but one of more than a single direction."""
    width = card.squeeze_width() or 0
    return width > 1, -width


def optimised(card):
    """A training that was recorded here, of convolutions."""
    return not card.pretrained, convolutional(card), not card.squeezes


VIEWS = {
    "correlations": plain,
    "gradients": optimised,
    "curvature": optimised,
    "spectra": squeezed,
    "embeddings": squeezed,
    "samples": optimised,
    "similarity": plain,
}
"""By view, what ranks the networks for it by their cards: the highest is the one that the view's study is about."""


def by_study(view, networks):
    """The `Studied` networks, those that `view` is about first; of equals, the first of them."""
    return sorted(networks, key=lambda network: VIEWS[view](network.card), reverse=True)

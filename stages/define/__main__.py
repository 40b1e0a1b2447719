"""python -m stages.define [--layers] NETWORK : params.yaml, data/<dataset>.h5, models/ -> artifacts/NETWORK/network.yaml

With --layers nothing is written: the network's layers are printed, with their shapes and numbers of parameters.
"""

from pathlib import Path

from stages.define.own import left_out, listing, models_of, see
from stages.define.rehearsal import rehearse
from stages.define.resolve import resolve
from stages.shared.analyses import section
from stages.shared.base.command import command, say
from stages.shared.base.parameters import load
from stages.shared.base.store import read
from stages.shared.card import Own, write_card


def main(network, *, layers=False):
    """Check the network's parameters and write its card."""
    card = resolve(load("params.yaml"), network, lambda dataset: images_of(dataset)[0])
    classes, selection = images_of(card.dataset)[1], section("activations").layers
    if layers:
        print(listing(card, classes, selection))
        return
    if isinstance(card, Own):
        card = see(card, classes, selection)
        if line := left_out(card, selection):
            say(line)
        rehearse(card, classes)
    elif card.device == "auto":
        card = card.model_copy(update={"device": models_of(card.framework).best_device()})
    write_card(Path("artifacts", network, "network.yaml"), card)


def images_of(dataset):
    """The shape (height, width, channels) of a dataset's images, and its number of classes."""
    with read(Path("data", f"{dataset}.h5")) as file:
        return file["train/images"].shape[1:], len(file.attrs["classes"])


if __name__ == "__main__":
    command(main)

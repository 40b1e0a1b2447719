"""python -m stages.define [--layers] NETWORK : params.yaml, data/<dataset>.h5, models/ -> artifacts/NETWORK/network.yaml

Beside it: code.yaml, the checksums of its framework's code, and about.json, what readers are told of it.
With --layers nothing is written: the network's layers are printed, with their shapes and numbers of parameters.
"""

from pathlib import Path

from drillcore.artifacts.about import About, write_about
from drillcore.base.store import whole
from stages.rig.availability import check_available
from stages.rig.base.command import command, say
from stages.rig.base.parameters import dump, load
from stages.rig.card import UserDefined, write_card
from stages.rig.frameworks import code_of, module
from stages.rig.images import facts_of, load_split, outputs_of, standardised
from stages.rig.inspection import left_out, listing, see
from stages.rig.rehearsal import rehearse
from stages.rig.resolve import resolve
from stages.rig.sections import section


def main(network, *, layers=False):
    """Check the network's parameters and write its card."""
    parameters = load("params.yaml")
    check_available(parameters.get("networks"), network)
    card = resolve(parameters, network, facts_of)
    outputs, selection = outputs_of(card, load_split(card, "test", 1)), section("activations").layers
    about = About(card.title or network, facts_of(card.dataset).samples)
    if layers:
        print(listing(card, outputs, selection))
        return
    card = standardised(card)
    if isinstance(card, UserDefined):
        card = see(card, outputs, selection)
        if line := left_out(card, selection):
            say(line)
        rehearse(card, outputs)
    elif card.device == "auto":
        card = card.model_copy(update={"device": module(card.framework, "inspection").best_device()})
    folder = Path("artifacts", network)
    write_card(folder / "network.yaml", card)
    write_about(folder, about)
    with whole(folder / "code.yaml") as part:
        part.write_text(dump(code_of(card.framework)))


if __name__ == "__main__":
    command(main)

"""A replay as params.yaml or the command line describes it, and what it needs of a finished training."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from drillcore import replay
from drillcore.artifacts.gradients import Gradients
from drillcore.artifacts.replay import replay_path
from drillcore.base.errors import InputError, MissingFile
from drillcore.extraction.probe import choose_probe
from drillcore.replay.catalogue import INSTRUMENTS, replay_instruments
from stages.rig.base.command import say
from stages.rig.base.parameters import check, load
from stages.rig.card import read_card
from stages.rig.checkpoints import checkpoints_of
from stages.rig.frameworks import module
from stages.rig.images import load_split, seen
from stages.rig.sections import Window
from stages.rig.training.batches import shuffled
from stages.rig.training.states import load_state, nearest
from stages.rig.user_defined import as_script, oneline, origin, user_function


def window_of(name, steps, instruments, tensors):
    """The name and the `Window` of the replay `name` in params.yaml or, with `steps`, of the network of that name."""
    if not steps:
        replays = load("params.yaml").get("replays") or {}
        if name not in replays:
            raise InputError(
                f"params.yaml: replays holds no {name!r}; it holds {', '.join(replays) or 'none'}. For a network, "
                "add --steps first:last --with instruments."
            )
        return name, check(Window, replays[name], f"replays.{name}")
    values = {"network": name, "steps": parsed(steps), "instruments": listed(instruments, "--with")}
    window = Window(**values, **({"tensors": listed(tensors, "--tensors")} if tensors else {}))
    return f"{name}-{window.steps[0]}-{window.steps[1]}", window


def parsed(steps):
    """The first and the last step of the text `steps`."""
    first, _, last = steps.partition(":")
    if not (first.isdecimal() and last.isdecimal() and int(first)):
        raise InputError(f"--steps is {steps!r}, but should be first:last, counted from 1, as in 100:130.")
    return [int(first), int(last)]


def listed(text, option):
    """The parts of a list on the command line."""
    parts = [part for part in text.split(",") if part]
    if not parts:
        raise InputError(f"{option} names none: name one or more of {', '.join(INSTRUMENTS)}, with commas between.")
    return parts


def make_instruments(window, seed):
    """The instruments of a `Window` by name."""
    settings = {"dump": {"tensors": window.tensors}, "curvature": {"seed": seed}}
    found = {}
    for name in window.instruments:
        source, _, attribute = name.partition(":")
        if attribute:
            found[source.removesuffix(".py").replace("/", "_")] = user_instrument(source, attribute, name)
        elif name in INSTRUMENTS:
            found |= replay_instruments([name], settings)
        else:
            raise InputError(
                f"There is no instrument {name!r}; there are {', '.join(INSTRUMENTS)}, and <file>.py:<class> in models/."
            )
    return found


def user_instrument(source, attribute, name):
    """An instrument of the class `attribute` in models/`source`."""
    make = user_function(source, attribute, f"the instrument is {name!r}")
    try:
        with as_script():
            return make()
    except Exception as error:  # a user's code can raise anything
        raise InputError(f"The instrument {name} cannot be made{origin(error)}: {oneline(error)}.") from None


def check_window(window, steps, card):
    """Refuse a window that a training of so many `steps` in all does not have, or a network that none trained here."""
    if card.pretrained():
        raise InputError(f"{card.name} came trained: it has no steps to replay. Name a network that is trained here.")
    first, last = window.steps
    if not first <= last <= steps:
        raise InputError(
            f"the steps of the replay are {first}:{last}, but should ascend and lie in 1:{steps}, which {card.name} was "
            "trained for."
        )


def run(name, window):
    """Live a window through once more: write its file and say whether it was the same training."""
    folder = Path("artifacts", window.network)
    card = read_card(folder / "network.yaml")
    training = load_split(card, "train")
    steps = 0 if card.pretrained() else len(shuffled(card, training))
    check_window(window, card.training.epochs * steps if steps else 0, card)
    instruments = make_instruments(window, card.seed)
    if not (folder / Gradients.FILE).exists():
        raise MissingFile(folder / Gradients.FILE)
    state = load_state(nearest(folder / "states", window.steps[0], steps))
    networks, path = module(card.framework, "network"), replay_path("artifacts", name)
    probe = choose_probe(len(training.targets), window.samples, card.seed)
    probed, targets = seen(card, training.inputs[probe], training.targets[probe])

    scratch = path.parent / f".{path.stem}"
    shutil.rmtree(scratch, ignore_errors=True)  # of a replay that was killed
    scratch.mkdir(parents=True)

    @contextmanager
    def instrumented(model, loss):
        samples = networks.to_input(probed, card.kind), networks.to_target(targets, card)
        size = min(card.training.step_size() + 1, len(training.targets))
        about = {"network": window.network, "optimizer": card.training.optimizer, "source": training.source}
        about["edges"] = card.recorder.edges
        with replay(model, loss, path, instruments, samples, size, **about) as session:
            yield session
            session.prove(folder / Gradients.FILE, scratch / Gradients.FILE, state["epoch"], state["step"])
            say(
                f"{window.network}, steps {window.steps[0]} to {window.steps[1]} from the state of epoch {state['epoch']}: "
                f"{session.proof.sentence()}"
            )

    framework = module(card.framework, "replay")
    try:
        framework.replay(
            card, training, state, window.steps, scratch / Gradients.FILE, checkpoints_of(folder), instrumented
        )
    finally:
        shutil.rmtree(scratch)
    say(f"{path} is written")

"""python -m stages.rig.targets [--first] [--after] : params.yaml -> what `dvc repro` can make with the frameworks there are

With --first the figures of the first network, so that a person sees some early. Else prints nothing if all can be made,
or names of stages: those of the networks whose framework is installed or, with --after, those that look at all networks at
once, to be made after them by `dvc repro --single-item`.
"""

from drillcore.base.errors import InputError
from drillcore.extras import missing
from stages.rig.availability import absent_framework, described
from stages.rig.base.command import command, say
from stages.rig.base.parameters import load
from stages.rig.sections import section


def main(*, first=False, after=False):
    """Print the names of the stages that can be made, if not all can, or of the first."""
    networks = load("params.yaml").get("networks") or {}
    absent = {name: absent_framework(network) for name, network in networks.items()}
    left_out = {name: framework for name, framework in absent.items() if framework}
    kept = [name for name in networks if name not in left_out]
    if first:
        return print(*of_networks(kept[:1]))
    if not left_out:
        return
    if not kept:
        name, framework = next(iter(left_out.items()))
        raise InputError(f"params.yaml: no network can be made: {name} is {described(framework)}.")
    for framework in [] if after else sorted(set(left_out.values())):
        names = ", ".join(name for name, of in left_out.items() if of == framework)
        say(
            f"{' and '.join(missing(framework))} not installed; left out: {names}. `make run EXTRAS={framework}` adds them."
        )
    print(*(looking_at_all if after else of_networks)(kept))


def of_networks(kept):
    """The last stages of each of the networks `kept`, and of each pair of two of them."""
    pairs = enumerate(section("similarity").pairs)
    return [f"plots@{name}" for name in sorted(kept)] + [
        f"plots_of_pairs@{n}" for n, pair in pairs if set(pair) <= set(kept)
    ]


def looking_at_all(kept):
    """The stages that depend on the whole folder of artifacts, less those that need another network than those `kept`."""
    groups = section("plots").widths
    return [f"widths@{name}" for name, group in groups.items() if set(group) <= set(kept)] + ["report"]


if __name__ == "__main__":
    command(main)

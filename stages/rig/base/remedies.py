"""What to do about a file that is missing or damaged: which stage makes it, and what DVC keeps of it."""

import re
import shlex
from pathlib import Path

from drillcore.base.errors import DamagedFile, MissingFile
from stages.rig.base.parameters import load

GRAPH = Path(__file__).parents[3] / "dvc.yaml"


def with_remedy(error):
    """The sentence of an `InputError`; of a file that is missing or damaged, the one that names the command to run."""
    sentences = {MissingFile: absence, DamagedFile: damage}
    return sentences[type(error)](error.path) if type(error) in sentences else str(error)


def absence(path):
    """The sentence for a file that another stage makes, which it names for those of a data set and of a network."""
    found = ((stage, re.fullmatch(pattern, str(path))) for pattern, stage in makers().items())
    target = next((f" {shlex.quote(f'{stage}@{match[1]}')}" for stage, match in found if match), "")
    return f"{path} does not exist: run the stage that makes it with `dvc repro{target}`."


def makers():
    """By a pattern of the path of a file of one data set or network, whose name is its group, the stage of dvc.yaml that
    makes it; the most specific first."""
    patterns = {}
    for stage, definition in load(GRAPH)["stages"].items():
        parts = definition.get("do", definition)
        for out in (out for kind in ("outs", "metrics", "plots") for out in parts.get(kind, [])):
            path = next(iter(out)) if isinstance(out, dict) else out
            if "${key}" in path:
                patterns["([^/]+)".join(map(re.escape, path.split("${key}")))] = stage
    return dict(sorted(patterns.items(), key=lambda item: -len(item[0])))


def damage(path):
    """The sentence for a file whose content is not what was written.

    Its copy in DVC's cache can be the same file, and DVC would bring back the damage.
    """
    name = shlex.quote(str(path))
    return f"{path} is damaged: run `find .dvc/cache -samefile {name} -delete; rm {name}`, then `dvc repro`."

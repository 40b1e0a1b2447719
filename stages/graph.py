"""The stages of dvc.yaml as DVC resolves them, each made a rule by the Snakefile.

DVC decides by content what has changed, Snakemake by times and by the files it is told of. The two agree because each
stage has a card, a file with its command and parameters, which is newer than the stage's outputs exactly while DVC
calls the stage changed.
"""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo

CARDS, CAPTIONS = Path(".dvc", "tmp", "cards"), Path(".dvc", "tmp", "captions")
TRIES = 20
FOLDERS = "stages", "models"
"""Whose folders hold what people write, not what stages make."""


class Rule(NamedTuple):
    """One stage as Snakemake needs it: names, files, and what `meta:` in dvc.yaml says of stage and outputs."""

    stage: str
    name: str
    inputs: list[str]
    outputs: list[tuple[str, dict]]
    parameters: str
    meta: dict


def rules():
    """Return a `Rule` for every stage of the pipeline in this folder."""
    stages = [stage for stage in resolved_stages() if stage.cmd]
    produced = sorted(out.def_path for stage in stages for out in stage.outs)
    return [rule(stage, produced) for stage in stages]


def resolved_stages():
    """DVC's stages; another stage that ends meanwhile rewrites dvc.lock in place, so what is half read is read again."""
    for _ in range(TRIES):
        try:
            return Repo(".").index.stages
        except DvcException:
            time.sleep(0.1)
    return Repo(".").index.stages


def rule(stage, produced):
    """The `Rule` of one of DVC's stages; `produced` are the outputs of all."""
    parameters = json.dumps({str(file): file.read_params() for file in stage.params}, sort_keys=True)
    files = [dependency.def_path for dependency in stage.deps if dependency not in stage.params]
    return Rule(
        stage=stage.addressing,
        name=stage.addressing.replace("@", "_").replace("-", "_"),
        inputs=[path for file in files for path in inputs(file, produced)] + [card(stage, parameters)],
        outputs=[(out.def_path, with_caption(out)) for out in stage.outs],
        parameters=parameters,
        meta=stage.meta or {},
    )


def inputs(path, produced):
    """`path`, or of a room the files in it, or the outputs where several stages fill a folder.

    A folder's own time changes with whatever Python caches in it.
    """
    files = [file for file in Path(path).rglob("*") if file.is_file() and file.parent.name != "__pycache__"]
    room = sorted(map(str, files)) if Path(path).parts[0] in FOLDERS else []
    return room or [out for out in produced if Path(path) in Path(out).parents] or [path]


def with_caption(out):
    """The `meta` of one of DVC's outputs, with its caption in a file, which is how Snakemake wants it."""
    meta = out.annot.meta or {}
    if "report" not in meta:
        return meta
    path = CAPTIONS / f"{out.def_path.replace('/', '_')}.rst"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(meta["report"]["caption"] + "\n")
    return {**meta, "report": {**meta["report"], "caption": str(path)}}


def card(stage, parameters):
    """Write the stage's card, and return its path."""
    path = CARDS / stage.addressing
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{stage.cmd}\n{parameters}\n")
    changed = stage.changed_stage() or any(file.workspace_status() for file in (*stage.params, *stage.outs))
    os.utime(path, None if changed else (0, 0))
    return str(path)

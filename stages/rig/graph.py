"""The stages of dvc.yaml as DVC resolves them, each made a rule by the Snakefile.

DVC decides by content what has changed, Snakemake by times and by the files it is told of. The two agree because each
stage has a stamp, a file with its command and parameters, which is newer than the stage's outputs exactly while DVC
calls the stage changed.
"""

import hashlib
import json
import os
import re
import time
from functools import cache
from itertools import chain, count
from pathlib import Path, PurePath
from typing import NamedTuple

from dvc.exceptions import DvcException
from dvc.parsing import ResolveError
from dvc.repo import Repo

from drillcore.base.errors import InputError
from stages.rig.base.parameters import load

STAMPS, CAPTIONS = Path(".dvc", "tmp", "cards"), Path(".dvc", "tmp", "captions")
TRIES = 20
CODE = "code.yaml"
"""What `define` writes of the code of a network's framework. It is the same for many networks, so that DVC keeps it as one
file with one time, which tells Snakemake nothing: the stamp of a stage that depends on it says whether it changed."""
BY_CONTENT = CODE, "models", "replicates.h5", "predictions.h5"
"""Files and folders whose time tells Snakemake nothing. An edit in models/ runs `download` again, which mostly makes a file
that DVC keeps already, with its old time; networks without further seeds, or classes, have the same empty file."""
FOLDERS = "drillcore", "stages", "requirements"
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
    """Return a `Rule` for every stage of the pipeline in this folder, in a time that grows with their number alone."""
    values = load("params.yaml")
    stages = [stage for stage in resolved_stages() if stage.cmd]
    filled = by_folder(sorted(out.def_path for stage in stages for out in timed(stage.outs)))
    files = {path: inputs(path, filled) for stage in stages for path in dependencies(stage)}
    names = unique(re.sub(r"\W", "_", stage.addressing) for stage in stages)
    return [rule(stage, name, values, files) for stage, name in zip(stages, names, strict=True)]


def unique(names):
    """Yield `names`, and a number behind one that was there before: `res-18` and `res_18` are one word to Snakemake."""
    taken = set()
    for name in names:
        numbered = (f"{name}_{number}" for number in count(2))
        taken.add(free := next(candidate for candidate in chain([name], numbered) if candidate not in taken))
        yield free


def resolved_stages():
    """DVC's stages; another stage that ends meanwhile rewrites dvc.lock in place, so what is half read is read again."""
    for _ in range(TRIES):
        try:
            return Repo(".").index.stages
        except ResolveError as error:  # of params.yaml
            raise InputError(str(error)) from None
        except DvcException:
            time.sleep(0.1)
    return Repo(".").index.stages


def timed(files):
    """Those of a stage's dependencies or outputs whose time tells when they changed."""
    return [file for file in files if PurePath(file.def_path).name not in BY_CONTENT]


def by_folder(produced):
    """The outputs of all stages that lie in each folder, at any depth."""
    filled = {}
    for out in produced:
        for folder in PurePath(out).parents:
            filled.setdefault(str(folder), []).append(out)
    return filled


def dependencies(stage):
    """The files and folders that one of DVC's stages reads, its parameters aside."""
    return dict.fromkeys(dependency.def_path for dependency in timed(stage.deps) if dependency not in stage.params)


def rule(stage, name, values, files):
    """The `Rule` of one of DVC's stages, from the parameters' `values` and the `files` that stand for a dependency."""
    used = {key: lookup(values, key) for file in stage.params for key in file.params}
    parameters = json.dumps(used, default=str)
    changed = any(file.hash_info.value != used for file in stage.params)
    return Rule(
        stage=stage.addressing,
        name=name,
        inputs=[file for path in dependencies(stage) for file in files[path]] + [stamp(stage, parameters, changed)],
        outputs=[(out.def_path, with_caption(out)) for out in timed(stage.outs)],
        parameters=parameters,
        meta=stage.meta or {},
    )


def lookup(values, name):
    """The value of a parameter `name` as in `similarity.pairs`; None where there is none, which DVC then says."""
    for key in name.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values


def inputs(path, filled):
    """`path`, or of a folder of code the files in it, or the outputs where several stages fill a folder.

    A folder's own time changes with whatever Python caches in it.
    """
    if PurePath(path).parts[0] in FOLDERS and os.path.isdir(path):
        files = [file for file in Path(path).rglob("*") if file.is_file() and file.parent.name != "__pycache__"]
        return sorted(map(str, files)) or [path]
    return filled.get(path, [path])


def with_caption(out):
    """The `meta` of one of DVC's outputs, with its caption in a file, which is how Snakemake wants it."""
    meta = out.annot.meta or {}
    if "report" not in meta:
        return meta
    path = CAPTIONS / f"{out.def_path.replace('/', '_')}.rst"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(meta["report"]["caption"] + "\n")
    return {**meta, "report": {**meta["report"], "caption": str(path)}}


def content_changed(stage):
    """Whether what one of DVC's stages depends on by content is another than at its last run, or a `CODE` than the code."""
    found = [dependency for dependency in stage.deps if os.path.exists(dependency.def_path)]
    return any(
        dependency.workspace_status()
        or any(checksum(name) != stored for name, stored in code_of(dependency.def_path).items())
        for dependency in found
        if PurePath(dependency.def_path).name in BY_CONTENT
    )


def code_of(path):
    """The checksums in the `CODE` at `path`, by file; none in anything else."""
    return load(path) if PurePath(path).name == CODE else {}


@cache
def checksum(name):
    """SHA-256 of a file of code; None if there is none."""
    path = Path(name)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def stamp(stage, parameters, changed):
    """Write the stage's stamp and return its path; `changed` says whether its parameters are."""
    path = STAMPS / stage.addressing
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = (
        changed or stage.changed_stage() or any(out.workspace_status() for out in stage.outs) or content_changed(stage)
    )
    # A newer file whose checksum Snakemake has recorded is the same to it: of a job that was killed too, whose stage may
    # have ended all the same.
    path.write_text(f"{stage.cmd}\n{parameters}\n" + (f"changed, as seen at {time.time_ns()}\n" if changed else ""))
    os.utime(path, None if changed else (0, 0))
    return str(path)

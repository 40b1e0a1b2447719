"""What DVC keeps of experiments: the same network under other parameters, each with its artifacts in the cache."""

from io import StringIO
from pathlib import Path

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import SCMError
from ruamel.yaml import YAML

from drillcore.artifacts.geometry import Geometry
from drillcore.artifacts.history import History
from drillcore.artifacts.network import Network
from drillcore.artifacts.replicates import FOLDER
from drillcore.artifacts.svd import Spectra

WORKSPACE = None
"""The revision of what is in the folder now."""
ANALYSES = {Spectra.FILE: "svd", Geometry.FILE: "geometry"}
"""Files that an experiment may have left as they were before, by the stage that makes them."""


def revisions():
    """The revisions of all experiments of the project, its last commit, and what is in its folder now."""
    with Repo() as repo:
        found = repo.experiments.ls(all_commits=True)
        return [WORKSPACE, "HEAD", *sorted({revision for named in found.values() for _, revision in named})]


def fetch(revision, network, folder):
    """Copy to `folder` what an experiment has of a `network`, and return the checksum of its data; None if it has nothing.

    What a stage made of other inputs is left out: an experiment of some stages keeps the old files of all others.
    """
    source, root = DVCFileSystem(rev=revision), Path("artifacts", network)
    try:
        stages = YAML(typ="safe").load(StringIO(source.read_text("dvc.lock")))["stages"]
        if not fresh(stages, f"train@{network}"):
            return None
        for name in (Network.FILE, History.FILE):
            source.get_file((root / name).as_posix(), str(folder / name))
        if source.exists((root / FOLDER).as_posix()):
            source.get((root / FOLDER).as_posix(), str(folder / FOLDER), recursive=True)
        for name, stage in ANALYSES.items():
            if fresh(stages, f"{stage}@{network}"):
                source.get_file((root / name).as_posix(), str(folder / name))
        return next(item["md5"] for item in stages[f"train@{network}"]["deps"] if item["path"].startswith("data/"))
    except (OSError, KeyError, DvcException, SCMError):
        return None


def fresh(stages, name):
    """Whether a stage of dvc.lock has run on what the stages before it made last, and they on what those before them did."""
    made = {out["path"]: (out["md5"], maker) for maker, stage in stages.items() for out in stage.get("outs", [])}
    for item in stages.get(name, {}).get("deps", []):
        checksum, maker = made.get(item["path"], (item["md5"], None))
        if checksum != item["md5"] or (maker and not fresh(stages, maker)):
            return False
    return name in stages

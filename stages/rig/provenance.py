"""What makes a run one that can be made again: commit, versions, parameters."""

import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stages.rig.base.parameters import dump

ROOT = Path(__file__).parents[2]
RECIPE = ["drillcore", "stages", "dvc.yaml", "params.yaml", "requirements"]


def provenance(parameters):
    """Commit, versions and parameters: nothing that another run with equal inputs on this machine would change.

    The commit is the last that changed the recipe, and its time is the only one here: a clock's would make another page
    of the same inputs. When the page itself was written, the browser reads from the file.
    """
    pins = [file.read_text() for file in sorted(ROOT.glob("requirements/*.txt"))]
    names = re.findall(r"^[\w.-]+(?===)", "\n".join(pins), re.MULTILINE)
    return {
        "commit": git("log", "-1", "--format=%H %cI", "--", *RECIPE),
        "changed": git("status", "--porcelain", "--", *RECIPE),
        "parameters": dump(parameters, width=110),
        "data": str(parameters.get("data")),
        "python": platform.python_version(),
        "machine": f"{platform.system()}, {platform.machine()}",
        "versions": {name: installed(name) for name in names},
    }


def installed(name):
    """The installed version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def git(*arguments):
    """What git prints in this folder; None where it is no checkout."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

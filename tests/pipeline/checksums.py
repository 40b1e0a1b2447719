"""python -m tests.pipeline.checksums [--write] : dvc.lock of a default run against the checksums of an earlier one

The same parameters and seed give the same bytes on the same machine. checksums.json holds the MD5 of every file of
numbers that a default run makes, and the processor and the versions that it was made with. On another processor, or
with other versions, sums may differ in their last bit: then the files that hold no such sum are compared alone.
--write replaces checksums.json, for a change of results that is meant.
"""

import hashlib
import json
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import numpy  # noqa: F401  loads the BLAS whose kernels count
from threadpoolctl import threadpool_info

from stages.rig.base.parameters import load

STORED = Path(__file__).with_name("checksums.json")
LIBRARIES = ["torch", "tensorflow", "keras", "numpy", "scipy", "numba", "llvmlite", "h5py", "openTSNE", "scikit-learn"]
EXACT = re.compile(r"data/.*|artifacts/[^/]+/((network|code)\.yaml|about\.json)")
"""The files without a sum of floating-point numbers."""
LEFT_OUT = re.compile(r"reports/.*|.*/tensorboard|.*/code\.yaml")
"""Figures, what holds the time, and what every edit of code changes."""


def machine():
    """What the last bits of a sum depend on: the processor, its BLAS kernels, and the versions of the libraries."""
    try:
        text = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except FileNotFoundError:
        text = platform.processor()
    fields = dict(re.findall(r"^([^\t:]+)\t*: (.*)$", text, re.MULTILINE))
    known = [fields.get(name, "") for name in ("model name", "cpu family", "model", "stepping", "cache size", "flags")]
    return {
        "processor": hashlib.sha256(" ".join([platform.machine(), *known]).encode()).hexdigest()[:16],
        "blas": sorted({library.get("architecture") or library["internal_api"] for library in threadpool_info()}),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def checksums(lock="dvc.lock"):
    """The MD5 of every file of numbers in a lock file, by path."""
    outs = [out for stage in load(lock)["stages"].values() for out in stage.get("outs", [])]
    return {
        out["path"]: out["md5"]
        for out in sorted(outs, key=lambda out: out["path"])
        if not LEFT_OUT.fullmatch(out["path"])
    }


def compare(expected, found, same_machine):
    """The paths whose checksums differ, and the number of those that were compared."""
    compared = [path for path in expected if same_machine or EXACT.fullmatch(path)]
    return [path for path in compared if found.get(path) != expected[path]], len(compared)


def main():
    """Compare, or write; ends with status 1 where a file differs."""
    found = checksums()
    if sys.argv[1:] == ["--write"]:
        STORED.write_text(json.dumps({"machine": machine(), "md5": found}, indent=1) + "\n")
        return
    stored = json.loads(STORED.read_text())
    same_machine = stored["machine"] == machine()
    different, count = compare(stored["md5"], found, same_machine)
    if not same_machine:
        print("Another processor or other versions than those of checksums.json: files with sums are not compared.")
    if different:
        sys.exit("\n".join(["These files have other bytes than before:", *different]))
    print(f"{count} files have the bytes that they had before.")


if __name__ == "__main__":
    main()

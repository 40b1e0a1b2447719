"""python -m benchmarks.first_run COMMIT [PAIRS] [--alike] : the default run, beside that of another commit in turns.

Both are cloned below ~/.cache/drillcore, get their environments by `make setup`, and keep those; all else is made anew each
time. Times are of `make run`, of all its processes together: the clock, the processor, and when the first folder of figures
and the page were there. The machine should do nothing else. With --alike the run at HEAD leaves out what the default run has
had since 0f561c7, or does the least of it that params.yaml allows: further seeds, the same batch, all units, two measures of
similarity, curvature, rewinding, and labels that are shuffled.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

CLONES = Path.home() / ".cache" / "drillcore"
FIRST = {"first figures": "plots@", "page": "report"}
COLUMNS = ["clock", "processor", *FIRST]

ALIKE = {
    r"    replicates: 3\n": "",
    r"    recorder: \{same_batch: 8\}\n": "",
    r"train_samples: \d+": "train_samples: 100",
    r"all_units: true": "all_units: false",
    r"measures: all": "measures: [linear_cka, debiased_cka, rbf_cka, svcca, pwcca, procrustes, rsa]",
    r"(curvature:[^\n]*\n  epochs:) \d+": r"\1 2",
    r"samples: 32 ": "samples: 2 ",
    r"eigenvalues: \d": "eigenvalues: 1",
    r"iterations: 8 ": "iterations: 2 ",
    r"probes: \d": "probes: 2",
    r"(rewind:[^\n]*\n  epochs:) \d+": r"\1 2",
    r"samples: 250 ": "samples: 10 ",
    r"shuffles: \d": "shuffles: 1",
}
"""What becomes of params.yaml: patterns, each with what it is replaced by."""


def main(commit, pairs, alike):
    """Print a line for every run, and the ratios of each pair."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line for line in lines if line.startswith("model name"))
    print(f"{os.cpu_count()} cores of {name.partition(':')[2].strip()}")
    folders = [clone("HEAD"), clone(commit)]
    print(f"| run | {' | '.join(f'{name}, s' for name in COLUMNS)} |\n| {'--- | ' * (len(COLUMNS) + 1)}")
    for _ in range(pairs):
        now, then = row(folders[0], alike), row(folders[1])
        print(f"| ratio | {' | '.join(f'{a / b:.2f}' for a, b in zip(now, then, strict=True))} |", flush=True)


def clone(commit):
    """The folder of a clone at `commit` with its environment."""
    sha = output("git", "rev-parse", "--short", commit)
    folder = CLONES / sha
    if not folder.exists():
        output("git", "clone", "--quiet", "--no-checkout", Path.cwd(), folder)
    output("git", "-C", folder, "checkout", "--quiet", sha)
    output("make", "-C", folder, "setup")
    return folder


def leave_out(path):
    """Rewrite the params.yaml at `path` as ALIKE says."""
    text = path.read_text()
    for pattern, replacement in ALIKE.items():
        text, count = re.subn(pattern, replacement, text)
        if not count:
            sys.exit(f"{path} has no {pattern!r}: ALIKE is of another state of it")
    path.write_text(text)


def row(folder, alike=False):
    """Run the default run anew in `folder`; print and return its times."""
    output("git", "-C", folder, "checkout", "--quiet", ".")
    output("git", "-C", folder, "clean", "-xdf", "--quiet", "--exclude=.venv")
    if alike:
        leave_out(folder / "params.yaml")
    before, begin, ends, stage = processor(), time.monotonic(), {}, None
    command = ["make", "-C", folder, "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            if stage and line.startswith(("Running stage", "Updating lock file", "Use `dvc push`")):
                ends.setdefault(stage, time.monotonic() - begin)
            if line.startswith("Running stage"):
                stage = line.split("'")[1]
    if process.returncode:
        sys.exit(f"{folder}: make run failed")
    times = [time.monotonic() - begin, processor() - before]
    times += [min(end for name, end in ends.items() if name.startswith(first)) for first in FIRST.values()]
    print(f"| {folder.name} | {' | '.join(f'{value:.0f}' for value in times)} |", flush=True)
    return times


def processor():
    """The processor seconds of all children that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def output(*command):
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("commit")
    parser.add_argument("pairs", nargs="?", type=int, default=2)
    parser.add_argument("--alike", action="store_true")
    main(**vars(parser.parse_args()))

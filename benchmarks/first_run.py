"""python -m benchmarks.first_run COMMIT [PAIRS] : the default run, beside that of another commit in turns.

Both are cloned below ~/.cache/drillcore, get their environments by `make setup`, and keep those; all else is made anew each
time. Times are of `make run`, of all its processes together: the clock, the processor, and when the first folder of figures
and the page were there. The machine should do nothing else.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

CLONES = Path.home() / ".cache" / "drillcore"
FIRST = {"first figures": "plots@", "page": "report"}
COLUMNS = ["clock", "processor", *FIRST]


def main(commit, pairs=2):
    """Print a line for every run, and the ratios of each pair."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line for line in lines if line.startswith("model name"))
    print(f"{os.cpu_count()} cores of {name.partition(':')[2].strip()}")
    folders = [clone("HEAD"), clone(commit)]
    print(f"| run | {' | '.join(f'{name}, s' for name in COLUMNS)} |\n| {'--- | ' * (len(COLUMNS) + 1)}")
    for _ in range(int(pairs)):
        now, then = (row(folder) for folder in folders)
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


def row(folder):
    """Run the default run anew in `folder`; print and return its times."""
    output("git", "-C", folder, "clean", "-xdf", "--quiet", "--exclude=.venv")
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
    main(*sys.argv[1:])

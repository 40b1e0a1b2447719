"""python -m benchmarks.graph [NETWORKS ...] : what either engine takes beside the work of the stages, by number of networks.

The project's own dvc.yaml, with copies of the network `squeeze`, and stages that only write the name of the stage to each
of their outputs. All times are processor seconds of all processes together, which other work on the machine hardly changes.
"""

import json
import resource
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

from stages.rig.base.parameters import dump, load
from stages.rig.graph import rules
from tests.small_project import Project, one_network

SIZES = 8, 16, 32, 64
ROWS = {
    "real": ["dvc", "repro"],
    "no-op": ["dvc", "repro"],
    "plan": ["snakemake", "plots", "--dry-run"],
    "static": ["snakemake", "plots", "--dry-run", "--snakefile", "Static"],
}
STATIC = """import json

from stages.rig import graph

STAGES = [graph.Rule(*stage) for stage in json.load(open("rules.json"))]
"""
"""The rules as they were found once: what Snakemake takes by itself."""


def main(*sizes):
    """Print a row for each number of networks."""
    print(f"| networks | stages | {' | '.join(ROWS)} |\n| {'--- | ' * (len(ROWS) + 2)}")
    for size in map(int, sizes or SIZES):
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder), git=False)
            project.run("dvc", "config", "--local", "core.no_scm", "true")
            project.change(lambda parameters, size=size: copy_network(parameters, size))
            stub(project.folder / "dvc.yaml")
            write_static(project)
            stages = len(json.loads((project.folder / "rules.json").read_text()))
            print(f"| {size} | {stages}", end="", flush=True)
            for command in ROWS.values():
                print(f" | {processor_time(project, command):.1f}", end="", flush=True)
            print(" |")


def copy_network(parameters, size):
    """Leave `size` networks, all like `squeeze`, one pair and no comparison of widths."""
    one_network(parameters)
    network = parameters["networks"]["squeeze"]
    parameters["networks"] = {f"copy-{number}": network for number in range(size - 1)} | {"squeeze": network}
    parameters["similarity"]["pairs"] = [["copy-0", "squeeze"]]


def stub(path):
    """Replace every command in dvc.yaml by one that makes the stage's outputs."""
    graph = load(path)
    for stage in graph["stages"].values():
        body = stage.get("do", stage)
        files = []
        for out in [*body["outs"], *body.get("metrics", []), *body.get("plots", [])]:
            ((name, about),) = out.items() if isinstance(out, dict) else [(out, {})]
            files.append(f"{name}/file" if about.get("meta", {}).get("directory") else name)
        folders = sorted({name.rpartition("/")[0] for name in files})
        body["cmd"] = f"mkdir -p {' '.join(folders)}; echo \\${{DVC_STAGE}} | tee {' '.join(files)}"
    path.write_text(dump(graph))


def write_static(project):
    """Write the rules that the Snakefile finds, and a Snakefile that only reads them."""
    with chdir(project.folder):
        Path("rules.json").write_text(json.dumps(rules()))
    text = (project.folder / "Snakefile").read_text()
    found = "from stages.rig.graph import rules as stage_rules\n\nSTAGES = stage_rules()\n"
    assert found in text
    (project.folder / "Static").write_text(text.replace(found, STATIC))


def processor_time(project, command):
    """The processor seconds that a command takes in the project, those of its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with project.start(*command) as process:
        output = process.communicate()[0]  # however long it takes
    assert process.returncode == 0, output
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])

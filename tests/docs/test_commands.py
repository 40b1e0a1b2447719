"""Every command that the documents show is run by a test, or stands here with the reason why none runs it."""

import ast
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import dvc.cli
import pytest
from snakemake.cli import get_argument_parser

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
PROGRAMS = "dvc|jupyter|make|pip|python|snakemake|squeue|tensorboard"
"""With what a command within a sentence begins, and a second word."""

ENGINES = "tests/pipeline/test_engines.py"
SWEEP = f"{ENGINES}::test_queued_experiments_become_one_sweep"
NETWORKS = "tests/pipeline/test_user_defined.py"
SETUP = "tests/pipeline/test_setup.py"
REMOTE = "tests/reliability/test_remote.py"
CI = ".ci/run"
REPLAY = "tests/replay/test_project.py::test_a_replay_is_the_same_training"
CAUSE = "tests/replay/test_project.py::test_a_replay_leads_from_a_spike_to_its_cause"
EXTENDING = "tests/docs/test_extending.py::test_the_commands_of_the_page_run"
ITS_TESTS = "tests/docs/test_extending.py::test_the_tests_of_the_page_pass_and_the_graph_lists_what_its_stages_import"

RUN_BY = {
    # What is run on a clean checkout
    "make run": CI,
    "make test": CI,
    "make soak": CI,
    "make lint": CI,
    "make docs": CI,
    "snakemake --lint": "Makefile",
    # Setting up
    "make setup": f"{SETUP}::test_a_whole_venv_is_not_touched",
    "pip install .": "tests/library/test_package.py::test_the_wheel_alone_is_enough_and_small",
    "make run EXTRAS=torch": f"{SETUP}::test_one_framework_is_installed_alone_and_another_added",
    "make run EXTRAS=keras": f"{SETUP}::test_one_framework_is_installed_alone_and_another_added",
    "make report": f"{SETUP}::test_what_make_prints_works_as_printed",
    ". .venv/bin/activate": f"{SETUP}::test_an_environment_is_activated_as_documented",
    # Either engine
    "dvc repro": f"{ENGINES}::test_after_dvc_snakemake_and_dvc_find_nothing_to_do",
    "dvc repro plots@mine": f"{NETWORKS}::test_a_change_to_a_file_trains_its_network_alone",
    "dvc repro --dry": f"{NETWORKS}::test_a_change_to_a_file_trains_its_network_alone",
    "dvc repro plots@<network>": f"{ENGINES}::test_every_stage_gives_the_same_bytes_again",
    "dvc repro --force --single-item download@birds": f"{ENGINES}::test_every_stage_gives_the_same_bytes_again",
    "dvc repro --force --single-item download@<dataset>": f"{ENGINES}::test_every_stage_gives_the_same_bytes_again",
    "snakemake plots --cores 4": f"{ENGINES}::test_snakemake_draws_the_figures_and_the_report_and_packs_them",
    "snakemake plots --cores 2": f"{ENGINES}::test_snakemake_draws_the_figures_and_the_report_and_packs_them",
    "snakemake plots --dry-run": f"{ENGINES}::test_snakemake_draws_the_figures_and_the_report_and_packs_them",
    "snakemake --report report.zip plots": f"{ENGINES}::test_snakemake_draws_the_figures_and_the_report_and_packs_them",
    # Experiments
    "dvc exp run -S bottleneck=2": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "dvc exp run -S networks.squeeze.replicates=5 svd@squeeze": SWEEP,
    "python -m stages.sweep bottleneck": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "dvc exp run --queue -S bottleneck=1,2,3,5,16 svd@squeeze geometry@squeeze": SWEEP,
    "dvc exp run --run-all": SWEEP,
    "dvc exp run --temp": f"{NETWORKS}::test_a_temporary_experiment_sees_only_what_git_tracks",
    "dvc exp show": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "dvc params diff": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "dvc metrics show": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "dvc plots show": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "dvc plots diff": f"{ENGINES}::test_another_bottleneck_trains_one_network",
    "tensorboard --logdir artifacts": "tests/training/test_history.py::test_tensorboard_shows_a_training_while_it_runs",
    "python -m stages.define --layers mine": f"{NETWORKS}::test_the_layers_of_a_network_are_listed",
    "python -m stages.report --serve": "tests/report/test_serve.py::test_the_served_page_follows_the_artifacts",
    # Replays
    "python -m stages.replay mnist-mlp --steps 100:130 --with same_batch,curvature,noise": REPLAY,
    'python -m stages.replay mnist-mlp --steps 100:130 --with same_batch,curvature,noise,dump --tensors "output.*"': REPLAY,
    "dvc repro train@spiky": CAUSE,
    "python -m stages.replay spiky --steps 140:160 --with same_batch,curvature,noise": CAUSE,
    "python -c 'import drillcore; "
    'drillcore.open("artifacts/replays/spiky-140-160.h5").plot().savefig("spike.png")\'': CAUSE,
    "python -c 'import drillcore; "
    'f = drillcore.open("artifacts/replays/spiky-140-160.h5"); '
    'print(f["gradient_norm"][10] / f["noise/gradient_norm"][10])\'': CAUSE,
    "python -m stages.report": CAUSE,
    "dvc repro plots_of_replays@spike": "tests/replay/test_project.py::test_a_replay_of_the_graph_is_drawn",
    # Extending
    "python -m pytest tests/similarity/test_distances.py tests/similarity/test_measures.py"
    " tests/pipeline/test_dependencies.py": ITS_TESTS,
    "python -m pytest --doctest-modules drillcore/silent.py tests/test_silent.py"
    " tests/pipeline/test_dependencies.py": ITS_TESTS,
    "dvc repro similarity@squeeze": EXTENDING,
    "dvc repro plots@squeeze report": EXTENDING,
    "dvc repro plots@squeeze": EXTENDING,
    "dvc repro download@digits": EXTENDING,
    "dvc repro gradients@squeeze": EXTENDING,
    # Clusters and remotes
    "snakemake plots --profile profiles/slurm": "tests/reliability/test_slurm.py::test_the_pipeline_runs_on_slurm",
    "snakemake --unlock": "tests/reliability/test_slurm.py::test_a_killed_snakemake_goes_on_after_scancel_and_unlock",
    "dvc remote add --default shared /mnt/shared/drillcore": f"{REMOTE}::test_an_analysis_needs_only_the_files_that_it_reads",
    "dvc push --run-cache": f"{REMOTE}::test_an_analysis_needs_only_the_files_that_it_reads",
    "dvc pull": f"{REMOTE}::test_a_fresh_clone_pulls_and_reruns_an_analysis_without_training",
    "dvc pull activations@squeeze define@squeeze": f"{REMOTE}::test_an_analysis_needs_only_the_files_that_it_reads",
    "dvc repro --single-item tsne@squeeze": f"{REMOTE}::test_an_analysis_needs_only_the_files_that_it_reads",
    "dvc repro --pull": f"{REMOTE}::test_machines_without_a_shared_folder_join_through_the_remote",
    "dvc repro --pull plots@<network>": f"{REMOTE}::test_machines_without_a_shared_folder_join_through_the_remote",
    "dvc push --run-cache plots@<network>": f"{REMOTE}::test_machines_without_a_shared_folder_join_through_the_remote",
}
"""The test that runs a command, perhaps with other values and targets."""

NOT_RUN = {
    "cp ~/my_models.py models/": "a file of the reader",
    "dvc exp run -S data=full -S networks.cifar10-cnn.training.batch_size=1024 -S networks.cifar10-cnn.training.epochs=100"
    " plots@cifar10-cnn": "the internet",
    "pip install 'dvc[s3]'": "the internet",
    "pip install '.[torch,figures]'": "the internet",
    "pip install '.[torch,figures,maps]' jupyterlab": "the internet",
    "PYTHONPATH=/path/to/drillcore python script.py": "a file of the reader",
    "jupyter lab notebooks/pytorch.ipynb": "a person",
    "squeue --me": "a cluster",
    "python -m pytest tests/similarity/test_streaming.py": "a person",
    ".venv/bin/pip install -r benchmarks/requirements.txt": "the internet",
    "pip install --no-deps --target /tmp/thingsvision -r benchmarks/thingsvision.txt": "the internet",
    "dvc repro plots@<network> report": "any of the examples, each of which its own test runs",
    "python -m benchmarks.graph": "an hour",
    "python -m benchmarks.first_run 0f561c7": "half an hour on a quiet machine",
    "python -m benchmarks.first_run 0f561c7 1 --alike": "ten minutes on a quiet machine",
    "python -m benchmarks.recorder": "a quiet machine",
    "env -u OPENBLAS_CORETYPE python -m benchmarks.similarity": "a quiet machine",
    "python -m benchmarks.conformance": "the internet",
    "python -m benchmarks.report": "a quiet machine",
    "PYTHONPATH=/tmp/thingsvision python -m benchmarks.activations": "the internet",
    "python -m benchmarks.real_size": "minutes",
    "python -m benchmarks.real_size ~/cifar10.zip": "the internet",
}
"""What a command needs that no test has."""


def documented():
    """The commands in the documents: the lines of blocks of shell, and what stands within sentences."""
    found = {}
    for text in (path.read_text() for path in DOCUMENTS):
        blocks = re.findall(r"^ *```(?:bash|console)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        sentences = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", sentences)]
        lines = [re.sub(r"(^|\s+)#.*", "", line).strip() for block in blocks for line in block.splitlines()]
        lines += [span for span in spans if re.match(rf"(\w+=\S+ )?(\.venv/bin/)?({PROGRAMS}) ", span)]
        found |= dict.fromkeys(command for line in lines if line for command in line.split(" && "))
    return list(found)


def needed(command):
    """The words that a test of the command must name too: the program, what it is to do, the options; no values."""
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    if words[:2] == ["python", "-m"]:  # which a test writes in its own way
        return set(words[2:]) - {"mine"}
    values = {"plots", "artifacts"} if words[0] in ("snakemake", "tensorboard") else set()
    return {word for word in words if re.fullmatch(r"-*[A-Za-z][a-z-]*", word)} - values


def text_of(string):
    """The text of a string, or of the file of the project whose path it is."""
    return (ROOT / string).read_text() if string.startswith(".ci/") or string == "docs/extending.md" else string


def words_of(test):
    """The words in the strings of a test, and of the functions, fixtures, constants and files that it names."""
    path, name = (ROOT / test.split("::")[0]), test.split("::")[1]
    definitions = {}
    for file in {ROOT / "tests/conftest.py", path.with_name("conftest.py"), path}:
        for node in ast.parse(file.read_text()).body if file.exists() else []:
            targets = getattr(node, "targets", [])
            definitions |= dict.fromkeys([target.id for target in targets if isinstance(target, ast.Name)], node)
            definitions |= {node.name: node} if hasattr(node, "name") else {}
    words, names, seen = set(), [name], set()
    while names:
        seen.add(name := names.pop())
        for node in ast.walk(definitions[name]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words |= set(text_of(node.value).split())
            other = getattr(node, "id", getattr(node, "arg", None))
            if other in definitions and other not in seen:
                names.append(other)
    return words


@pytest.mark.parametrize("command", documented())
def test_a_documented_command_is_run_by_a_test_or_has_a_reason_why_not(command):
    assert (command in RUN_BY) != (command in NOT_RUN)


def test_no_command_is_listed_that_is_not_documented():
    assert {*RUN_BY, *NOT_RUN} <= set(documented())


@pytest.mark.parametrize(("command", "test"), RUN_BY.items())
def test_the_test_of_a_command_runs_it(command, test):
    if "::" in test:
        assert needed(command) <= words_of(test)
    else:
        assert re.search(rf"^\t?@?{re.escape(command)}$", (ROOT / test).read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", documented())
def test_the_engines_and_the_shell_know_the_command(command):
    command = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    optional = command[0] in (".", "jupyter", "squeue")  # the shell's, a package's and a cluster's
    assert optional or shutil.which(Path(command[0]).name, path=path)
    if command[0] == "dvc":
        assert dvc.cli.parse_args(command[1:]).func
    if command[0] == "snakemake":
        assert get_argument_parser().parse_args(command[1:])

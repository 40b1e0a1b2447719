"""The graph under both engines: a small pipeline of two networks, one of each framework, run for real."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = [
    "requirements.txt",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
    "params.yaml",
    "Snakefile",
    "environment.yaml",
]
NETWORKS = ["squeeze", "cifar10-cnn"]
STAGES = [f"plots@{network}" for network in NETWORKS]
FILES = [f"reports/{network}" for network in NETWORKS]

pytestmark = pytest.mark.slow


def small(parameters):
    """The project's parameters with every network and analysis shrunk."""
    for network in parameters["networks"].values():
        network["training"] |= {"epochs": 2, "checkpoint_every": 1, "batch_size": 500}
        if network["framework"] == "torch":
            network["layers"] = [[layer[0], 12] if isinstance(layer, list) else 12 for layer in network["layers"]]
        else:
            network |= {"convolutions": [4, 4], "dense": [8]}
    parameters["activations"] |= {"samples": 60, "max_units": 20}
    parameters["augment"]["count"] = 12
    parameters["tsne"] |= {"samples": 60, "perplexity": 5.0, "iterations": 20, "neighbors": 5}
    parameters["plots"]["dpi"] = 50
    return parameters


class Project:
    """A copy of the project in a folder of its own."""

    def __init__(self, folder, git=True):
        self.folder = folder
        for name in PROJECT:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        self.change(small)
        if git:
            self.run("git", "init", "--quiet")
            self.commit()

    def change(self, edit):
        path = self.folder / "params.yaml"
        parameters = yaml.safe_load(path.read_text())
        edit(parameters)
        path.write_text(yaml.safe_dump(parameters, sort_keys=False))

    def commit(self):
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "a run")

    def run(self, *command):
        """Run a command in the project; returns all that it printed."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GIT_CONFIG_COUNT": "2",
            **{"GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "a"},
            **{"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "a@b.c"},
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def repro(self, *arguments):
        """Run `dvc repro` on both networks; returns the names of the stages that were run."""
        return ran(self.run("dvc", "repro", *arguments, *STAGES))

    def planned(self, files=FILES):
        """The rules that Snakemake would run for `files`."""
        output = self.run("snakemake", "--dry-run", "--cores", "2", *files)
        return set(re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE))


def ran(output):
    return set(re.findall(r"Running stage '([^']+)'", output))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The small project after one `dvc repro`."""
    project = Project(tmp_path_factory.mktemp("project"))
    stages = project.repro()
    assert {
        f"{stage}@{network}" for stage in ("train", "activations", "svd", "plots") for network in NETWORKS
    } <= stages
    project.commit()
    return project


def test_figures_of_both_networks_are_there(project):
    for network in NETWORKS:
        assert (project.folder / f"reports/{network}/training_curves.png").stat().st_size > 1000


def test_after_dvc_snakemake_and_dvc_find_nothing_to_do(project):
    assert project.planned() == set()
    assert project.repro() == set()


def test_a_parameter_reruns_what_reads_it_and_what_follows(project):
    def edit(parameters):
        parameters["tsne"]["perplexity"] = 6.0

    project.change(edit)
    assert project.repro() == {f"{stage}@{network}" for stage in ("tsne", "plots") for network in NETWORKS}
    assert project.planned() == set()


def test_after_snakemake_dvc_finds_nothing_to_do(project):
    def edit(parameters):
        parameters["plots"]["dpi"] = 60

    project.change(edit)
    assert project.planned() == {f"plots_{network.replace('-', '_')}" for network in NETWORKS}
    project.run("snakemake", "--cores", "2", *FILES)
    assert project.repro() == set()
    assert project.planned() == set()
    assert (project.folder / "logs/plots@squeeze.log").exists()


def test_every_stage_gives_the_same_bytes_again(project):
    def outputs():
        stages = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}

    before = outputs()
    rooms = ["define", "train", "activations", "correlations", "similarity", "gradients", "svd", "tsne", "plots"]
    again = ["download@mnist", "augment@mnist", *(f"{room}@{network}" for room in rooms for network in NETWORKS)]
    assert ran(project.run("dvc", "repro", "--force", "--single-item", *again)) == set(again)
    changed = {path for path, md5 in outputs().items() if md5 != before[path]}
    assert changed <= {f"artifacts/{network}/tensorboard" for network in NETWORKS}  # event files hold the time


def test_deleted_artifacts_come_back_from_the_cache(project):
    before = (project.folder / "artifacts/squeeze/svd.h5").read_bytes()
    shutil.rmtree(project.folder / "artifacts")
    shutil.rmtree(project.folder / "reports")
    assert project.repro() == set()
    assert (project.folder / "artifacts/squeeze/svd.h5").read_bytes() == before
    shutil.rmtree(project.folder / "artifacts")
    project.run("snakemake", "--cores", "2", *FILES)
    assert "Running stage" not in (project.folder / "logs/train@squeeze.log").read_text()
    assert (project.folder / "artifacts/squeeze/svd.h5").read_bytes() == before


def test_another_bottleneck_trains_one_network(project):
    project.commit()
    stages = ran(project.run("dvc", "exp", "run", "--set-param", "bottleneck=2", *STAGES))
    trained = {stage for stage in stages if not stage.startswith("define@")}
    assert {stage.split("@")[1] for stage in trained} == {"squeeze"}
    assert "train@squeeze" in trained
    assert "bottleneck" in project.run("dvc", "params", "diff")
    assert "artifacts/squeeze/metrics.json" in project.run("dvc", "metrics", "show")
    assert "val_accuracy" in project.run("dvc", "exp", "show", "--csv")
    project.run("dvc", "plots", "show", "--out", "plots_page")
    assert (project.folder / "plots_page/index.html").exists()
    printed = project.run("dvc", "plots", "diff", "HEAD", "--json")
    compared, _ = json.JSONDecoder().raw_decode(printed[printed.index("{") :])
    curves = compared["data"]["artifacts/squeeze/history.csv"]
    assert {revision for curve in curves for revision in curve["revisions"]} == {"HEAD", "workspace"}


def test_a_bad_parameter_stops_before_anything_is_trained(project):
    text = (project.folder / "params.yaml").read_text()

    def edit(parameters):
        parameters["networks"]["squeeze"]["training"]["epochs"] = "ten"

    project.change(edit)
    with pytest.raises(AssertionError, match=r"networks\.squeeze\.training\.epochs is 'ten'") as failure:
        project.repro()
    assert "Traceback" not in str(failure.value)
    assert not {stage for stage in ran(str(failure.value)) if stage.startswith("train@")}
    (project.folder / "params.yaml").write_text(text)


def test_a_folder_that_is_no_git_checkout_works(tmp_path):
    project = Project(tmp_path, git=False)
    project.run("dvc", "config", "--local", "core.no_scm", "true")
    assert ran(project.run("dvc", "repro", "define@squeeze")) == {"define@squeeze"}
    assert project.planned(["artifacts/squeeze/network.yaml"]) == set()


def test_the_report_reads_every_network_that_params_names_but_no_unfinished_training(tmp_path):
    project = Project(tmp_path, git=False)
    project.run("dvc", "config", "--local", "core.no_scm", "true")

    def edit(parameters):
        parameters["networks"]["mine"] = parameters["networks"]["squeeze"]

    project.change(edit)
    planned = project.planned(["reports/index.html"])
    assert {"report", "train_mine", "tsne_mine", "svd_squeeze", "similarity_cifar10_cnn", "pairs_0"} <= planned
    assert not {rule for rule in planned if rule.startswith("plots")}
    assert project.run("dvc", "check-ignore", "artifacts/mine/training/history.csv")

"""The graph under both engines: a small pipeline of two networks, one of each framework, run for real."""

import json
import shutil
import zipfile

import pytest

from stages.rig.base.parameters import load
from tests import processes
from tests.small_project import MADE, Project, one_network, ran

NETWORKS = ["squeeze", "cifar10-cnn"]
FILES = ["reports/squeeze", "artifacts/cifar10-cnn/correlations.h5", "artifacts/cifar10-cnn/svd.h5"]
"""What the last stages of `MADE` write."""

pytestmark = pytest.mark.slow


@pytest.fixture
def project(made, tmp_path):
    """A copy of the small project after one `dvc repro`."""
    return made.copy(tmp_path / "copy")


def repro(project, *stages):
    """Run `dvc repro`; returns the names of the stages that were run."""
    return ran(project.run("dvc", "repro", *(stages or MADE)))


def test_after_dvc_snakemake_and_dvc_find_nothing_to_do(project):
    assert (project.folder / "reports/squeeze/training_curves.png").stat().st_size > 1000
    assert project.planned(FILES) == set()
    assert repro(project) == set()


def test_a_parameter_reruns_what_reads_it_and_what_follows(project):
    def edit(parameters):
        parameters["activations"]["samples"] = 50

    project.change(edit)
    stages = ["svd@squeeze", "svd@cifar10-cnn", "gradients@squeeze"]
    assert repro(project, *stages) == {f"{room}@{name}" for room in ("activations", "svd") for name in NETWORKS}


def test_after_snakemake_dvc_finds_nothing_to_do(project):
    def edit(parameters):
        parameters["tsne"]["perplexity"] = 6.0

    project.change(edit)
    assert project.planned(FILES) == {"tsne_squeeze", "plots_squeeze"}
    project.run("snakemake", "--cores", "2", *FILES)
    assert repro(project) == set()
    assert project.planned(FILES) == set()
    assert (project.folder / "logs/plots@squeeze.log").exists()


@pytest.mark.soak
def test_every_stage_gives_the_same_bytes_again(project):
    project.run("dvc", "repro", *(f"plots@{network}" for network in NETWORKS))
    assert (project.folder / "reports/cifar10-cnn/training_curves.png").stat().st_size > 1000
    before = project.outputs()
    apart = [f"{stage}@{dataset}" for stage in ("download", "augment") for dataset in ("mnist", "cifar10")]
    apart += ["curvature@cifar10-cnn"]  # what TensorFlow has done before in a process changes its last bits
    assert ran(project.run("dvc", "repro", "--force", "--single-item", *apart)) == set(apart)
    together = "define train activations correlations similarity gradients svd tsne"
    for stages, network in ((f"{together} curvature plots", "squeeze"), (f"{together} plots", "cifar10-cnn")):
        result = processes.run(
            "tests.pipeline.child_stages", stages, network, folder=project.folder, OMP_NUM_THREADS="1"
        )
        assert result.returncode == 0, result.stderr
        project.run("dvc", "commit", "--force", *(f"{stage}@{network}" for stage in stages.split()))
    assert project.outputs() == before


def test_deleted_artifacts_come_back_from_the_cache(project):
    spectra = project.folder / "artifacts/squeeze/svd.h5"
    before = spectra.read_bytes()
    shutil.rmtree(project.folder / "artifacts")
    shutil.rmtree(project.folder / "reports")
    assert repro(project) == set()
    assert spectra.read_bytes() == before
    shutil.rmtree(project.folder / "artifacts")
    project.run("snakemake", "--cores", "2", "artifacts/squeeze/svd.h5")
    assert "Running stage" not in (project.folder / "logs/train@squeeze.log").read_text()
    assert spectra.read_bytes() == before


@pytest.mark.soak
def test_snakemake_draws_the_figures_and_the_report_and_packs_them(project):
    project.change(one_network)
    project.run("snakemake", "plots", "--cores", "2")
    assert (project.folder / "reports/index.html").stat().st_size > 1_000_000
    assert "Nothing to be done" in project.run("snakemake", "plots", "--dry-run")
    project.run("snakemake", "--report", "report.zip", "plots")
    with zipfile.ZipFile(project.folder / "report.zip") as file:
        assert any(name.endswith("training_curves.png") for name in file.namelist())


def test_another_bottleneck_trains_one_network(project):
    targets = ["gradients@squeeze", "svd@cifar10-cnn"]
    stages = ran(project.run("dvc", "exp", "run", "-S", "bottleneck=2", *targets))
    assert {stage for stage in stages if not stage.startswith("define@")} == {"train@squeeze", "gradients@squeeze"}
    assert "bottleneck" in project.run("dvc", "params", "diff")
    assert "artifacts/squeeze/metrics.json" in project.run("dvc", "metrics", "show")
    shown = project.run("dvc", "exp", "show", "--csv")
    assert all(f"val_accuracy{of}" in shown for of in ("", "_mean", "_interval"))
    project.run("dvc", "plots", "show", "--out", "plots_page")
    assert (project.folder / "plots_page/index.html").exists()
    printed = project.run("dvc", "plots", "diff", "HEAD", "--json")
    compared, _ = json.JSONDecoder().raw_decode(printed[printed.index("{") :])
    curves = compared["data"]["artifacts/squeeze/history.csv"]
    assert {revision for curve in curves for revision in curve["revisions"]} == {"HEAD", "workspace"}
    project.run("python", "-m", "stages.sweep", "bottleneck")
    header, narrow, committed = (project.folder / "reports/sweep-bottleneck/sweep.csv").read_text().splitlines()
    assert header == "width,seeds,accuracy,accuracy_interval,rank,rank_interval,probe,probe_interval"
    assert narrow.startswith("2,3,0.") and narrow.endswith(",,,,")  # its svd.h5 is still that of the committed width
    assert committed.startswith("4,3,0.") and "" not in committed.split(",")[:6]


@pytest.mark.soak
def test_queued_experiments_become_one_sweep(project):
    project.change(one_network)
    project.commit()
    project.run("dvc", "exp", "run", "--queue", "-S", "bottleneck=1,3", "svd@squeeze", "geometry@squeeze")
    project.run("dvc", "exp", "run", "--run-all")
    project.run("dvc", "exp", "run", "-S", "networks.squeeze.replicates=4", "svd@squeeze")
    project.run("python", "-m", "stages.sweep", "bottleneck")
    rows = (project.folder / "reports/sweep-bottleneck/sweep.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [["1", "3"], ["3", "3"], ["4", "4"]]
    assert all("" not in row.split(",")[:6] for row in rows)


def test_another_title_trains_and_analyses_nothing(project):
    project.change(lambda parameters: parameters["networks"]["squeeze"].update(title="another"))
    assert repro(project) == {"define@squeeze", "plots@squeeze"}
    assert load(project.folder / "artifacts/squeeze/about.json") == {"title": "another", "test_images": 1000}
    assert project.planned(FILES) == set()


def test_a_bad_parameter_stops_before_anything_is_trained(project):
    def edit(parameters):
        parameters["networks"]["squeeze"]["training"]["epochs"] = "ten"

    project.change(edit)
    with pytest.raises(AssertionError, match=r"networks\.squeeze\.training\.epochs is 'ten'") as failure:
        repro(project)
    assert "Traceback" not in str(failure.value)
    assert not {stage for stage in ran(str(failure.value)) if stage.startswith("train@")}


@pytest.fixture
def unpacked(tmp_path):
    """The small project in a folder that is no git checkout."""
    project = Project(tmp_path, git=False)
    project.run("dvc", "config", "--local", "core.no_scm", "true")
    return project


def test_a_folder_that_is_no_git_checkout_works(unpacked):
    assert ran(unpacked.run("dvc", "repro", "define@squeeze")) == {"download@mnist", "define@squeeze"}
    assert unpacked.planned(["artifacts/squeeze/network.yaml"]) == set()


def test_the_report_reads_every_network_that_params_names_but_no_unfinished_training(unpacked):
    def edit(parameters):
        parameters["networks"]["mine"] = parameters["networks"]["squeeze"]

    unpacked.change(edit)
    planned = unpacked.planned(["reports/index.html"])
    assert {"report", "train_mine", "tsne_mine", "svd_squeeze", "similarity_cifar10_cnn", "pairs_0"} <= planned
    assert not {rule for rule in planned if rule.startswith("plots")}
    assert unpacked.run("dvc", "check-ignore", "artifacts/mine/training/history.csv")

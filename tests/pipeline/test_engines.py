"""The graph under both engines: a small pipeline of two networks, one of each framework, run for real."""

import json
import shutil

import pytest

from tests.small_project import Project, ran

NETWORKS = ["squeeze", "cifar10-cnn"]
STAGES = [f"plots@{network}" for network in NETWORKS]
FILES = [f"reports/{network}" for network in NETWORKS]

pytestmark = pytest.mark.slow


def repro(project, *arguments):
    """Run `dvc repro` on both networks; returns the names of the stages that were run."""
    return ran(project.run("dvc", "repro", *arguments, *STAGES))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The small project after one `dvc repro`."""
    project = Project(tmp_path_factory.mktemp("project"))
    stages = repro(project)
    assert {
        f"{stage}@{network}" for stage in ("train", "activations", "svd", "plots") for network in NETWORKS
    } <= stages
    project.commit()
    return project


def test_figures_of_both_networks_are_there(project):
    for network in NETWORKS:
        assert (project.folder / f"reports/{network}/training_curves.png").stat().st_size > 1000


def test_after_dvc_snakemake_and_dvc_find_nothing_to_do(project):
    assert project.planned(FILES) == set()
    assert repro(project) == set()


def test_a_parameter_reruns_what_reads_it_and_what_follows(project):
    def edit(parameters):
        parameters["tsne"]["perplexity"] = 6.0

    project.change(edit)
    assert repro(project) == {f"{stage}@{network}" for stage in ("tsne", "plots") for network in NETWORKS}
    assert project.planned(FILES) == set()


def test_after_snakemake_dvc_finds_nothing_to_do(project):
    def edit(parameters):
        parameters["plots"]["dpi"] = 60

    project.change(edit)
    assert project.planned(FILES) == {f"plots_{network.replace('-', '_')}" for network in NETWORKS}
    project.run("snakemake", "--cores", "2", *FILES)
    assert repro(project) == set()
    assert project.planned(FILES) == set()
    assert (project.folder / "logs/plots@squeeze.log").exists()


def test_every_stage_gives_the_same_bytes_again(project):
    before = project.outputs()
    rooms = ["define", "train", "activations", "correlations", "similarity", "gradients", "svd", "tsne", "plots"]
    again = ["download@mnist", "augment@mnist", *(f"{room}@{network}" for room in rooms for network in NETWORKS)]
    assert ran(project.run("dvc", "repro", "--force", "--single-item", *again)) == set(again)
    assert project.outputs() == before


def test_deleted_artifacts_come_back_from_the_cache(project):
    before = (project.folder / "artifacts/squeeze/svd.h5").read_bytes()
    shutil.rmtree(project.folder / "artifacts")
    shutil.rmtree(project.folder / "reports")
    assert repro(project) == set()
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
        repro(project)
    assert "Traceback" not in str(failure.value)
    assert not {stage for stage in ran(str(failure.value)) if stage.startswith("train@")}
    (project.folder / "params.yaml").write_text(text)


def test_a_folder_that_is_no_git_checkout_works(tmp_path):
    project = Project(tmp_path, git=False)
    project.run("dvc", "config", "--local", "core.no_scm", "true")
    assert ran(project.run("dvc", "repro", "define@squeeze")) == {"download@mnist", "define@squeeze"}
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

"""From clone to clone through a DVC remote, a local folder here: what one computed, no other computes again."""

import shutil

import pytest

from tests.small_project import Project, one_network, ran

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def origin(made, tmp_path_factory):
    """A clone that has computed the spectra of one network and pushed them with all that they come from."""
    project = made.copy(tmp_path_factory.mktemp("origin") / "copy")
    project.change(one_network)
    project.run("dvc", "remote", "add", "--default", "shared", str(tmp_path_factory.mktemp("remote")))
    project.run("dvc", "push", "--run-cache", "--with-deps", "svd@squeeze")
    project.commit()
    return project


class Clone(Project):
    """A fresh clone of the project, without any output."""

    def __init__(self, origin, folder):
        origin.run("git", "clone", "--quiet", ".", str(folder))
        self.folder = folder
        assert not (folder / "artifacts").exists()


def more_variance(parameters):
    parameters["svd"]["explained_variance"] = 0.9


def test_a_fresh_clone_pulls_and_reruns_an_analysis_without_training(origin, tmp_path):
    fresh = Clone(origin, tmp_path / "fresh")
    fresh.run("dvc", "pull", "--with-deps", "svd@squeeze")
    spectra = "artifacts/squeeze/svd.h5"
    assert (fresh.folder / spectra).read_bytes() == (origin.folder / spectra).read_bytes()
    assert ran(fresh.run("dvc", "repro", "svd@squeeze")) == set()
    fresh.change(more_variance)
    assert ran(fresh.run("dvc", "repro", "svd@squeeze")) == {"svd@squeeze"}
    fresh.run("snakemake", "--cores", "2", spectra)  # it plans by the times of files, which are all new here
    assert [log for log in fresh.folder.glob("logs/*.log") if "Running stage" in log.read_text()] == []


def test_an_analysis_needs_only_the_files_that_it_reads(origin, tmp_path):
    fresh = Clone(origin, tmp_path / "fresh")
    fresh.run("dvc", "pull", "activations@squeeze", "define@squeeze")
    fresh.change(more_variance)
    assert ran(fresh.run("dvc", "repro", "--single-item", "svd@squeeze")) == {"svd@squeeze"}
    assert not (fresh.folder / "artifacts/squeeze/checkpoints").exists()


def test_machines_without_a_shared_folder_join_through_the_remote(origin, tmp_path):
    """One machine changes an analysis and pushes; the other has it without running it, nor is dvc.lock passed on."""
    first, second = Clone(origin, tmp_path / "first"), Clone(origin, tmp_path / "second")
    first.change(more_variance)
    assert ran(first.run("dvc", "repro", "--pull", "svd@squeeze")) == {"svd@squeeze"}
    first.run("dvc", "push", "--run-cache", "svd@squeeze")
    second.change(more_variance)
    assert ran(second.run("dvc", "repro", "--pull", "svd@squeeze")) == set()
    spectra = "artifacts/squeeze/svd.h5"
    assert (second.folder / spectra).read_bytes() == (first.folder / spectra).read_bytes()
    shutil.rmtree(second.folder / "artifacts")
    assert ran(second.run("dvc", "repro", "svd@squeeze")) == set()

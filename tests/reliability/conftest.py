"""What the tests of faults start from."""

import shutil

import pytest

from tests.small_project import MADE, Project


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The small project after a run that nothing disturbed: all stages of `squeeze`, and of `cifar10-cnn` some.

    For the stages that compare networks, copies of `squeeze` stand in for the others.
    """
    project = Project(tmp_path_factory.mktemp("made"))
    project.run("dvc", "repro", *MADE)
    artifacts = project.folder / "artifacts"
    for number in range(4):
        shutil.copytree(artifacts / "squeeze", artifacts / f"ablation-{number}")
    for stage in (["similarity.pairs", "squeeze", "ablation-0"], ["plots.pairs", "squeeze", "ablation-0"]):
        project.run("python", "-m", f"stages.{stage[0]}", *stage[1:])
    project.run("python", "-m", "stages.plots.widths", "bottleneck")
    project.run("python", "-m", "stages.report")
    return project

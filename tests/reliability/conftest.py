"""What the tests of faults start from."""

import shutil

import pytest

from tests.small_project import Project, once


@pytest.fixture(scope="session")
def compared(made, tmp_path_factory):
    """The project as it was made, with the outputs of all other stages that the tests here disturb.

    For those stages copies of `squeeze` stand in for the other networks.
    """

    def make(folder):
        folder.rmdir()
        project = made.copy(folder)
        artifacts = folder / "artifacts"
        for number in range(4):
            shutil.copytree(artifacts / "squeeze", artifacts / f"ablation-{number}")
        for stage in ("pairs", "plots_of_pairs"):
            project.run("python", "-m", f"stages.{stage}", "squeeze", "ablation-0")
        project.run("python", "-m", "stages.widths", "bottleneck")
        project.run("python", "-m", "stages.report")

    return Project.at(once(tmp_path_factory, "compared", make))

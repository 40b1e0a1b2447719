"""What the tests of faults start from."""

import pytest

from tests.small_project import Project


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The small project after a run that nothing disturbed: all stages of `squeeze`, and of `cifar10-cnn` some."""
    project = Project(tmp_path_factory.mktemp("made"))
    project.run("dvc", "repro", "plots@squeeze", "correlations@cifar10-cnn", "svd@cifar10-cnn")
    return project

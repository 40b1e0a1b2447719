"""The rules that Snakemake gets of DVC's stages."""

import copy
import sys

import pytest

from stages import graph
from tests.small_project import Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The small project, never run, as the current folder."""
    project = Project(tmp_path, git=False)
    (tmp_path / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    monkeypatch.chdir(tmp_path)
    return project


def add_networks(project, number):
    """Add `number` networks like `squeeze`."""

    def edit(parameters):
        for added in range(number):
            parameters["networks"][f"copy-{added}"] = copy.deepcopy(parameters["networks"]["squeeze"])

    project.change(edit)


def calls(function):
    """How many calls of Python functions, and of built-in ones, a call of `function` takes."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_planning_takes_as_many_steps_for_each_network_however_many_there_are(project):
    graph.rules()  # imports what is needed
    steps = []
    for added in (8, 8 + 16):
        add_networks(project, added)
        steps.append(calls(graph.rules))
    few, many = 16, 32
    assert steps[1] / steps[0] < 1.15 * many / few


def test_a_rule_has_the_files_of_folders_of_code_and_what_fills_other_folders(project):
    rules = {rule.stage: rule for rule in graph.rules()}
    assert {"stages/svd/__main__.py", "stages/svd/spectra.py", "artifacts/squeeze/weights.h5"} <= set(
        rules["svd@squeeze"].inputs
    )
    assert "stages/svd" not in rules["svd@squeeze"].inputs
    report = set(rules["report"].inputs)
    assert {"params.yaml", "artifacts/squeeze/checkpoints", "artifacts/cifar10-cnn/svd.h5"} <= report
    assert not {path for path in report if path.startswith(("data/", "reports/"))}


def test_a_rule_s_card_holds_the_parameters_that_its_stage_reads_and_no_others(project):
    rules = {rule.stage: rule for rule in graph.rules()}
    assert rules["svd@squeeze"].parameters == '{"svd": {"explained_variance": 0.99}}'
    before = rules["similarity@squeeze"].parameters
    project.change(lambda parameters: parameters["similarity"].update(seed=1))
    assert {rule.stage: rule for rule in graph.rules()}["similarity@squeeze"].parameters == before.replace(
        '"similarity.seed": 0', '"similarity.seed": 1'
    )

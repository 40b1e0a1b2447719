"""Figures of squeeze widths, of however many networks: what both engines take them to depend on."""

import networkx
import pytest
from dvc.repo import Repo

from stages.rig.graph import rules
from tests.small_project import Project

GROUPS = {
    "two": ["ablation-0", "squeeze"],
    "three": ["ablation-0", "ablation-1", "squeeze"],
    "six": ["ablation-0", "ablation-1", "ablation-2", "ablation-3", "ablation-4", "squeeze"],
}
READ = "define", "train", "activations", "svd", "tsne"
"""The stages of each network whose files the figure is drawn from."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project with GROUPS under plots.widths."""
    project = Project(tmp_path_factory.mktemp("widths"))
    project.change(lambda parameters: parameters["plots"].update(widths=GROUPS))
    return project.folder


@pytest.mark.parametrize("name", GROUPS)
def test_dvc_runs_what_the_figure_is_drawn_from_before_it(folder, name):
    graph = Repo(str(folder)).index.graph
    (figure,) = [stage for stage in graph if stage.name == f"widths@{name}"]
    before = {stage.name for stage in networkx.descendants(graph, figure)}
    assert {f"{stage}@{network}" for stage in READ for network in GROUPS[name]} <= before


def test_snakemake_waits_for_the_same_files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = {rule.stage: rule for rule in rules()}
    outputs = {rule.stage: {path for path, _ in rule.outputs} for rule in found.values()}
    for name, networks in GROUPS.items():
        files = set.union(*(outputs[f"{stage}@{network}"] for stage in READ for network in networks))
        assert files <= set(found[f"widths@{name}"].inputs)
        assert outputs[f"widths@{name}"] == {f"reports/{name}"}

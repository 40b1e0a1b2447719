"""The rules that Snakemake gets of DVC's stages."""

import copy
import sys

import pytest
from drillcore_engines.changes import NAME
from dvc.parsing import ResolveError
from dvc.repo import Repo

from drillcore.base.errors import InputError
from stages.rig import datasets, graph
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
    assert {"stages/svd.py", "drillcore/base/store.py", "artifacts/squeeze/weights.h5"} <= set(
        rules["svd@squeeze"].inputs
    )
    assert "drillcore/base" not in rules["svd@squeeze"].inputs
    report = set(rules["report"].inputs)
    assert {"params.yaml", "artifacts/squeeze/checkpoints", "artifacts/cifar10-cnn/svd.h5"} <= report
    assert not {path for path in report if path.startswith(("data/", "reports/"))}


def test_snakemake_is_told_of_no_file_whose_time_says_nothing(project):
    rules = {rule.stage: rule for rule in graph.rules()}
    paths = [path for rule in rules.values() for path in [*rule.inputs, *(output for output, _ in rule.outputs)]]
    assert not [path for path in paths if path.endswith("code.yaml")]
    outputs = [path for path, _ in rules["define@squeeze"].outputs]
    assert outputs == ["artifacts/squeeze/network.yaml", "artifacts/squeeze/about.json"]


def test_a_rule_s_card_holds_the_parameters_that_its_stage_reads_and_no_others(project):
    rules = {rule.stage: rule for rule in graph.rules()}
    assert rules["svd@squeeze"].parameters == '{"svd": {"explained_variance": 0.99}}'
    before = rules["similarity@squeeze"].parameters
    project.change(lambda parameters: parameters["similarity"].update(seed=1))
    assert {rule.stage: rule for rule in graph.rules()}["similarity@squeeze"].parameters == before.replace(
        '"similarity.seed": 0', '"similarity.seed": 1'
    )


def test_networks_whose_names_are_one_word_to_snakemake_have_rules_of_their_own(project):
    def edit(parameters):
        network = parameters["networks"]["squeeze"]
        parameters["networks"] |= {"res-18": network, "res_18": copy.deepcopy(network)}

    project.change(edit)
    names = {rule.stage: rule.name for rule in graph.rules()}
    assert len(set(names.values())) == len(names)
    assert all(name.isidentifier() for name in names.values())
    assert names["train@res-18"] == "train_res_18"
    assert names["train@cifar10-cnn"] == "train_cifar10_cnn"


@pytest.mark.parametrize(
    "written, said",
    [
        ("123", "123, which YAML reads as int and not as a name"),
        ("1e5", "100000.0, which YAML reads as float and not as a name"),
        ("010", "10, which YAML reads as int and not as a name"),
        ("2024-05-01", "2024-05-01, which YAML reads as date and not as a name"),
        ("null", "None, which YAML reads as NoneType and not as a name"),
        ("true", "True, which YAML reads as bool and not as a name"),
        ("v1.0", "'v1.0', but a name is 1 to 64 letters, digits, - and _"),
        ("a@b", "'a@b', but a name is"),
        ('"*"', "'\\*', but a name is"),
        ('""', "'', but a name is"),
        ("-a", "'-a', but a name is"),
        ("a" * 65, "'a+', but a name is"),
    ],
)
@pytest.mark.parametrize(
    "section, beginning, end", [("networks", "networks:\n  ", "\n  "), ("datasets", "datasets: {", ", ")]
)
def test_what_is_no_name_is_refused_whenever_either_engine_reads_the_stages(
    project, section, beginning, end, written, said
):
    path = project.folder / "params.yaml"
    text = path.read_text()
    path.write_text(text.replace(beginning, f"{beginning}{written}: data{end}", 1))
    assert path.read_text() != text
    with pytest.raises(ResolveError, match=f"^params.yaml: {section} has {said}"):
        Repo(".").index.stages  # noqa: B018
    with pytest.raises(InputError, match=f"^params.yaml: {section} has {said}"):
        graph.rules()


def test_a_number_in_quotes_is_a_name(project):
    project.change(lambda parameters: parameters["networks"].update({"010": parameters["networks"]["squeeze"]}))
    assert "train@010" in {rule.stage for rule in graph.rules()}


def test_dvc_s_rule_for_names_is_the_project_s():
    assert datasets.NAME.pattern == NAME.pattern


@pytest.mark.parametrize("command", [["dvc", "repro"], ["snakemake", "plots", "--cores", "1"]])
def test_either_command_ends_with_that_sentence(project, command):
    path = project.folder / "params.yaml"
    path.write_text(path.read_text().replace("\nnetworks:", "\nnetworks:\n  123: {dataset: mnist}", 1))
    with pytest.raises(AssertionError, match=r"params\.yaml: networks has 123, which YAML reads as int") as failure:
        project.run(*command)
    assert "Running stage" not in str(failure.value)

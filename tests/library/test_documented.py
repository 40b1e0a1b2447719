"""Every public name says in types and in a docstring what it takes and returns, and its examples run."""

import doctest

import pytest

from tests.library.documented import OBJECTS, needs, public, sections, undocumented
from tests.processes import run

FORMULAS = [
    "linear_cka",
    "debiased_cka",
    "rbf_cka",
    "svcca",
    "pwcca",
    "rsa",
    "procrustes",
    "minibatch_cka",
    "minibatch_matrix",
    "stream_cka",
    "permutation_null",
    "noise_floor",
    "permuted_linear_cka",
    "benjamini_hochberg",
    "q_values_of_pairs",
    "participation_ratio",
    "effective_rank",
    "stable_rank",
    "effective_rank_of_variances",
    "embed",
    "correlation_matrix",
    "curvature",
    "hutchinson",
    "lanczos",
    "noise_scale",
    "compute_layerwise_cross_correlation",
]


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_describes_every_parameter(name):
    assert undocumented(public(name)) == []


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_has_its_source(name):
    assert sections(public(f"drillcore.{name}")).get("References", "").strip()


@pytest.mark.parametrize("name", [name for name in OBJECTS if not needs(public(name))])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(public(name), name, globs={})
    assert example.examples
    assert not doctest.DocTestRunner().run(example).failed


@pytest.mark.parametrize(
    ("framework", "names"),
    [
        (
            "torch",
            [
                "drillcore.GradientRecorder",
                "drillcore.curvature",
                "drillcore.get_intermediate_outputs",
                "drillcore.record",
                "drillcore.replay",
                "drillcore.rewind",
            ],
        ),
        ("keras", ["drillcore.OptimizationInsightCallback", "drillcore.callback"]),
    ],
)
def test_examples_of_models_run(framework, names, tmp_path):
    result = run("tests.library.child_documented", framework, folder=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines() == names


def test_annotations_are_complete_and_load_no_framework():
    result = run("tests.library.child_documented", "annotations")
    assert result.stdout.splitlines() == ["loaded:"], result.stdout + result.stderr

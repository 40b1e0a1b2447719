"""Steps on losses whose minima are known, and what the verdict makes of them."""

import numpy as np
import pytest
import torch
from torch import nn

from drillcore import GradientRecorder, transitions
from drillcore import open as opened
from drillcore.artifacts.curvature import CurvatureFile, Row, write_curvature
from drillcore.artifacts.gradients import CROSSINGS
from drillcore.frameworks.torch_surface import Surface
from drillcore.landscape.measurement import choose_entries, measure
from drillcore.landscape.steps import crossings, plain_step, recorded_lengths, step_crossings
from drillcore.landscape.verdict import Verdict, more_often, sentences, verdict


def test_crossings_are_those_of_transitions():
    random = np.random.default_rng(0)
    before, now, start, end = (random.integers(-2, 3, 500).astype(np.float32) for _ in range(4))
    counts, _ = transitions(before, now, start, end, [0.5, 1.5])
    found = np.bincount(crossings(before, now, end - start), minlength=CROSSINGS)
    assert found.tolist() == counts.sum((0, 1)).tolist()
    assert found.min() > 0


@pytest.mark.parametrize("optimizer, expected", [("sgd", [-0.6, 0.8]), ("adam", [-np.sqrt(0.5), np.sqrt(0.5)])])
def test_a_step_has_its_length_and_goes_down(optimizer, expected):
    np.testing.assert_allclose(plain_step(np.array([3.0, -4.0]), optimizer, 1.0), expected, rtol=1e-7)
    assert not plain_step(np.zeros(2), optimizer, 1.0).any()


class Bowl(nn.Module):
    """The loss (w - target)^2 / 2, of which the input is the target."""

    def __init__(self, start):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))

    def forward(self, targets):
        return (self.weight - targets).square().sum(1) / 2


def mean(outputs, targets):
    return outputs.mean()


@pytest.mark.parametrize(("length", "crossed"), [(0.5, 0), (1.5, 1)])
def test_the_same_batch_is_crossed_only_where_the_step_passes_its_minimum(length, crossed):
    surface = Surface(Bowl([1.0]), mean)
    here, there = torch.zeros(2, 1), torch.full((2, 1), 3.0)
    another, same = step_crossings(surface, (here, here), (there, there), "sgd", length)
    assert another.tolist() == [1]  # the other batch's minimum lies on the other side, so noise alone turns the sign
    assert same.tolist() == [crossed]


def test_the_verdict_counts_what_the_files_hold(tmp_path):
    model = nn.Linear(3, 2).double()
    random = np.random.default_rng(0)
    with GradientRecorder(model.named_parameters(), tmp_path / "gradients.h5") as recorder:
        for epoch in (1, 2):
            for step in range(5):
                gradients = [torch.from_numpy(random.standard_normal(shape)) for shape in ((2, 3), (2,))]
                recorder.step(0.5, gradients=gradients)
                with torch.no_grad():
                    model.weight += 0.1 * (step - 1)
            recorder.end_epoch(epoch)
    surface = Surface(model, nn.functional.cross_entropy)
    inputs, labels = torch.from_numpy(random.standard_normal((8, 3))), torch.arange(8) % 2
    found = measure(surface, inputs, labels, choose_entries(surface, 6, 0), 2, 4, 2, 0)
    with opened(tmp_path / "gradients.h5") as gradients:
        lengths = recorded_lengths(gradients, [0, 1, 2, 3])
        np.testing.assert_allclose(lengths[:3], np.sqrt(6) * np.array([0.1, 0.2, 0.2]), rtol=1e-6)
        assert np.isnan(lengths[3])
        crossed = step_crossings(surface, (inputs[:4], labels[:4]), (inputs[4:], labels[4:]), "sgd", 3.0)
        rows = [Row(2, found, 0.1, 20.0, 3.0, crossed)]
        write_curvature(
            tmp_path / "curvature.h5", np.arange(8), {"weight": 6, "bias": 2}, rows, "sgd", "of the Hessian"
        )
        with CurvatureFile(tmp_path / "curvature.h5") as curvature:
            said = verdict(gradients, curvature)
        counts = gradients.counts()[:].sum((0, 1, 2, 3))
    assert said.tensors == ["weight", "bias"]
    assert said.minima[-1] == pytest.approx(counts[1] / (counts[1] + counts[2]))
    assert said.flipped[:, -1].tolist() == [(codes > 0).mean() for codes in crossed]
    diagonal = np.concatenate([*found.diagonal.values()])
    assert said.counted.tolist() == [(crossed[0] == 1).sum(), (crossed[1] == 1).sum(), (crossed[0] == 0).sum()]
    assert said.positive[0] == (diagonal[crossed[0] == 1] > 0).sum()
    assert f"{100 * said.minima[-1]:.1f} % count as minima" in sentences(said)


def said_of(minima=0.7, chance=0.6, z=12.0, flipped=(0.4, 0.1), trained=True, positive=(9, 5, 9), counted=(9, 5, 9)):
    """The sentences on a network of no tensor but their sum."""
    shares = (np.array([value]) for value in (minima, chance, z))
    return sentences(Verdict([], *shares, np.array(flipped)[:, None], trained, np.array(positive), np.array(counted)))


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({}, "More than chance (+10.0 points); 75 % of the sign changes are noise of batches."),
        ({"z": 3.1}, "No difference from chance is seen (+10.0 points); 75 %"),
        ({"minima": 0.5, "z": -4.0}, "Less than chance (−10.0 points); 75 %"),
        ({"z": np.nan}, "Whether there are more than by chance is not known; 75 %"),
        ({"flipped": (0.1, 0.4)}, "More than chance (+10.0 points). Of the sign changes"),
        ({"flipped": (0.0, 0.0)}, "More than chance (+10.0 points). Of the sign changes"),
        ({"flipped": (np.nan, np.nan)}, "More than chance (+10.0 points). Of the sign changes"),
    ],
)
def test_a_verdict_begins_with_a_plain_answer(more, answer):
    assert said_of(**more).startswith(answer)


def test_a_verdict_says_which_sign_changes_it_counts():
    assert (
        "Of the sign changes of all gradients, whatever their size, over the whole training, 70.0 % count as minima, 60.0 % "
        "by chance alone: 12.0 standard errors apart, a difference needs 3.2. In steps of the training 40.0 % of the "
        "gradients change sign with another batch, 10.0 % with the same."
    ) in said_of()
    assert "In steps at checkpoints 40.0 % of the gradients" in said_of(trained=False)
    assert "by chance alone. In steps" in said_of(z=np.nan)
    assert "by chance" not in said_of(chance=np.nan, z=np.nan).split(". ", 1)[1]


@pytest.mark.parametrize(
    ("stayed", "of", "said"),
    [
        (9, 9, "no difference is seen, so the diagonal decides nothing."),
        (0, 0, "no difference is seen, so the diagonal decides nothing."),
        (2, 9, "more often along minima than along the others."),
    ],
)
def test_a_diagonal_that_is_as_positive_elsewhere_decides_nothing(stayed, of, said):
    text = f"and {stayed} of {of} that keep their sign: {said}"
    assert said_of(positive=(9, 5, stayed), counted=(9, 5, of)).endswith(text)
    assert "diagonal" not in said_of(positive=(0, 0, 0), counted=(0, 0, 0))


def test_more_often_is_fishers_exact_test():
    from scipy.stats import fisher_exact

    found = set()
    for first, second in np.random.default_rng(0).integers(0, 13, (200, 2)):
        table = [[first, 12 - first], [second, 15 - second]]
        expected = fisher_exact(table, "greater").pvalue < 0.05
        assert more_often(np.array([first, second]), np.array([12, 15])) == expected
        found.add(bool(expected))
    assert found == {True, False}

"""What was done to one row, signal or text under random augmentations."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

import drillcore
from drillcore.artifacts.augmentations import augmentations_path, write_augmentations
from drillcore.artifacts.dataset import dataset_path
from drillcore.figures import augmented_rows, augmented_texts
from drillcore.figures.augmented_inputs import ACROSS, LINES, in_lines
from stages.rig.sources.dataset import Dataset, write_dataset


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_row_stands_beside_its_noisy_versions():
    row = np.array([63.0, 1.75])
    rows = row + np.array([[2.0, 0.0], [-2.0, 0.25]])
    table, bars = augmented_rows(rows, row, ["age", "height"], deviations=[4.0, 0.5]).axes[:2]
    assert texts(table) == ["63", "1.75", "65", "1.75", "61", "2"]
    np.testing.assert_allclose(table.images[0].get_array(), [[0, 0.5, -0.5], [0, 0, 0.5]])
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], [2 / 4, 0.125 / 0.5])


def test_of_many_columns_an_even_choice_is_drawn_and_said():
    figure = augmented_rows(np.ones((3, 40)), np.ones(40), [f"c{number}" for number in range(40)])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][::15] == ["c0", "c39"]
    assert "16 of 40 columns" in " ".join(text.get_text() for text in figure.texts)


def test_a_signal_lies_between_the_percentiles_of_its_versions():
    signal = np.linspace(0, 1, 50).reshape(25, 2)
    axes = augmented_rows(signal + np.linspace(-1, 1, 21)[:, None, None], signal, ["left", "right"]).axes
    assert [one.get_ylabel() for one in axes] == ["left", "right"]
    for channel, one in enumerate(axes):
        np.testing.assert_allclose(one.lines[-1].get_ydata(), signal[:, channel])
        edges = one.collections[0].get_paths()[0].vertices[:, 1]
        assert (edges.min(), edges.max()) == pytest.approx(
            (signal[:, channel].min() - 0.9, signal[:, channel].max() + 0.9)
        )


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (3, 8, 10)])
def test_many_channels_are_a_map_beside_how_far_they_are_moved(shape):
    sample = np.arange(240.0).reshape(shape)
    figure = augmented_rows(np.stack([sample - 2, sample + 2]), sample)
    original, _, copy, moved = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert original.shape == (8, 30)
    assert (copy - original == 2).all() and (moved == 2).all()


def test_replaced_tokens_are_marked_and_counted():
    original, words = np.array([0, 1, 2]), ["a", "b", "c", "[MASK]"]
    axes, counts = augmented_texts([[0, 3, 2], [0, 1, 2], [3, 3, 2]], original, words).axes
    marks = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert len(marks) == 3
    assert [text for text in texts(axes) if "of 3" in text] == ["1 of 3 replaced", "0 of 3 replaced", "2 of 3 replaced"]
    assert [bar.get_height() for bar in counts.patches] == [1, 1, 1]


def test_lines_of_text_are_no_longer_than_the_figure_and_few():
    vocabulary = ["long", "$x$"]
    lines = in_lines(np.arange(200) % 2, np.zeros(200, bool), vocabulary)
    assert len(lines) == LINES
    assert all(column + len(text) <= ACROSS for line in lines[:-1] for column, text, _ in line)
    assert lines[-1][-1][1] == " ..."
    assert lines[0][:2] == [(0, "long", False), (5, "$x$", False)]


def test_blanks_are_seen_where_they_are_marked():
    ((first, second, third),) = in_lines(np.array([0, 0, 1]), np.array([False, True, True]), [" ", "\n"])
    assert [first[1], second[1], third[1]] == [" ", "␣", "↵"]


def test_copies_of_something_else_are_refused():
    with pytest.raises(drillcore.InputError, match=r"\(2, 3\) and the original \(4,\)"):
        augmented_rows(np.zeros((2, 3)), np.zeros(4))


def test_the_files_of_augmentations_draw_themselves(tmp_path):
    tokens = np.array([[0, 1, 2, 1]] * 3, np.int32)
    about = tokens, tokens, tokens, tokens, [], "a test", "tokens", "next_token", [], ["a", "b", "c"]
    write_dataset(dataset_path(tmp_path, "words"), "words", Dataset(*about))
    changed = np.where(np.eye(3, 4, dtype=bool), 2, tokens).astype(np.int32)
    write_augmentations(augmentations_path(tmp_path, "words"), changed, 1, None, tokens[1])
    with drillcore.open(augmentations_path(tmp_path, "words")) as file:
        assert file.figures() == ["texts"]
        assert "a" in texts(file.plot().axes[0])

"""What figures show of trainings with other seeds."""

import numpy as np
import pytest

from drillcore import InputError, t_interval
from drillcore.artifacts.activations import Activations
from drillcore.artifacts.replicates import Replicates, folder_of, write_replicates
from drillcore.figures import replicates, seed_similarity, training
from drillcore.figures.style import applied
from tests.artifacts import all_units


@pytest.fixture
def seeds(network):
    """A network of three seeds whose first layer is the same in all, and whose output is constant in one."""
    widths = {"layer1": 5, "output": 4}
    folder = network("net", widths, epochs=(0, 2))
    header, row = (folder / "history.csv").read_text().splitlines()
    with Activations(folder / Activations.FILE) as file:
        outputs = {layer: file[layer][:] for layer in widths}
    with write_replicates(folder / Replicates.FILE) as writer:
        for seed in (1, 2):
            folder_of(folder, seed).mkdir(parents=True)
            (folder_of(folder, seed) / "history.csv").write_text(f"{header}\n2,1,1,{seed},0.{seed},1\n")
            constant = np.ones_like(outputs["output"])
            writer.store(seed, [{**outputs, "output": constant}], 40, all_units(widths))
    return folder, row


def test_the_figure_draws_every_pair_beside_chance(seeds):
    drawings = replicates.figures(seeds[0])
    with applied(50):
        name, draw = next(drawings)
        axes = (figure := draw()).axes[0]
    assert name == "seed_similarity"
    assert figure.texts[1].get_text() == "net, epoch 2: 3 seeds, 40 samples"
    pairs, mean, chance = axes.lines[:3]
    np.testing.assert_allclose([*pairs.get_ydata(), *mean.get_ydata()], 1, rtol=1e-6)
    assert 0 < chance.get_ydata()[0] < 0.3
    assert [text.get_text() for text in axes.texts] == ["undefined"]
    with pytest.raises(InputError, match="no layers to draw"):
        seed_similarity({})


def test_curves_have_a_band_over_seeds(seeds):
    folder, row = seeds
    with applied(50):
        ((_, draw),) = training.figures(folder)
        accuracy = (figure := draw()).axes[1]
    found = t_interval([float(row.split(",")[4]), 0.1, 0.2])
    (band,) = accuracy.collections
    ends = band.get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == pytest.approx((found.mean - found.half, found.mean + found.half))
    assert "test, mean over 3 seeds,\n95 % t interval" in [
        text.get_text() for text in figure.axes[2].get_legend().texts
    ]

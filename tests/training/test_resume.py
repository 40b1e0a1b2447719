import numpy as np
import pytest

from stages.rig.training.resume import claim, load, save

RECIPE = {"network card": "a", "images": "b", "code": "c", "versions": "torch 1", "threads": "2"}
STATE = {"epoch": 3, "warned": False, "rows": [{"loss": 0.1}], "model": {"weight": np.eye(3), "count": np.array(7)}}


def begin(folder):
    """An unfinished training of RECIPE."""
    assert claim(folder, RECIPE) is None
    save(folder, STATE)
    (folder / "history.csv").write_text("epoch\n1\n")


def test_what_was_saved_comes_back(tmp_path):
    save(tmp_path, STATE)
    state = load(tmp_path)
    assert {key: state[key] for key in ("epoch", "warned", "rows")} == {
        "epoch": 3,
        "warned": False,
        "rows": [{"loss": 0.1}],
    }
    np.testing.assert_array_equal(state["model"]["weight"], np.eye(3))
    assert state["model"]["count"].shape == ()


def test_the_same_recipe_goes_on(tmp_path, capsys):
    begin(tmp_path / "training")
    assert claim(tmp_path / "training", RECIPE)["epoch"] == 3
    assert (tmp_path / "training/history.csv").exists()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("part", RECIPE)
def test_another_recipe_s_training_is_discarded_and_said_so(part, tmp_path, capsys):
    begin(tmp_path / "training")
    assert claim(tmp_path / "training", {**RECIPE, part: "another"}) is None
    assert f"with another {part}. It is discarded" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["recipe.json"]


def test_a_training_without_a_complete_epoch_starts_again_in_silence(tmp_path, capsys):
    assert claim(tmp_path / "training", RECIPE) is None
    (tmp_path / "training/checkpoints").mkdir()
    assert claim(tmp_path / "training", RECIPE) is None
    assert not (tmp_path / "training/checkpoints").exists()
    assert capsys.readouterr().err == ""

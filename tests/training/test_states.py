import numpy as np
import pytest

from drillcore.base.errors import InputError
from stages.rig.training.states import KeptStates, load_state, nearest, states_of

STEPS = 4


def kept(folder, keep, steps=STEPS):
    """By epoch the steps taken before the states that a training of three epochs keeps."""
    states = KeptStates(folder, keep, steps)
    for step in range(1, 3 * steps + 1):
        states.before(step, lambda step=step: {"model": {"weight": np.full(2, step)}})
    return {epoch: load_state(path)["step"] for epoch, path in states_of(folder).items()}


@pytest.mark.parametrize(
    ("keep", "expected"), [([0], {0: 0}), ([2], {2: 7}), ("every", {0: 0, 1: 3, 2: 7, 3: 11}), ([], {})]
)
def test_the_state_of_an_epoch_is_that_before_its_last_step(keep, expected, tmp_path):
    assert kept(tmp_path / "states", keep) == expected


def test_a_step_is_reached_from_the_last_state_that_is_not_later(tmp_path):
    kept(tmp_path / "states", [0, 1, 3])
    assert load_state(nearest(tmp_path / "states", 13, STEPS))["epoch"] == 3
    epochs = [load_state(nearest(tmp_path / "states", step, STEPS))["epoch"] for step in (1, 4, 5, 11, 12)]
    assert epochs == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("keep", "said"), [([2], "those of epochs 2 are"), ([], "none is")])
def test_without_an_early_state_one_sentence_says_which_are_kept(keep, said, tmp_path):
    kept(tmp_path / "states", keep)
    with pytest.raises(InputError, match=f"no state from before step 7 is kept in .*, {said}: set keep_states"):
        nearest(tmp_path / "states", 7, STEPS)


def test_an_epoch_of_one_step_keeps_its_start(tmp_path):
    assert kept(tmp_path / "states", "every", 1) == {0: 0, 1: 0, 2: 1, 3: 2}


def test_moments_that_are_zero_take_no_disk(tmp_path):
    KeptStates(tmp_path, [0], STEPS).before(1, lambda: {"optimizer": {"0": np.zeros(1_000_000, np.float32)}})
    assert states_of(tmp_path)[0].stat().st_size < 100_000

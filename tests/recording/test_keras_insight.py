"""The recording callback in the `fit` of any Keras model, against gradients taken by hand; in a process of its own."""

from tests.processes import run

CHILD = "tests.recording.child_keras_insight"


def test_in_keras(tmp_path):
    result = run(CHILD, tmp_path, "unfit", "any_model")
    assert result.returncode == 0, result.stderr


def test_a_failed_fit_leaves_nothing_and_another_may_follow(tmp_path):
    result = run(CHILD, tmp_path, "failed")
    assert result.returncode == 1 and result.stderr.rstrip().endswith("an own mistake"), result.stderr
    assert not list(tmp_path.iterdir())

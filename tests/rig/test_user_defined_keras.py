"""User-defined Keras networks: what `define` sees is what training builds, and a sentence for each that cannot be.

In one process of its own: the two frameworks together are slow to load.
"""

import shutil

from tests.processes import ROOT, run


def test_keras_networks_are_seen_as_training_builds_them(tmp_path):
    shutil.copytree(ROOT / "tests/models/parts", tmp_path / "models/parts")
    shutil.copy(ROOT / "tests/models/keras_unusual.py", tmp_path / "models/mine.py")
    (tmp_path / "keras.json").write_text(
        '{"floatx": "float64", "image_data_format": "channels_first", "backend": "jax"}'
    )
    result = run("tests.rig.child_user_defined_keras", folder=tmp_path, KERAS_HOME=str(tmp_path), KERAS_BACKEND="torch")
    assert result.returncode == 0, result.stderr

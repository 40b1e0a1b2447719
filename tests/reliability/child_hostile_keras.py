"""A Keras checkpoint with code in it, flipped bits and a half: its argument is a folder with network.yaml."""

import sys
from pathlib import Path

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import keras
from stages.rig.card import read_card
from stages.rig.keras.network import build, load
from stages.rig.keras.training import save_without_times

folder, card = Path(sys.argv[1]), read_card(Path(sys.argv[1], "network.yaml"))
checkpoint, proof = folder / "epoch_001.keras", folder / "pwned"

touch = eval(f"lambda x: (open({str(proof)!r}, 'w').close(), x)[1]")
code = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(touch, output_shape=(3,))])
proof.unlink(missing_ok=True)
code.save(checkpoint)
proof.unlink(missing_ok=True)
try:
    load(card, 10, checkpoint)
    raise AssertionError("it was loaded")
except InputError as error:
    assert "epoch_001.keras is no whole checkpoint" in str(error), error
assert not proof.exists()
keras.saving.load_model(checkpoint, safe_mode=False)(np.zeros((1, 3)))
assert proof.exists()  # so the checkpoint does harm where it is trusted

model = build(card, 10)
save_without_times(model, checkpoint)
whole, generator, refused = checkpoint.read_bytes(), np.random.default_rng(0), 0
for _ in range(40):
    content = bytearray(whole)
    content[generator.integers(len(content))] ^= 1 << generator.integers(8)
    checkpoint.write_bytes(content)
    try:
        weights = load(card, 10, checkpoint).get_weights()
    except InputError:
        refused += 1
    else:
        for loaded, saved in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(loaded, saved)
assert refused > 20, refused
checkpoint.write_bytes(whole[: len(whole) // 2])
try:
    load(card, 10, checkpoint)
    raise AssertionError("it was loaded")
except InputError:
    pass

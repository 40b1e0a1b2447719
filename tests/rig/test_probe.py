"""Tokens as samples: which are chosen, and their rows among those of their sequences."""

from types import SimpleNamespace

import numpy as np
import pytest

from drillcore.extraction.probe import choose_tokens
from stages.rig import probe
from stages.rig.images import Split


@pytest.mark.parametrize(("sequences", "tokens", "samples"), [(40, 8, 30), (3, 8, 20), (3, 8, 100)])
def test_chosen_are_different_tokens_those_of_a_sequence_together(sequences, tokens, samples):
    sequence, position = choose_tokens(sequences, tokens, samples, seed=0)
    assert len(sequence) == min(samples, sequences * tokens)
    assert len({*zip(sequence.tolist(), position.tolist(), strict=True)}) == len(sequence)
    assert sequence.min() >= 0 and sequence.max() < sequences and position.min() >= 0 and position.max() < tokens
    assert 1 + np.count_nonzero(np.diff(sequence)) == len(np.unique(sequence))
    np.testing.assert_array_equal(choose_tokens(sequences, tokens, samples, seed=0), (sequence, position))


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_each_token_has_the_row_of_its_place_in_its_sequence(batch, monkeypatch):
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(0, 99, (20, 6)), rng.integers(0, 99, (20, 6))
    monkeypatch.setattr(probe, "load_split", lambda card, split: Split(inputs, targets, [], "a text"))
    chosen = probe.probe_of(SimpleNamespace(seed=0, samples="tokens", kind="tokens"), "test", 50)
    seen = []

    def stream(sequences):
        seen.append(len(sequences))
        for begin in range(0, len(sequences), batch):
            yield {"layer": sequences[begin : begin + batch].reshape(-1, 1) * [1, 10]}

    rows = np.concatenate([part["layer"] for part in chosen.stream(stream)])
    tokens = inputs[chosen.sample, chosen.position]
    np.testing.assert_array_equal(rows, np.stack([tokens, 10 * tokens], 1))
    np.testing.assert_array_equal(chosen.targets, targets[chosen.sample, chosen.position])
    assert seen == [len(np.unique(chosen.sample))]

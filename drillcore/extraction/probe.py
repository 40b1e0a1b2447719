"""Which images layers are compared on."""

import numpy as np


def choose_probe(count, samples, seed):
    """Indices of a random sample of at most `samples` of `count` images, the same for the same seed.

    In random order, so that the first of them are a random sample too: images often come sorted by class.
    """
    return np.random.default_rng(seed).choice(count, min(samples, count), replace=False)


def choose_tokens(sequences, tokens, samples, seed):
    """The sequence and the position of each of at most `samples` random tokens, of `sequences` of so many `tokens` each.

    The same for the same seed. Sequences are in random order, and the tokens of each follow each other.
    """
    chosen, positions = np.divmod(choose_probe(sequences * tokens, samples, seed), tokens)
    _, firsts, number = np.unique(chosen, return_index=True, return_inverse=True)
    order = np.argsort(firsts[number], kind="stable")
    return chosen[order], positions[order]

"""Singular values against those of a decomposition of the matrix itself."""

import numpy as np
import pytest

from drillcore.singular_values import singular_values

TURN, OTHER = (np.linalg.qr(np.random.default_rng(seed).standard_normal((40, 40)))[0] for seed in (0, 1))
SHUFFLED = np.random.default_rng(2).permutation(40)
MATRICES = {
    "noise": np.random.default_rng(3).standard_normal((40, 60)),
    "rows down to 1e-12": np.geomspace(1, 1e-12, 40)[SHUFFLED, None] * TURN,
    "rows that depend on each other": TURN[:, :20] @ OTHER[:20],
    "a spectrum down to 1e-12 in equal rows": TURN @ (np.geomspace(1, 1e-12, 40)[:, None] * OTHER),
    "squares that do not fit": np.random.default_rng(3).standard_normal((20, 30)) * 1e200,
    "zeros": np.zeros((3, 2)),
    "no rows": np.zeros((0, 3)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_singular_values_keep_their_digits(name):
    for matrix in (MATRICES[name], MATRICES[name].T):
        expected = np.linalg.svd(matrix, compute_uv=False)
        np.testing.assert_allclose(
            singular_values(matrix), expected, rtol=1e-13, atol=1e-13 * expected.max(initial=0.0)
        )

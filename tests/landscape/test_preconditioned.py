"""The Hessian as Adam sees it, against dense matrices and against PyTorch's own update."""

import numpy as np
import pytest
import torch

from drillcore.landscape.lanczos import lanczos
from drillcore.landscape.preconditioned import preconditioned
from stages.rig.torch.moments import preconditioner
from stages.rig.torch.training import arrays


def test_the_sharpness_of_a_quadratic_with_a_known_preconditioner():
    random = np.random.default_rng(0)
    root = random.standard_normal((6, 6))
    hessian, diagonal = root @ root.T, random.uniform(0.1, 10, 6)
    found = lanczos(preconditioned(lambda v: hessian @ v, diagonal), np.ones(6), 6).ritz()[0][-1]
    assert found == pytest.approx(np.linalg.eigvals(hessian / diagonal[:, None]).real.max())


def test_a_weight_without_a_gradient_is_left_out():
    hessian, diagonal = np.diag([2.0, 900.0]), np.array([1.0, np.inf])
    found = lanczos(preconditioned(lambda v: hessian @ v, diagonal), np.ones(2), 2).ritz()[0][-1]
    assert found == pytest.approx(2.0)


def test_it_is_what_pytorchs_adam_divides_by():
    torch.manual_seed(0)
    model, images = torch.nn.Linear(5, 3), torch.randn(8, 5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(4):
        before = np.concatenate([weight.detach().numpy().ravel().copy() for weight in model.parameters()])
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()
    states = {str(number): arrays(state) for number, state in optimizer.state_dict()["state"].items()}
    divided_by = preconditioner({"step": 4, "trainer": {"optimizer": states}}, model)
    mean = np.concatenate([states[number]["exp_avg"].ravel() for number in ("0", "1")]) / (1 - 0.9**4)
    moved = np.concatenate([weight.detach().numpy().ravel() for weight in model.parameters()]) - before
    np.testing.assert_allclose(moved, -0.01 * mean / divided_by, rtol=1e-3, atol=1e-8)


def test_before_the_first_step_there_is_none():
    model = torch.nn.Linear(2, 1)
    assert preconditioner({"step": 0, "trainer": {"optimizer": {}}}, model) is None

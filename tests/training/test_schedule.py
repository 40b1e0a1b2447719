import pytest
import torch

from stages.rig.card import Training
from stages.rig.training.schedule import learning_rate

STEPS = 40
SCHEDULERS = {
    "constant": lambda optimizer: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
    "cosine": lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS),
    "step": lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [STEPS // 2, 3 * STEPS // 4]),
}


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_rates_are_those_of_pytorch_s_own_schedulers(schedule):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
    scheduler = SCHEDULERS[schedule](optimizer)
    training = Training(learning_rate=0.3, schedule=schedule)
    for step in range(1, STEPS + 1):
        assert learning_rate(training, step, STEPS) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()

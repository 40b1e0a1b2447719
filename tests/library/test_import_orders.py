"""In whatever order a program imports the frameworks and this library, nothing ends its process."""

import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("keras", "tensorflow", "torch", "drillcore")
USUAL = [("keras", "drillcore"), ("keras", "torch", "drillcore"), ("drillcore", "torch", "keras")]


ORDERS = [order for order in permutations(NAMES) if order.index("tensorflow") <= order.index("keras") + 1]
"""All that differ: Keras loads TensorFlow, whatever else is imported between the two."""


def fit_and_extract(order):
    command = [sys.executable, "-m", "tests.library.import_order", *order]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["in_keras"] * ("keras" in order) + ["in_torch"] * ("torch" in order)


@pytest.mark.parametrize("order", USUAL, ids=" ".join)
def test_usual_orders(order):
    fit_and_extract(order)


@pytest.mark.soak
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_every_order(order):
    fit_and_extract(order)

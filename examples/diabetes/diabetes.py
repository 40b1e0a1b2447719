"""The diabetes table of scikit-learn: ten measurements of 442 patients, and how the disease went on a year later."""

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split


def make():
    """The measurements as features and the progression as the number to be learnt; a fifth of the patients for testing."""
    table = load_diabetes(scaled=False)
    train, test, progression, of_test = train_test_split(table.data, table.target, test_size=0.2, random_state=0)
    return {"train": (train, progression), "test": (test, of_test), "columns": table.feature_names}

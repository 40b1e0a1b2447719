"""Further trainings of a network, alike but for the seed: how much of what is seen would come out the same?

They are trained one after the other in the process of the first, and not recorded. What is complete is kept where a training
is killed, and a further training that is not begins anew.
"""

import shutil

from drillcore.artifacts.history import COLUMNS, History, write_history
from drillcore.artifacts.metrics import Metrics, write_metrics
from drillcore.artifacts.replicates import FOLDER, folder_of, histories, interval_of
from stages.rig.base.command import say

SEEDS = 2**32
JUDGED = "val_loss", "val_accuracy", "val_f1"
"""What metrics.json has an interval of."""


class Rows:
    """What a further training reports its history to: it keeps the rows, and shows nothing else."""

    def __init__(self):
        self.rows = []

    def step(self, step, scalars):
        """Take no notice of a step."""

    def epoch(self, row):
        """Keep the metrics of an epoch."""
        self.rows.append({key: row.get(key) for key in COLUMNS})

    def close(self):
        """There is nothing to finish."""


def train_replicates(replicate, card, training, validation, folder):
    """Train `card` with its further seeds by `replicate`, that of its framework, and tell intervals over all in
    metrics.json; `folder` is that of the unfinished training."""
    (folder / FOLDER).mkdir(exist_ok=True)
    for number in range(1, card.replicates):
        seed = (card.seed + number) % SEEDS
        target = folder_of(folder, seed)
        if target.exists():
            continue
        part, history = target.with_name(f".{target.name}.part"), Rows()
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        replicate(card.model_copy(update={"seed": seed}), training, validation, part, history)
        write_history(part / History.FILE, history.rows)
        part.rename(target)
        last = history.rows[-1]
        say(f"seed {seed}: validation loss {last['val_loss']:.4f}, accuracy {last['val_accuracy']:.4f}")
    if card.replicates > 1:
        write_metrics(folder / Metrics.FILE, with_intervals(folder))


def with_intervals(folder):
    """The last row of the network's history, and the mean and the half width of the interval over all trainings."""
    first = histories(folder)[0]
    row = {name: int(first[name][-1]) if name == "epoch" else float(first[name][-1]) for name in COLUMNS}
    for name in JUDGED:
        found = interval_of(folder, name)
        row |= {f"{name}_mean": found.mean, f"{name}_interval": found.half}
    return {**row, "seeds": found.count}

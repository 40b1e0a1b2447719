"""Further trainings of a network, alike but for the seed: how much of what is seen would come out the same?

They are trained one after the other in the process of the first, and not recorded. What is complete is kept where a training
is killed, and a further training that is not begins anew.
"""

import csv
import shutil

from drillcore.artifacts.history import History, write_history
from drillcore.artifacts.metrics import Metrics, write_metrics
from drillcore.artifacts.replicates import FOLDER, LAST, folder_of, histories, interval_of, seeds_of
from drillcore.base.store import whole
from drillcore.tasks import SCORES, TASKS
from stages.rig.base.command import say

SEEDS = 2**32


class Rows:
    """What a further training reports its history to: it keeps the rows, with the columns of its `task`, and shows nothing
    else."""

    def __init__(self, task):
        self.task, self.rows = TASKS[task], []

    def step(self, step, scalars):
        """Take no notice of a step."""

    def epoch(self, row):
        """Keep the metrics of an epoch."""
        self.rows.append({key: row.get(key) for key in self.task.columns()})

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
        part, history = target.with_name(f".{target.name}.part"), Rows(card.scored_as())
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        replicate(card.model_copy(update={"seed": seed}), training, validation, part, history)
        write_history(part / History.FILE, history.rows)
        part.rename(target)
        last, scores = history.rows[-1], history.task.scores[:1]
        found = "".join(f", {SCORES[score]} {last[f'val_{score}']:.4f}" for score in scores)
        say(f"seed {seed}: validation loss {last['val_loss']:.4f}{found}")
    write_last(folder, card.seed)
    if card.replicates > 1:
        write_metrics(folder / Metrics.FILE, with_intervals(folder))


def write_last(folder, seed):
    """Write the last metrics of all trainings, that with the network's `seed` first: the folder of a network without further
    seeds would else be empty, of which DVC warns."""
    found = dict(zip([seed, *seeds_of(folder)], histories(folder), strict=True))
    with whole(folder / FOLDER / LAST) as part, open(part, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", *found[seed]])
        for number, history in found.items():
            last = [float(history[name][-1]) for name in history]
            writer.writerow([number, *(f"{value:.17g}" if value == value else "" for value in last)])


def with_intervals(folder):
    """The last row of the network's history, and of its test the mean and half width of the interval over all trainings."""
    first = histories(folder)[0]
    row = {name: int(first[name][-1]) if name == "epoch" else float(first[name][-1]) for name in first}
    for name in [name for name in first if name.startswith("val_")]:
        found = interval_of(folder, name)
        row |= {f"{name}_mean": found.mean, f"{name}_interval": found.half}
    return {**row, "seeds": found.count}

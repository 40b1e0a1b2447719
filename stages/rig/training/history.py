"""What a training reports, the same for both frameworks: console, history.csv, metrics.json, TensorBoard."""

import os
import socket
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from drillcore.artifacts.history import History as HistoryFile
from drillcore.artifacts.history import write_history
from drillcore.artifacts.metrics import Metrics, write_metrics
from drillcore.base.store import naming
from drillcore.tasks import SCORES, TASKS
from stages.rig.base.command import say


class History:
    """The history of one training, written to `folder` as it grows.

    `epoch` adds a row to history.csv and rewrites metrics.json, each whole at any moment; `step` adds the scalars of a
    step to tensorboard/, which can be watched meanwhile. The `task` says which columns a row has, `axis` what counts them.
    """

    def __init__(self, folder, epochs, task="classification", axis="epoch"):
        self.folder, self.epochs, self.task, self.axis, self.rows = Path(folder), epochs, TASKS[task], axis, []
        self.scalars = Scalars(self.folder / "tensorboard")

    def step(self, step, scalars):
        """Show `scalars`, a mapping of tags to numbers, at `step`."""
        self.scalars.add(scalars, step)

    def epoch(self, row):
        """Report `row`, a mapping with the task's columns; those of a training are missing where there was none."""
        columns = self.task.columns()
        self.rows.append({key: row.get(key) for key in columns})
        say(f"{self.axis} {row['epoch']}/{self.epochs}: {self.sentence(row)}")
        self.scalars.add({f"epoch/{key}": row[key] for key in columns[1:] if key in row}, row["epoch"])
        self.scalars.flush()
        write_history(self.folder / HistoryFile.FILE, self.rows)
        write_metrics(self.folder / Metrics.FILE, self.rows[-1])

    def sentence(self, row):
        """A `row` in words."""
        scores = self.task.scores
        parts = [("", "train", scores[:1]), ("validation ", "val", scores)]
        return "; ".join(
            f"{of}loss {row[f'{split}_loss']:.4f}"
            + "".join(f", {SCORES[name].removeprefix('macro ')} {row[f'{split}_{name}']:.4f}" for name in names)
            for of, split, names in parts
            if f"{split}_loss" in row
        )

    def close(self):
        """Finish TensorBoard's file."""
        self.scalars.close()

    def state(self):
        """What the next epoch starts from; call after `epoch`."""
        return {"rows": self.rows, "scalars": self.scalars.state()}

    def restore(self, state):
        """Go on from what `state` returned: whatever was reported later is taken back."""
        self.rows = state["rows"]
        self.scalars.restore(state["scalars"])


class Silent:
    """A history that keeps nothing: of a replay, whose training has told its own."""

    def step(self, step, scalars):
        """Tell nothing of a step."""


class Scalars:
    """TensorBoard's event file of scalars in `folder`.

    It is made of TensorBoard's own records and messages: its ready writers, and those of both frameworks, load
    TensorFlow or PyTorch wherever they are installed, seconds that the other framework's training does not need.
    """

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self.file = None

    def add(self, scalars, step):
        """Add `scalars`, a mapping of tags to numbers, at `step`."""
        values = [Summary.Value(tag=tag, simple_value=float(value)) for tag, value in scalars.items()]
        self.write(step=step, summary=Summary(value=values))

    def write(self, **content):
        if self.file is None:
            self.open("wb")
        with naming(self.path):
            self.records.write(Event(wall_time=time.time(), **content).SerializeToString())

    def open(self, mode):
        self.file = self.path.open(mode)
        self.records = RecordWriter(self.file)
        if self.file.tell() == 0:
            self.write(file_version="brain.Event:2")

    def state(self):
        """The file's name and its length in bytes."""
        self.flush()
        return {"name": self.path.name, "length": self.file.tell()}

    def restore(self, state):
        """Go on with the file of `state`, cut to its length."""
        self.path = self.path.with_name(state["name"])
        os.truncate(self.path, state["length"])
        self.open("ab")

    def flush(self):
        """Make what was added visible to a running TensorBoard."""
        with naming(self.path):
            self.file.flush()

    def close(self):
        """Finish the file."""
        self.flush()
        self.file.close()

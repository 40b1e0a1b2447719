"""python -m tests.reliability.killed_while_writing KEY COMMAND... : a command of DVC's that is killed while it writes.

It dies by SIGKILL with half of the first file written whose data have KEY at their top.
"""

import io
import json
import os
import signal
import sys

from dvc.cli import main
from ruamel.yaml import YAML


def half(dump, key):
    """A function in place of `dump`, or of a writer's method, that writes half of data with `key`, and kills its process."""

    def killing(*writer_data_stream):
        *writer, data, stream = writer_data_stream
        whole = io.StringIO()
        dump(*writer, data, whole)
        text = whole.getvalue()
        if key in data:
            stream.write(text[: len(text) // 2])
            stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        stream.write(text)

    return killing


if __name__ == "__main__":
    YAML.dump, json.dump = (half(dump, sys.argv[1]) for dump in (YAML.dump, json.dump))
    sys.exit(main(sys.argv[2:]))

"""A recording that is killed before it ends."""

import os
import signal
import sys

import numpy as np

from drillcore.recording.recorder import GradientRecorder

weight = [np.zeros(3, np.float32)]
with GradientRecorder({"weight": 3}, sys.argv[1], [1e-7]) as recorder:
    for step in range(2000):
        recorder.record(step, 1, 0.0, weight, weight)
    os.kill(os.getpid(), signal.SIGKILL)

"""Draw with two processes, the first of which waits at its figure."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

from matplotlib.figure import Figure

from stages.rig.drawing import draw


def figures():
    yield "first", lambda: time.sleep(60)
    yield "second", Figure


draw(figures, (), Path(sys.argv[1]), "noise", SimpleNamespace(dpi=50, pdf=False), workers=2)

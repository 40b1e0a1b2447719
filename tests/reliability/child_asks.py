"""Have a template run a stage that sleeps."""

import os
import sys

from drillcore_engines.templates import Templates

Templates().run("OMP_NUM_THREADS=1 python -m stages.echo sleeps", dict(os.environ, DVC_STAGE="echo@first"), sys.argv[1])

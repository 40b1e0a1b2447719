"""A stage's command line: positional arguments in, one clear sentence out when the input is bad."""

import argparse
import inspect
import os
import sys


class InputError(ValueError):
    """A user's mistake: one sentence that names the value, what is allowed, and the remedy."""


def command(main):
    """Run `main` on the command line's arguments, one for each of its parameters, all strings.

    Ends the process with status 1 and one sentence on an `InputError`, with status 130 on Ctrl-C, both without a
    traceback; every other exception is a defect and keeps its traceback.
    """
    stage = inspect.getmodule(main).__spec__.name.removesuffix(".__main__")
    parser = argparse.ArgumentParser(prog=f"python -m {stage}", description=inspect.getdoc(main))
    for name in inspect.signature(main).parameters:
        parser.add_argument(name)
    # OpenMP's threads wait for each other in a busy loop unless told otherwise before they are loaded: stages that share
    # the cores then take three times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        main(**vars(parser.parse_args()))
    except InputError as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        print(f"{stage}: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)

"""A stage's command line: positional arguments in, one clear sentence out when the input is bad."""

import argparse
import inspect
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
    try:
        main(**vars(parser.parse_args()))
    except InputError as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        print(f"{stage}: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)

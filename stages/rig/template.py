"""A process that has loaded what stages load, and runs each stage of each network as a fork of itself.

DVC's process asks for it: see engines/drillcore_engines/templates.py. A fork begins with the modules alone; it takes its
arguments and environment from the request, runs as `python -m stages.<stage>` would, and leaves nothing behind.
"""

import atexit
import gc
import json
import os
import re
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from stages.rig.base.process import end_on_interrupt, wait_asleep

ROOT = Path(__file__).parents[2]

OF_FRAMEWORK = {"stages.train": "training", "stages.activations": "inspection", "stages.curvature": "network"}
"""The module that a stage loads of its network's framework."""

THREADS = "OMP_NUM_THREADS"


def serve():
    """Answer the requests on the socket in `sys.argv[1]`, each a line of JSON [arguments, environment], with the status of
    the stage, or "other" where it wants another framework than the first did; end without an answer where modules that are
    loaded have changed."""
    wait_asleep()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the fork takes it, and says so
    gc.set_threshold(50_000)
    channel = socket.socket(fileno=int(sys.argv[1]))
    framework, files = None, {}
    for line in channel.makefile("rb"):
        arguments, environment = json.loads(line)
        wanted, modules = modules_of(arguments)
        if framework not in (None, wanted):
            channel.sendall(b"other")
            continue
        if written(files) != files:
            return
        framework = wanted
        if not sys.modules.keys() >= modules:
            with suppress(Exception):  # the fork meets it again, and says it
                for name in modules:
                    import_module(name)
            files = written()
            gc.freeze()
        fork = os.fork()
        if not fork:
            channel.detach()
            os._exit(run(arguments, environment))
        channel.sendall(b"%d" % status(fork, channel))


def modules_of(arguments):
    """The framework that the stage of these arguments loads, "" for none, and the modules: its own and that of its
    network's framework."""
    stage, *names = arguments[1:]
    if stage in OF_FRAMEWORK:
        with suppress(OSError, ValueError, IndexError):  # the fork meets it again, and says it
            card = Path("artifacts", names[0], "network.yaml").read_text()
            if found := re.search(r"^framework: (\w+)$", card, re.MULTILINE):
                return found[1], {stage, f"stages.rig.{found[1]}.{OF_FRAMEWORK[stage]}"}
    return "", {stage}


def written(paths=None):
    """When each of `paths`, by default the files of this project that are loaded, was last written, and its size."""
    if paths is None:
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        paths = [file for file in files if file and Path(file).is_relative_to(ROOT)]
    found = {}
    for path in paths:
        with suppress(OSError):
            state = os.stat(path)
            found[path] = state.st_mtime_ns, state.st_size
    return found


def status(fork, channel):
    """Wait for a fork; its status. Where DVC's process is gone first, the fork ends too."""
    ended = os.pidfd_open(fork)
    ready, _, _ = select.select([ended, channel], [], [])
    if ended not in ready:
        os.kill(fork, signal.SIGKILL)
        sys.exit()
    os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])


def run(arguments, environment):
    """Run a stage in this process as Python's command line would, and return its status."""
    as_loaded = os.environ.get(THREADS)
    os.environ.clear()
    os.environ.update(environment)
    if environment.get(THREADS) != as_loaded:
        set_threads(environment.get(THREADS))
    _, stage, *rest = arguments
    sys.argv, sys.orig_argv = [stage, *rest], [sys.executable, *arguments]
    Path("/proc/self/comm").write_text(stage.removeprefix("stages."))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_on_interrupt(" ".join(arguments[1:]))
    sys.modules.pop(stage, None)
    code = 0
    try:
        runpy.run_module(stage, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code & 0xFF


def set_threads(number):
    """Have the libraries that are loaded compute with as many threads as they would, had OMP_NUM_THREADS been `number`."""
    from threadpoolctl import threadpool_limits

    with suppress(ValueError):  # the stage says what is wrong with the number
        threadpool_limits(int(number or len(os.sched_getaffinity(0))))

"""Stages as forks of a process that has loaded what they load: of eight networks, seven start at once.

A stage of a few seconds spends half of a second to two seconds on imports. DVC runs the same stage of one network after the
other, so the process that loads for the first is kept for the others, until another stage or environment is asked for. The
process is `stages.rig.template`, which knows what a stage loads; this module starts it and asks it.
"""

import atexit
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import suppress

STAGE = re.compile(r"""(?:[A-Z_]+=\w* )*python -m stages\.\w+(?: -?[^;&|<>()`'\n]*)?""")
"""A command that is a stage of this project and nothing else."""

AS_ASKED = """python() { printf '%s\\0' "$#" "$@"; exec env -0; }; """
"""For a shell: instead of Python, print its arguments and its environment."""


def available():
    """Whether this system has what templates need: Linux, since 5.3."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class Templates:
    """The one process that is kept, and what it is for."""

    def __init__(self):
        self.process = self.channel = self.fits = None
        atexit.register(self.end)

    def run(self, command, environment, folder):
        """The return code of `command`, a stage, as `subprocess.Popen` would give it."""
        arguments, environment = asked(command, environment, folder)
        fits = folder, arguments[1], {name: value for name, value in environment.items() if name != "DVC_STAGE"}
        request = json.dumps([arguments, environment]).encode() + b"\n"
        if fits != self.fits or (code := self.ask(request)) is None:
            self.start(environment, folder)
            self.fits, code = fits, self.ask(request)
        if code is None:
            self.channel.close()
            code, self.fits = self.process.wait(), None
        return code

    def ask(self, request):
        """Send a request; the return code of its stage, or None where the process does not take it."""
        with suppress(OSError):
            self.channel.sendall(request)
            answer = self.channel.recv(16)
            return int(answer) if answer else None

    def start(self, environment, folder):
        """Start a process that has loaded nothing yet; the one before ends."""
        self.end()
        self.channel, other = socket.socketpair()
        command = [sys.executable, "-c", "from stages.rig.template import serve; serve()", str(other.fileno())]
        self.process = subprocess.Popen(command, env=environment, cwd=folder, pass_fds=[other.fileno()])
        other.close()

    def end(self):
        """End the process, which waits for nothing else."""
        if self.process:
            self.channel.close()
            self.process.wait()


def asked(command, environment, folder):
    """What `command` would call Python with: its arguments and environment, as a shell understands them."""
    shell = ["/bin/sh", "-c", AS_ASKED + command]
    found = subprocess.run(shell, env=environment, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    count, *words = os.fsdecode(found).split("\0")[:-1]
    return words[: int(count)], dict(word.split("=", 1) for word in words[int(count) :])

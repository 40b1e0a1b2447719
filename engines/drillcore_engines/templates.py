"""Stages as forks of processes that have loaded what they load: of a hundred stages, all but a few start at once.

A stage of a few seconds spends half of a second to three seconds on imports. So a process that has loaded them is kept for
the stages that follow: one for those that need neither framework, and one for each framework. The process is
`stages.rig.template`, which knows what a stage loads; this module starts it and asks it.
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


OTHER = "other"
"""What a process answers to a stage that wants another framework than those before."""

FREE = {"DVC_STAGE", "OMP_NUM_THREADS"}
"""The variables that a fork can have other values of than the process that it comes from."""


class Templates:
    """The processes that are kept, for one folder and one environment."""

    def __init__(self):
        self.kept, self.fit = [], None
        atexit.register(self.end)

    def run(self, command, environment, folder):
        """The return code of `command`, a stage, as `subprocess.Popen` would give it."""
        arguments, environment = asked(command, environment, folder)
        fit = folder, {name: value for name, value in environment.items() if name not in FREE}
        if fit != self.fit:
            self.end()
            self.fit = fit
        request = json.dumps([arguments, environment]).encode() + b"\n"
        for template in list(self.kept):
            answer = template.ask(request)
            if answer is None:
                self.kept.remove(template)
                template.end()
            elif answer != OTHER:
                return int(answer)
        template = Template(environment, folder)
        answer = template.ask(request)
        if answer is None:
            return template.end()
        self.kept.append(template)
        return int(answer)

    def end(self):
        """End all processes."""
        while self.kept:
            self.kept.pop().end()


class Template:
    """A process that has loaded nothing yet, and keeps what its stages load."""

    def __init__(self, environment, folder):
        self.channel, other = socket.socketpair()
        command = [sys.executable, "-c", "from stages.rig.template import serve; serve()", str(other.fileno())]
        self.process = subprocess.Popen(command, env=environment, cwd=folder, pass_fds=[other.fileno()])
        other.close()

    def ask(self, request):
        """Send a request; the answer, OTHER or its stage's return code, or None where the process has ended."""
        with suppress(OSError):
            self.channel.sendall(request)
            return self.channel.recv(16).decode() or None

    def end(self):
        """End the process, which waits for nothing else; its return code."""
        self.channel.close()
        return self.process.wait()


def asked(command, environment, folder):
    """What `command` would call Python with: its arguments and environment, as a shell understands them."""
    shell = ["/bin/sh", "-c", AS_ASKED + command]
    found = subprocess.run(shell, env=environment, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    count, *words = os.fsdecode(found).split("\0")[:-1]
    return words[: int(count)], dict(word.split("=", 1) for word in words[int(count) :])

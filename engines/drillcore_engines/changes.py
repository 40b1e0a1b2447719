"""The changes to DVC and Snakemake, each a function of the module that it changes."""

import fcntl
import os
import re
import signal
import socket
import sys
import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape, glob
from importlib.metadata import version
from io import StringIO
from itertools import count
from types import SimpleNamespace

from drillcore_engines import KNOWN
from drillcore_engines.whole_files import WholeFiles

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of a network, a data set or a comparison of widths: the same as in stages/rig, which DVC's process does not load."""


@cache
def known(engine):
    """Whether an engine has the version that the changes are written for."""
    return version(engine) == KNOWN[engine]


def refuse_another(module):
    """Say in one line that another version of an engine stays as it is."""
    engine = module.__name__
    if not known(engine):
        print(
            f"drillcore: {engine} {version(engine)} stays as it is, and a kill can leave half of a file that it needs; how "
            f"to prevent that is known for {KNOWN[engine]}: run `pip install -r requirements/pipeline.txt`.",
            file=sys.stderr,
        )


def find_own_commands(_):
    """Put the folder of this Python first on PATH: a stage's command is `python`, and has to be this one."""
    own, path = os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != own:
        os.environ["PATH"] = own + os.pathsep + path


def write_data_whole(module):
    """Write dvc.lock, dvc.yaml and params.yaml whole."""
    dump = module._dump_data
    module._dump_data = lambda path, data, dumper, fs=None, **options: dump(
        path, data, dumper, WholeFiles(fs), **options
    )


def write_config_whole(module):
    """Write .dvc/config and .dvc/config.local whole."""
    of_level = module.Config._get_fs
    module.Config._get_fs = lambda self, level: WholeFiles(of_level(self, level))


def write_rwlock_whole(module):
    """Write DVC's list of the files in use whole, and take a process for dead that nobody has waited for yet.

    It is rewritten eight times for a stage that is up to date, and stands for processes alone: it may wait for the disk.
    """
    import psutil

    def at_work(pid):
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    edit = module._edit_rwlock
    module._edit_rwlock = lambda folder, fs, hardlink: edit(folder, WholeFiles(fs, durable=False), hardlink)
    module.psutil = SimpleNamespace(pid_exists=at_work)


def read_parameters_once(module):
    """Parse params.yaml when it changes: DVC parses it six times for each stage, in Python."""
    from dvc.fs import LocalFileSystem

    load, known = module.load_path, {}

    def load_path(path, fs, **options):
        if not isinstance(fs, LocalFileSystem) or not os.path.isfile(path):  # at a commit, or for DVC to say
            return load(path, fs, **options)
        state = os.stat(path)
        version = state.st_ino, state.st_mtime_ns, state.st_size
        if path not in known or known[path][0] != version:
            known[path] = version, load(path, fs, **options)
        return known[path][1]

    module.load_path = load_path


def write_yaml_well(module):
    """Keep the quotes in params.yaml when it is rewritten: within brackets DVC's reader needs those around a colon. Write
    data without comments in C: DVC writes what it knows of each run of a stage in Python."""
    dump = module._dump
    plain = dict, OrderedDict
    module._dump = lambda data, stream: stream.write(dumped(data)) if type(data) in plain else dump(data, stream)

    def parse_yaml_for_update(text, path):
        from ruamel.yaml import YAML, YAMLError

        reader = YAML()
        reader.preserve_quotes = True
        with module.reraise(YAMLError, module.YAMLFileCorruptedError(path)):
            return reader.load(text) or {}

    module.parse_yaml_for_update = parse_yaml_for_update


def leave_what_is_equal(module):
    """Change nothing but what `dvc exp run --set-param` names: DVC replaces each value, and loses how it is written."""
    merge = module._merge_item

    def merge_item(values, key, value):
        if key not in values or not same(values[key], value):
            merge(values, key, value)

    module._merge_item = merge_item


def same(old, new):
    """Whether two values of parameters are equal, of one type too: 1 is neither 1.0 nor true."""
    if isinstance(new, list):
        return isinstance(old, list) and len(old) == len(new) and all(map(same, old, new))
    return isinstance(old, type(new)) and isinstance(old, bool) == isinstance(new, bool) and old == new


def rewrite_lock_fast(module):
    """Read and write of dvc.lock what changed: DVC reads and writes all of it after every stage, in Python."""
    from dvc.utils.serialize import _common, _yaml

    modify, lock = module.modify_yaml, LockText(_yaml.parse_yaml)

    @contextmanager
    def modify_yaml(path, fs=None):
        is_lock = os.path.basename(path) == module.LOCK_FILE
        with _common._modify_data(path, lock.parse, lock.write, fs) if is_lock else modify(path, fs) as data:
            yield data

    module.modify_yaml = modify_yaml


class LockText:
    """The text of dvc.lock, each stage's part of it kept; `parse_whole(text, path)` reads what others wrote.

    The bytes are those of one dump of the whole.
    """

    def __init__(self, parse_whole):
        self.parse_whole, self.text, self.data, self.parts = parse_whole, None, {}, {}

    def parse(self, text, path):
        """The data in `text`, of which a caller may change which stages there are, but not within one."""
        if text != self.text:
            self.text, self.data = text, self.parse_whole(text, path)
        return {key: dict(value) if key == "stages" else value for key, value in self.data.items()}

    def write(self, data, file):
        """Write `data` to an open file."""
        stages = data.get("stages")
        of_key = {key: dumped({key: value}) for key, value in data.items() if key != "stages"}
        self.parts = {name: self.part(name, entry) for name, entry in (stages or {}).items()}
        if stages is not None:
            parts = "".join(text for _, text in self.parts.values())
            of_key["stages"] = STAGES + parts if parts else dumped({"stages": {}})
        self.text, self.data = "".join(of_key[key] for key in data), data
        file.write(self.text)

    def part(self, name, entry):
        """The `entry` of a stage, and its text."""
        known = self.parts.get(name)
        return known if known and known[0] == entry else (entry, dumped({"stages": {name: entry}}).removeprefix(STAGES))


STAGES = "stages:\n"


def dumped(data):
    """`data` as YAML, written in C."""
    from ruamel.yaml import YAML

    writer, text = YAML(typ="safe"), StringIO()
    writer.default_flow_style = writer.sort_base_mapping_type_on_output = False
    writer.representer.add_representer(OrderedDict, writer.representer.represent_dict.__func__)
    writer.dump(data, text)
    return text.getvalue()


def fork_stages(module):
    """Run a project's stages as forks of a process that has loaded what they load, where `dvc` runs several of them."""
    from drillcore_engines.templates import STAGE, Templates, available

    if os.path.basename(sys.argv[0]) != "dvc" or not available():
        return
    run, templates = module._run, Templates()

    def run_stage(executable, cmd, **options):
        if not STAGE.fullmatch(cmd):
            return run(executable, cmd, **options)
        with ignored_interrupts():
            code = templates.run(cmd, options["env"], options["cwd"])
        if code:
            raise module.StageCmdFailedError(cmd, code)

    module._run = run_stage


@contextmanager
def ignored_interrupts():
    """Leave Ctrl-C to the stage, as DVC does; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def refuse_names(module):
    """Refuse what a `foreach` goes over by a name that is none: DVC leaves out what is no text, and splits it at a point.

    No stage could say so, for none of that name would run.
    """
    from dvc.parsing.context import CtxDict

    setitem, resolve = CtxDict.__setitem__, module.ForeachDefinition._resolve_foreach_data

    def remember(self, key, value):
        if not isinstance(key, str):
            self.__dict__.setdefault("left_out", []).append(key)
        setitem(self, key, value)

    def checked(self):
        names = resolve(self)
        for name in [*getattr(names, "left_out", []), *(names if isinstance(names, CtxDict) else [])]:
            if not (isinstance(name, str) and NAME.fullmatch(name)):
                raise module.ResolveError(not_a_name(self.foreach_data.strip("${}"), name))
        return names

    CtxDict.__setitem__, module.ForeachDefinition._resolve_foreach_data = remember, checked


def not_a_name(section, name):
    """The sentence for a key `name` of a section of params.yaml that is no name."""
    if not isinstance(name, str):
        return (
            f"params.yaml: {section} has {name}, which YAML reads as {type(name).__name__} and not as a name: put it "
            "within quotes, or rename it."
        )
    return (
        f"params.yaml: {section} has {name!r}, but a name is 1 to 64 letters, digits, - and _, the first a letter or a "
        "digit: rename it."
    )


def let_locks_end(module):
    """Let a lock of Snakemake's end with its process.

    The process holds a `flock` of its lock's file, which the kernel drops when it dies, however it does, and names its
    host in it, for on a network file system only that host may know. Jobs on a cluster outlive Snakemake: a lock that
    stands for some stays until a person has seen to them.
    """
    persistence, owner = module.FilePersistence, f"flock on {socket.gethostname()}\n"
    read, held = persistence._read_locks, []

    def write_locks(self, kind, keys):
        keys = list(keys)
        if keys:
            self._lockfile[kind], lock = new_lock(self._lockdir, kind)
            held.append(lock)
            with suppress(OSError):  # a file system without it: the lock stays until a person removes it
                if self.dag.workflow.local_exec:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    lock.write(owner)
            print(*keys, sep="\n", file=lock, flush=True)

    def read_locks(self):
        for path in glob(os.path.join(escape(self._lockdir), "*.lock")):
            drop_if_dead(path, owner)
        return read(self)

    persistence._write_locks, persistence._read_locks = write_locks, read_locks


def new_lock(folder, kind):
    """The path of a lock's file that nobody has, and the file, made and open."""
    for number in count():
        path = os.path.join(folder, f"{number}.{kind}.lock")
        with suppress(FileExistsError):
            return path, open(path, "x")


def drop_if_dead(path, owner):
    """Remove a lock of Snakemake's that names this `owner` and is held by no process any more."""
    with suppress(FileNotFoundError, BlockingIOError), open(path) as lock:
        if lock.readline() == owner:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock.fileno()), os.stat(path)):  # nobody has cleared and taken it meanwhile
                os.unlink(path)

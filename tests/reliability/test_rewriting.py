"""What DVC writes: params.yaml by `dvc exp run --set-param`, with nothing changed but what it names, and dvc.lock."""

import re
import shutil
from collections import OrderedDict
from io import StringIO
from pathlib import Path

import pytest
from dulwich import porcelain
from dvc import dvcfile
from dvc.dependency.param import read_param_file
from dvc.fs import GitFileSystem, localfs
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dumps_yaml, load_yaml
from ruamel.yaml import YAML

from stages.rig.base.parameters import load
from tests.small_project import ROOT, Project, one_network

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "models/README.md"]
BLOCK = re.compile(r"(?:^In `([^`]+)`, .*:\n\n)?^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A block of YAML, and the file that the line before it names."""
PARTS = [
    (f"{path.name}-{number}", part)
    for path in DOCUMENTS
    for number, (file, part) in enumerate(BLOCK.findall(path.read_text()), 1)
    if file in ("", "params.yaml")
]
"""What the documents show of params.yaml."""

INLINE = [part for path in DOCUMENTS for part in re.findall(r"`(\{[^`\n]*\}|\w+: [^`\n]+)`", path.read_text())]
"""The same within a sentence, `key: value` or `{key: value}`."""


def rewritten(path):
    """The lines of a file after `dvc exp run --set-param added=1`, which adds one at its end."""
    apply_overrides(str(path), ["+added=1"])
    return path.read_text().splitlines()


def test_the_project_s_parameters_change_in_one_line(tmp_path):
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    before = path.read_text().splitlines()
    apply_overrides(str(path), ["bottleneck=2"])
    changed = [pair for pair in zip(before, path.read_text().splitlines(), strict=True) if pair[0] != pair[1]]
    assert changed == [(line, line.replace("4", "2", 1)) for line in before if line.startswith("bottleneck:")]


@pytest.mark.parametrize("part", [part for _, part in PARTS], ids=[name for name, _ in PARTS])
def test_what_the_documents_show_is_left_as_it_is(tmp_path, part):
    path = tmp_path / "params.yaml"
    path.write_text(part if not part[0].isspace() else f"networks:\n{part}")
    before, values = path.read_text().splitlines(), load(path)
    after = rewritten(path)
    assert load(path) == {**values, "added": 1}
    assert [re.sub(r" +#", " #", line) for line in after] == [
        *(re.sub(r" +#", " #", line) for line in before),
        "added: 1",
    ]


@pytest.mark.parametrize("part", INLINE)
def test_a_value_within_a_sentence_is_left_as_it_is(tmp_path, part):
    path = tmp_path / "params.yaml"
    path.write_text(f"first: {part}\n" if part.startswith("{") else f"{part}\n")
    before = path.read_text().splitlines()
    assert rewritten(path) == [*before, "added: 1"]


FORMS = """\
x-training: &short {epochs: 1, batch_size: 500}
networks:
  braces: {build: "my.py:make", layers: ["conv1", 'layer?.*']}
  merged:
    <<: *short
    build: my.py:make   # a comment
  shared: {training: *short, numbers: [1, 1.0, 1.0e-7, 010, true, null, "no", "1e5"]}
"123":
- [a, "b: c"]
- text: |
    two
    lines
"""


def test_quotes_anchors_comments_and_brackets_survive(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(FORMS)
    values = load(path)
    assert rewritten(path) == [*FORMS.splitlines(), "added: 1"]
    assert load(path) == {**values, "added": 1} == load_yaml(str(path))


VALUES = ["1", "1.0", "true", "'1'", "[1]", "[1, 2.0]", "[1, 2]"]


@pytest.mark.parametrize("new", VALUES)
@pytest.mark.parametrize("old", VALUES)
def test_a_value_is_left_as_it_is_written_only_if_it_has_the_same_type(tmp_path, old, new):
    path, wanted = tmp_path / "params.yaml", tmp_path / "wanted.yaml"
    path.write_text(f"value: {old}\n")
    wanted.write_text(f"value: {new}\n")
    apply_overrides(str(path), [f"value={new}"])
    assert repr(load(path)) == repr(load(wanted))


def test_the_lock_is_written_as_dvc_writes_it(tmp_path):
    path, lock = tmp_path / "dvc.lock", {"schema": "2.0", "stages": {"define@a-1": stage_entry("data/a.h5")}}
    path.write_text(written_in_python({}))
    rewrite(path, lambda data: data.update(lock), lock)
    lock["stages"]["define@b"] = stage_entry("data/b.h5")
    rewrite(path, lambda data: data["stages"].update({"define@b": stage_entry("data/b.h5")}), lock)
    lock["stages"]["define@a-1"] = stage_entry("data/c.h5")
    rewrite(path, lambda data: data["stages"].update({"define@a-1": stage_entry("data/c.h5")}), lock)
    lock["datasets"] = [{"name": "mine", "url": "s3://a"}]
    path.write_text(written_in_python(lock).replace("data/b.h5", "data/d.h5"))  # by another process
    lock["stages"]["define@b"] = stage_entry("data/d.h5")
    rewrite(path, lambda data: None, lock)
    for name in ("define@a-1", "define@b"):
        del lock["stages"][name]
        rewrite(path, lambda data, name=name: data["stages"].pop(name), lock)


def test_data_is_written_as_dvc_writes_it():
    entry = stage_entry("data/a.h5")
    assert dumps_yaml(entry) == dumps_yaml(dict(entry)) == written_in_python(entry)


def written_in_python(data):
    """`data` as YAML by the writer that DVC itself takes."""
    writer, text = YAML(), StringIO()
    writer.default_flow_style = False
    writer.representer.add_representer(OrderedDict, writer.representer.represent_dict.__func__)
    writer.dump(data, text)
    return text.getvalue()


def test_parameters_are_those_of_the_file_now_or_at_the_commit_that_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("params.yaml")
    path.write_text("threads: 1\n")
    tree = porcelain.init(".").get_worktree()
    tree.stage(["params.yaml"])
    first = tree.commit(b"first", committer=b"a <a@b>", author=b"a <a@b>").decode()
    assert read_param_file(localfs, "params.yaml", ["threads"], flatten=True) == {"threads": 1}
    path.write_text("threads: 2\n")
    assert read_param_file(localfs, "params.yaml", ["threads"], flatten=True) == {"threads": 2}
    assert read_param_file(GitFileSystem(path=".", rev=first), "params.yaml") == {"threads": 1}
    assert read_param_file(localfs, "params.yaml") == {"threads": 2}
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_param_file(localfs, "params.yaml")


def stage_entry(path):
    """What dvc.lock holds of a stage that reads `path`, as DVC has it."""
    return OrderedDict(
        cmd='python -m stages.define -- "${DVC_STAGE#define@}" ' + "and more " * 12,
        deps=[{"path": path, "hash": "md5", "md5": "0" * 32, "size": 12}],
        params={"params.yaml": {"svd": {"share": 0.99, "list": [1e-7, 2.0, True, "no", "010", ""]}}},
        outs=[{"path": "artifacts/a-1", "md5": "1e5", "size": 3, "nfiles": 2}],
    )


def rewrite(path, change, wanted):
    """Let DVC `change` the lock at `path`, which then is as its writer writes all that is `wanted`."""
    with dvcfile.modify_yaml(str(path)) as data:
        change(data)
        assert type(data) is dict  # a reader that keeps comments has a mapping of its own
    assert path.read_text() == written_in_python(wanted)
    with dvcfile.modify_yaml(str(path)) as data:
        assert data == wanted


def test_an_experiment_takes_a_file_with_quotes_within_braces(tmp_path):
    project = Project(tmp_path)
    project.change(one_network)
    with (tmp_path / "params.yaml").open("a") as file:
        file.write('x-mine: {build: "my.py:make", dataset: cells}\n')
    project.commit()
    project.run("dvc", "exp", "run", "--set-param", "bottleneck=2", "download@mnist")
    assert 'x-mine: {build: "my.py:make", dataset: cells}\n' in (tmp_path / "params.yaml").read_text()
    assert load(tmp_path / "params.yaml")["bottleneck"] == 2

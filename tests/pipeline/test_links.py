"""What the engines see of links in models/: why those to files serve, and those to folders are refused."""

import pytest
from dvc.repo import Repo

from stages.rig.graph import content_changed

GRAPH = "stages: {look: {cmd: 'true', deps: [models]}}"


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A pipeline whose one stage depends on models/, with a link to a file and one to a folder in it, and has run."""
    monkeypatch.chdir(tmp_path)
    for name in ("models", "run"):
        (tmp_path / name).mkdir()
    for name in ("net.py", "run/1.pth"):
        (tmp_path / name).write_text("before")
    (tmp_path / "models/net.py").symlink_to(tmp_path / "net.py")
    (tmp_path / "models/run").symlink_to(tmp_path / "run")
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    repo = Repo.init(no_scm=True)
    repo.reproduce()
    return repo


def test_a_change_behind_a_link_to_a_file_is_seen(repo, tmp_path):
    assert repo.status() == {}
    assert not content_changed(repo.index.stages[0])
    (tmp_path / "net.py").write_text("after!")  # of the same length
    assert repo.status() == {"look": [{"changed deps": {"models": "modified"}}]}
    assert content_changed(repo.index.stages[0])


def test_a_change_in_a_folder_that_is_a_link_is_not_seen_and_so_define_refuses_it(repo, tmp_path):
    (tmp_path / "run/1.pth").write_text("after")
    (tmp_path / "run/2.pth").write_text("new")
    assert repo.status() == {}
    assert not content_changed(repo.index.stages[0])

"""A replay's figure calls the network as every other figure does."""

import pytest

from drillcore.artifacts.about import About, write_about
from drillcore.artifacts.replay import ReplayFile, ReplayWriter, replay_path
from drillcore.base.store import create
from drillcore.figures.replays import figures

STEPS = {"step": [5, 6, 7], "epoch": [1, 1, 2], "loss": [0.5, 0.4, 0.3], "learning_rate": [0.1] * 3}


@pytest.mark.parametrize("title", ["a title", None])
def test_the_network_is_called_by_its_title_where_it_has_one(tmp_path, title):
    path = replay_path(tmp_path, "window")
    with create(path) as file:
        writer = ReplayWriter(file, {"w": 3}, [])
        for values in zip(*STEPS.values(), strict=True):
            for name, value in zip(STEPS, values, strict=True):
                writer.append(name, value)
        writer.finish("net", "sgd", "a source", 0, None)
    if title:
        (tmp_path / "net").mkdir()
        write_about(tmp_path / "net", About(title, 10))
    with ReplayFile(path) as file:
        assert file.title == (title or "net")
    ((_, draw),) = figures(path)
    assert f"{title or 'net'}, steps 5 to 7, not compared" in draw().texts[1].get_text()

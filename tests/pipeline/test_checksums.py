"""The comparison of a default run's bytes with those of an earlier one."""

from tests.pipeline.checksums import checksums, compare

LOCK = """
schema: '2.0'
stages:
  define@a:
    cmd: x
    outs:
    - {path: artifacts/a/network.yaml, md5: card}
    - {path: artifacts/a/code.yaml, md5: code}
  plots@a:
    cmd: x
    outs: [{path: reports/a, md5: figures.dir}]
  train@a:
    cmd: x
    outs:
    - {path: artifacts/a/tensorboard, md5: times.dir}
    - {path: artifacts/a/gradients.h5, md5: counts}
"""


def test_the_files_of_numbers_are_compared(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    assert checksums(tmp_path / "dvc.lock") == {
        "artifacts/a/gradients.h5": "counts",
        "artifacts/a/network.yaml": "card",
    }


def test_on_another_machine_files_with_sums_are_not_compared():
    before = {"artifacts/a/gradients.h5": "counts", "artifacts/a/network.yaml": "card", "data/a.h5": "images"}
    assert compare(before, before, True) == ([], 3)
    now = before | {"artifacts/a/gradients.h5": "other"}
    assert compare(before, now, True) == (["artifacts/a/gradients.h5"], 3)
    assert compare(before, now, False) == ([], 2)
    del now["data/a.h5"]
    assert compare(before, now, False) == (["data/a.h5"], 2)

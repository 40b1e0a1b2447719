"""The page as a file: whole, the same every time, harmless, and honest about what is not there."""

import re
import shutil

import pytest

from drillcore.base.errors import InputError
from stages.report import main
from stages.rig.base.parameters import dump
from stages.rig.page import make_page
from tests.artifacts import write_network
from tests.report.conftest import WIDTHS, write_page

HOSTILE = "</script><img src=x onerror='window.hurt=1'><script>window.hurt=1</script>\"'"
VIEWS = ["correlations", "gradients", "curvature", "layers", "spectra", "embeddings", "samples", "similarity"]


def copy(root, tmp_path):
    """The small artifacts, in a folder that a test may change."""
    shutil.copytree(root / "artifacts", tmp_path / "artifacts")
    shutil.copy(root / "params.yaml", tmp_path)
    return tmp_path


def test_the_same_artifacts_make_the_same_bytes_elsewhere(root, tmp_path):
    assert write_page(copy(root, tmp_path)).read_bytes() == (root / "index.html").read_bytes()


def test_the_page_asks_for_nothing_from_elsewhere(root):
    page = (root / "index.html").read_text()
    markup = re.sub(r">[A-Za-z0-9+/=]{200,}<", "><", page)
    assert len(markup) < 400_000
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", markup)
    assert "default-src 'none'" in markup
    assert "{{" not in re.sub(r"data:[^\"]*", "", markup)


def test_equal_images_are_in_the_page_once(root):
    page = (root / "index.html").read_text()
    names = re.findall(r'id="block-([^"]+)"', page)
    assert len(names) == len(set(names))


def test_a_run_writes_the_page(root, tmp_path, monkeypatch):
    monkeypatch.chdir(copy(root, tmp_path))
    main()
    assert (tmp_path / "reports/index.html").read_bytes() == (root / "index.html").read_bytes()


def test_an_unfinished_training_shows_only_in_the_live_page(root, tmp_path, monkeypatch):
    monkeypatch.chdir(copy(root, tmp_path))
    (tmp_path / "artifacts/bare/training").mkdir(parents=True)
    header = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_f1\n"
    (tmp_path / "artifacts/bare/training/history.csv").write_text(header + "1,0.5,0.5,0.5,0.125,0.5\n")
    assert make_page() == (root / "index.html").read_bytes()
    assert make_page(live=True) != make_page()


def test_maps_of_other_samples_are_refused(root, tmp_path, monkeypatch):
    import h5py

    monkeypatch.chdir(copy(root, tmp_path))
    with h5py.File("artifacts/net/tsne.h5", "a") as file:
        file["sample"][0] = 7
    with pytest.raises(InputError, match="maps of other samples"):
        make_page()


def test_hostile_names_are_only_text(browser, tmp_path):
    classes = [HOSTILE, "{{blocks}}", "<b>bold</b>", "=1+1"]
    write_network(tmp_path, "net", WIDTHS, classes=classes)
    parameters = {"data": HOSTILE, "networks": {"net": {HOSTILE: HOSTILE}, HOSTILE: {}}}
    (tmp_path / "params.yaml").write_text(dump(parameters))
    page = write_page(tmp_path)
    assert HOSTILE not in page.read_text()
    browser.open(page, "overview")
    assert HOSTILE.split("'")[0] in browser.text("#origin pre")
    assert HOSTILE in browser.text(".cards")
    for view in VIEWS:
        browser.open(page, view)
        assert browser.run("return [window.hurt ?? null, document.images.length]") == [None, 0]
    browser.open(page, "embeddings", sample="0")
    assert f"label {HOSTILE}, " in browser.text("#sample-text")
    assert browser.run("return document.querySelector('#maps .legend').textContent").count("<b>bold</b>") == 1
    _, rows = browser.table("maps")
    assert {row[2] for row in rows} == {*classes[:3], "'=1+1"}
    assert HOSTILE.split("'")[0] not in browser.save("maps", "svg").read_text()


def test_views_without_anything_to_show_say_so(browser, tmp_path):
    (tmp_path / "params.yaml").write_text(dump({"networks": {"bare": {}}}))
    page = write_page(tmp_path)
    browser.open(page, "overview")
    assert "not trained yet" in browser.text("[data-network=bare]")
    for view in VIEWS:
        browser.open(page, view)
        assert "Nothing to show yet" in browser.text(".empty")


def test_a_network_with_some_stages_finished_is_shown_as_far_as_it_is(browser, root, tmp_path):
    copy(root, tmp_path)
    for name in ("tsne.h5", "similarity.h5", "augmented.h5"):
        (tmp_path / "artifacts/net" / name).unlink()
    page = write_page(tmp_path)
    browser.open(page, "correlations", network="net")
    assert browser.find("select[data-key=network]").get_property("value") == "net"
    browser.open(page, "embeddings")
    options = "return [...document.querySelectorAll('select[data-key=network] option')].map(o => o.text)"
    assert browser.run(options) == ["other"]
    browser.open(page, "overview")
    terms = "return [...document.querySelectorAll('#origin dt')].map(t => [t.textContent, t.nextSibling.textContent])"
    assert dict(browser.run(terms))["not finished"] == "net, bare"

"""A page of small synthetic artifacts, in a real browser without a network."""

import csv
import shutil
import time
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest

from drillcore.artifacts.replay import ReplayWriter, replay_path
from drillcore.base.store import create
from stages.rig.base.parameters import dump
from stages.rig.page import make_page
from tests.artifacts import MEASURES, write_network

SCREENSHOTS = Path(__file__).parent / "screenshots"
WIDTHS = {"layer1": 6, "squeeze2": 1, "layer2": 5, "output": 4}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 600
"""After which a page has failed; far more than it takes on a busy machine."""
TURNS = count()


def write_pair(root, a, b):
    """The comparison of two networks of WIDTHS and the input."""
    layers, random = ["input", *WIDTHS], np.random.default_rng(1)
    path = root / "artifacts" / "similarity" / f"{a}--{b}.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.attrs.update(network_a=a, network_b=b, layers_a=layers, layers_b=layers, epoch_a="002", epoch_b="002")
        file.attrs.update(samples=40, source="sample: synthetic digits")
        for name in MEASURES:
            file[name] = random.uniform(0, 1, (5, 5))
            file[f"null/{name}/quantile"] = random.uniform(0, 0.3, (5, 5))
            file[f"null/{name}/best_a"], file[f"null/{name}/best_b"] = np.full((2, 5), 0.3)
            file[f"by_epoch/{name}"] = np.stack([random.uniform(0, 1, (5, 5)), file[name]])
        file["by_epoch"].attrs["epochs"] = ["000", "002"]
        file["null/debiased_cka/q_value"] = random.uniform(0, 0.2, (5, 5))


def write_replay(root, name, network):
    """A replay of steps 7 to 12 under two instruments."""
    with create(replay_path(root / "artifacts", name)) as file:
        writer = ReplayWriter(file, {"layer1.weight": 4}, ["curvature", "noise"])
        for step in range(7, 13):
            numbers = {
                "step": step,
                "epoch": 1,
                "loss": 1 / step,
                "learning_rate": 0.1,
                "gradient_norm": 2.0,
                "update_norm": 0.2,
            }
            measured = {"curvature/largest": [step * 3.0, 1.0], "curvature/along_step": 2.0, "noise/scale": 50.0 - step}
            for key, value in (numbers | measured).items():
                writer.append(key, value)
        writer.finish(network, "sgd", "synthetic digits", 0, None)


def write_page(root):
    """Build the page of the artifacts below `root`, and return its path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        page = make_page()
    (root / "index.html").write_bytes(page)
    return root / "index.html"


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A folder with the artifacts of `net` and `other`, with params.yaml that names a third, and with their page."""
    root = tmp_path_factory.mktemp("report")
    (root / "params.yaml").write_text(dump({"data": "sample", "networks": {"net": {}, "other": {}, "bare": {}}}))
    write_network(root, "net", WIDTHS, kinds={"squeeze2": "coordinates: the layer has width 1"})
    write_network(root, "other", {**WIDTHS, "squeeze2": 3}, epochs=(0, 2), seed=1, dead=("layer2",))
    write_pair(root, "net", "other")
    write_replay(root, "spike", "net")
    write_page(root)
    return root


class Browser:
    """A page in chromium, and what a person does with it."""

    def __init__(self, driver, downloads):
        self.driver, self.downloads, self.opened = driver, downloads, None

    def window(self, width, height, dark=False):
        """Give the window a size, and the page light or dark colours."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def open(self, path, view, fresh=False, **state):
        """Open a view of the page at `path` by a link; loaded anew where it is another page, or `fresh`."""
        fragment = "&".join(f"{key}={value}" for key, value in {"view": view, **state, "turn": next(TURNS)}.items())
        if fresh or self.opened != path:
            self.driver.get("about:blank")
            self.driver.get(f"file://{path}#{fragment}" if isinstance(path, Path) else f"{path}#{fragment}")
        else:
            self.run("delete document.querySelector('main').dataset.ready; location.hash = arguments[0]", fragment)
        self.opened = path
        self.ready(view)

    def ready(self, view):
        """Wait until a view is shown, and drawn."""
        self.until(lambda: self.run("return document.querySelector('main')?.dataset.ready") == view, f"no view {view}")
        self.settle()

    def until(self, condition, what):
        """Wait until `condition()` holds."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.02)

    def settle(self):
        """Wait until what was asked for is drawn: two frames, and the charts that wait for a slider to rest."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done())), 130)"
        )

    def run(self, script, *arguments):
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        """The first element of a selector."""
        return self.driver.find_element("css selector", selector)

    def click(self, selector):
        """Click on an element."""
        element = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()
        self.settle()

    def choose(self, key, value):
        """Choose an option."""
        script = "const s = arguments[0]; s.value = arguments[1]; s.dispatchEvent(new Event('change', {bubbles: true}))"
        self.run(script, self.find(f"select[data-key={key}], select#{key}"), value)
        self.settle()

    def slide(self, key, position):
        """Move a slider with the arrow keys until it stands at `position`."""
        from selenium.webdriver.common.keys import Keys

        slider = self.find(f"input[data-key={key}]")
        for _ in range(100):
            now = int(slider.get_property("value"))
            if now == position:
                break
            slider.send_keys(Keys.ARROW_RIGHT if now < position else Keys.ARROW_LEFT)
        assert int(slider.get_property("value")) == position
        self.settle()

    def point(self, selector, x, y, click=False):
        """Move the pointer to the shares `x` and `y` of an element's size, and click there if wanted."""
        from selenium.webdriver import ActionChains

        element = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        width, height = self.run("const b = arguments[0].getBoundingClientRect(); return [b.width, b.height]", element)
        chain = ActionChains(self.driver, duration=0)
        chain = chain.move_to_element_with_offset(element, round((x - 0.5) * width), round((y - 0.5) * height))
        (chain.click() if click else chain).perform()
        self.settle()

    def text(self, selector):
        """The text of an element."""
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def traces(self, figure):
        """The traces of a chart, by their names."""
        script = (
            "return document.querySelector(`#${arguments[0]} .plot`).data.map("
            "t => [t.name ?? '', Array.from(t.x), Array.from(t.y, v => Number.isNaN(v) ? null : v)])"
        )
        return {name: (x, y) for name, x, y in self.run(script, figure)}

    def save(self, figure, kind):
        """The file that a figure's button saves."""
        path = self.downloads / f"{figure}.{kind}"
        path.unlink(missing_ok=True)
        self.click(f"#{figure} button[data-save={kind}]")
        self.until(lambda: path.exists() and path.stat().st_size, f"{path} was not saved")
        return path

    def table(self, figure):
        """The header and the rows that a figure's button saves."""
        with open(self.save(figure, "csv"), newline="") as file:
            header, *rows = csv.reader(file)
        return header, rows

    def pixel(self, figure, x, y):
        """Red, green and blue of a map's canvas, at shares of its size."""
        script = (
            "const c = document.querySelector(`#${arguments[0]} canvas`);"
            "return Array.from(c.getContext('2d').getImageData(arguments[1] * c.width, arguments[2] * c.height, 1, 1).data)"
        )
        return self.run(script, figure, x, y)[:3]

    def errors(self):
        """What the page has complained about since the last call; that pixels are read often is the tests' own doing."""
        entries = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return [entry["message"] for entry in entries if "willReadFrequently" not in entry["message"]]

    def screenshot(self, name):
        """Keep a picture of the whole page."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


@pytest.fixture(scope="session")
def started(tmp_path_factory):
    """The one browser of all tests: starting it takes longer than most of them."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("there is no chromium with its driver: apt-get install chromium chromium-driver")
    options, downloads = webdriver.ChromeOptions(), tmp_path_factory.mktemp("downloads")
    options.binary_location = chromium
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    running.set_script_timeout(SECONDS)
    browser = Browser(running, downloads)
    browser.window(1440, 1000)
    yield browser
    running.quit()


@pytest.fixture
def browser(started):
    """The browser without a network; at the end no page may have complained."""
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    started.driver.execute_cdp_cmd("Network.enable", {})
    started.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    started.window(1440, 1000)
    if isinstance(started.opened, str):  # a served page of the test before may still ask for more
        started.driver.get("about:blank")
        started.opened = None
    started.errors()
    yield started
    assert started.errors() == []

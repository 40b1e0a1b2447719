"""python -m benchmarks.report : how large reports/index.html is, how soon it shows, how fast its sliders draw.

In Debian's chromium, headless and without a GPU. The slider is moved once a frame, to and fro, as fast as the browser
asks for frames; what counts is the time from one frame to the next.
"""

import statistics
import tempfile
import time
from pathlib import Path

from selenium import webdriver

from tests.report.conftest import FLAGS

PAGE = Path("reports", "index.html").resolve()
FRAMES = 120
SLIDERS = {
    "correlations": ("epoch", "256 x 256 units and the map of layers"),
    "gradients": ("threshold", "three charts and the sign map"),
    "spectra": ("epoch", "two charts"),
    "similarity": ("epoch", "the map of layers"),
}
SLIDE = """
const [key, frames, done] = arguments, slider = document.querySelector(`input[data-key=${key}]`), times = [];
let direction = -1;
function frame(now) {
  times.push(now);
  if (times.length > frames) return done(times.slice(1).map((time, i) => time - times[i]));
  if (slider.value === slider.max) direction = -1;
  if (slider.value === slider.min) direction = 1;
  slider.value = Number(slider.value) + direction;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
"""


def main():
    """Print one line for the page and one for each slider."""
    driver = start()
    try:
        driver.get(f"{PAGE.as_uri()}#view=overview")
        first = wait(driver, "overview")
        print(f"{PAGE.stat().st_size / 1e6:.1f} MB, first view after {first:.2f} s")
        for view, (key, what) in SLIDERS.items():
            driver.execute_script("location.hash = arguments[0]", f"view={view}")
            wait(driver, view)
            time.sleep(1)
            gaps = driver.execute_async_script(SLIDE, key, FRAMES)
            rate, slow = 1000 * len(gaps) / sum(gaps), statistics.quantiles(gaps, n=20)[-1]
            print(f"{view}: {rate:.0f} frames a second, 95 % within {slow:.0f} ms ({what})")
    finally:
        driver.quit()


def start():
    """A new browser with a new profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in [*FLAGS, "--window-size=1440,1000", f"--user-data-dir={tempfile.mkdtemp()}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_script_timeout(120)
    return driver


def wait(driver, view):
    """Wait until a view is shown; returns the seconds since the page was asked for."""
    end = time.monotonic() + 60
    while driver.execute_script("return document.querySelector('main')?.dataset.ready") != view:
        if time.monotonic() > end:
            raise TimeoutError(f"{PAGE} did not show the view {view}")
        time.sleep(0.01)
    return driver.execute_script("return performance.now()") / 1000


if __name__ == "__main__":
    main()

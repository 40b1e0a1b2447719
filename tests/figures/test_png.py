"""PNG files, which Pillow reads as what was written."""

import numpy as np
import pytest
from PIL import Image

from drillcore.figures.png import write_png


@pytest.mark.parametrize(("channels", "mode"), [(3, "RGB"), (4, "RGBA")])
def test_pillow_reads_the_pixels_and_the_resolution(tmp_path, channels, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    write_png(tmp_path / "image.png", pixels, dpi=150)
    with Image.open(tmp_path / "image.png") as image:
        assert image.mode == mode
        assert image.info["dpi"] == pytest.approx((150, 150), rel=1e-3)
        np.testing.assert_array_equal(image, pixels)


def test_without_a_resolution_none_is_claimed(tmp_path):
    write_png(tmp_path / "image.png", np.zeros((1, 1, 3), np.uint8))
    with Image.open(tmp_path / "image.png") as image:
        image.load()
        assert "dpi" not in image.info


def test_a_png_passes_the_checksums_of_its_parts(tmp_path):
    path = tmp_path / "image.png"
    write_png(path, np.zeros((2, 2, 3), np.uint8))
    content = bytearray(path.read_bytes())
    with Image.open(path) as image:
        image.verify()
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises((SyntaxError, OSError)), Image.open(path) as image:
        image.verify()

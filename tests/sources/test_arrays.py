"""NumPy's .npz files: what is read from them, and what is said of those that hold no images."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drillcore.base.errors import InputError
from stages.rig.sources import arrays, blocks
from stages.rig.sources.arrays import NAMES, load_arrays


def content(names=NAMES[0], shape=(5, 4), **changes):
    """Six training and three test images of three classes, by the names in `names`; what is None is left out."""
    rng = np.random.default_rng(0)
    values = (rng.integers(0, 256, (6, *shape), dtype=np.uint8), np.arange(6) % 3)
    values += (rng.integers(0, 256, (3, *shape), dtype=np.uint8), np.arange(3))
    every = dict(zip(names, values, strict=True)) | changes
    return {name: value for name, value in every.items() if value is not None}


@pytest.fixture
def load(tmp_path):
    def save_and_load(size=None, **stored):
        np.savez_compressed(tmp_path / "a.npz", **stored)
        return load_arrays("mine", tmp_path / "a.npz", size)

    return save_and_load


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_the_arrays_are_the_images(load, tmp_path, names, shape):
    stored = content(names, shape)
    dataset = load(**stored, other=np.zeros(3))
    train, train_labels, test, test_labels = (stored[name] for name in names)
    np.testing.assert_array_equal(dataset.train_inputs, train.reshape(6, 5, 4, -1))
    np.testing.assert_array_equal(dataset.test_inputs, test.reshape(3, 5, 4, -1))
    np.testing.assert_array_equal(dataset.train_targets, train_labels)
    np.testing.assert_array_equal(dataset.test_targets, test_labels)
    assert dataset.train_targets.dtype == np.int64
    assert dataset.train_inputs.dtype == np.uint8
    assert dataset.classes == ["0", "1", "2"]
    assert dataset.source == f"npz {tmp_path / 'a.npz'}"


def test_labels_may_be_a_column_and_classes_have_names(load):
    stored = content(train_labels=np.array([[0], [1], [3], [1], [2], [0]], np.uint8), classes=["a", "b", "c", "d", "e"])
    dataset = load(**stored)
    assert dataset.classes == ["a", "b", "c", "d", "e"]
    assert dataset.train_targets.tolist() == [0, 1, 3, 1, 2, 0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_become_the_nearest_bytes(load, dtype):
    bytes_ = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
    floats = bytes_.astype(dtype) / dtype(255)
    dataset = load(**content(train_images=floats, train_labels=[0, 1], test_images=floats, test_labels=[1, 0]))
    np.testing.assert_array_equal(dataset.train_inputs[..., 0], bytes_)
    assert ", values in [0, 1] times 255" in dataset.source


def test_floats_that_rounding_left_a_hair_outside_are_the_same_bytes(load):
    floats = np.full((6, 5, 4), np.float32(1.0000001))
    floats[:, 0] = -1e-8
    images = load(**content(train_images=floats)).train_inputs
    assert (images[:, 0] == 0).all() and (images[:, 1:] == 255).all()


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16])
def test_integers_of_any_width_are_bytes(load, dtype):
    stored = content()
    dataset = load(**{name: array.astype(dtype) for name, array in stored.items()})
    np.testing.assert_array_equal(dataset.train_inputs[..., 0], stored["train_images"])
    assert dataset.train_inputs.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, bool])
def test_one_hot_labels_are_the_numbers_of_their_columns(load, dtype):
    stored = content()
    one_hot = {name: np.eye(3, dtype=dtype)[stored[name]] for name in ("train_labels", "test_labels")}
    dataset = load(**stored | one_hot)
    assert dataset.train_targets.tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset.test_targets.tolist() == [0, 1, 2]
    assert dataset.classes == ["0", "1", "2"]


@pytest.mark.parametrize("dtype", ["U", "S"])
@pytest.mark.parametrize("classes", [None, ["emu", "cat", "dog"]])
def test_labels_that_are_names_count_in_the_order_of_the_classes(load, classes, dtype):
    train, test = np.array(["dog", "cat", "emu"] * 2, dtype), np.array(["emu", "dog", "cat"], dtype)
    dataset = load(**content(train_labels=train, test_labels=test, classes=classes))
    assert dataset.classes == (classes or ["cat", "dog", "emu"])
    assert [dataset.classes[label] for label in dataset.train_targets] == ["dog", "cat", "emu"] * 2
    assert [dataset.classes[label] for label in dataset.test_targets] == ["emu", "dog", "cat"]


def test_a_label_that_is_no_class_is_named(load):
    names = np.array(["a", "b", "c"])
    with pytest.raises(InputError, match="labels 'c' that are not among its classes a, b:"):
        load(**content(train_labels=np.tile(names, 2), test_labels=names, classes=["a", "b"]))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_size_scales_them(load, channels):
    flat = np.broadcast_to(np.arange(6, dtype=np.uint8)[:, None, None, None] * 40, (6, 8, 4, channels))
    dataset = load([2, 3], **content(train_images=flat, test_images=flat[:3]))
    np.testing.assert_array_equal(dataset.train_inputs, flat[:, :2, :3])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"test_labels": None},
            "holds test_images, train_images, train_labels, but should hold train_images, .* or x_train",
        ),
        ({"train_images": np.zeros((6, 3, 5, 4), np.uint8)}, r"train_images of shape \(6, 3, 5, 4\), but images are"),
        ({"train_images": np.zeros((6, 20), np.uint8)}, r"train_images of shape \(6, 20\)"),
        ({"test_images": np.zeros((0, 5, 4), np.uint8)}, "test_images without a single image"),
        ({"test_images": np.zeros((3, 5, 5), np.uint8)}, r"shapes \(6, 5, 4, 1\) and \(3, 5, 5, 1\)"),
        (
            {"train_images": np.full((6, 5, 4), -1)},
            "type int64 with values from -1 to -1, but images are integers from 0",
        ),
        ({"train_images": np.zeros((6, 5, 4), bool)}, r"type bool, .*: scale them to 0 to 255"),
        (
            {"train_images": np.full((6, 5, 4), 40000, np.uint16)},
            r"type uint16 .* 40000 to 40000, .*: scale them to 0 to 255",
        ),
        (
            {"train_images": np.arange(120, dtype=np.uint8).reshape(6, 5, 4) % 2},
            "bytes up to 1, .*: multiply them by 255",
        ),
        ({"test_images": np.ones((3, 5, 4), np.uint8)}, "test_images of bytes up to 1"),
        ({"train_images": np.full((6, 5, 4), 200.0)}, "values from 200 to 200"),
        ({"train_images": np.full((6, 5, 4), 1.00001)}, r"values from 1.00001 to 1.00001, .* in \[0, 1\]"),
        ({"train_images": np.full((6, 5, 4), np.nan)}, "values from nan to nan"),
        ({"train_images": np.full((6, 5, 4), -0.5)}, "values from -0.5 to -0.5, .*: scale them to 0 to 255"),
        ({"train_labels": np.arange(5)}, r"train_labels of type int64 and shape \(5,\), .* each of the 6 samples"),
        ({"train_labels": np.zeros((6, 3), int)}, r"shape \(6, 3\), but one-hot labels have a single 1 in each row"),
        ({"train_labels": np.full((6, 3), 1 / 3)}, "one-hot labels have a single 1"),
        ({"train_labels": np.array(list("abcabc"))}, "names for one split's labels and numbers for the other's"),
        ({"train_labels": np.zeros(6)}, "type float64"),
        ({"train_labels": np.arange(6) - 1}, "labels -1 to 4, 6 different ones"),
        (
            {"train_labels": np.array([1, 2, 1, 2, 1, 2]), "test_labels": np.array([1, 2, 2])},
            "labels 1 to 2, 2 different",
        ),
        ({"train_labels": np.array([10**12] * 6)}, "labels 0 to 1000000000000, 4 different ones"),
        ({"train_labels": np.array([2**63 + 5] * 6, np.uint64)}, "labels -"),
        ({"classes": np.array(["a", "b"])}, r"classes of type <U1 and shape \(2,\), and labels 0 to 2"),
        ({"classes": np.array([["a", "b", "c"]])}, r"shape \(1, 3\)"),
        ({"classes": np.array([0.5, 1, 2])}, "type float64"),
        ({"classes": np.array(["a", "b", "c", "b"])}, "classes with 'b' more than once"),
        ({"train_labels": np.arange(6) % 2}, "the class '2' for testing, but none for training"),
        (
            {"train_labels": np.arange(6) % 2 * 2, "test_labels": [0, 1, 2], "classes": np.array(["a", "b", "c"])},
            "the class 'b' for testing",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(load, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        load(**content(**changes))
    assert "\n" not in str(caught.value)
    assert "a.npz has" in str(caught.value) or "a.npz holds" in str(caught.value)


class Alarm:
    """Unpickled, it raises what no reader expects."""

    def __reduce__(self):
        return (pytest.exit, ("the file was executed",))


def test_nothing_in_it_is_executed(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **content(train_labels=np.array([Alarm()] * 6, object)))
    for hostile in (path.read_bytes(), pickle.dumps(Alarm()), saved(np.array([Alarm()], object))):
        path.write_bytes(hostile)
        with pytest.raises(InputError, match=r"a\.npz cannot be read as an \.npz of plain arrays"):
            load_arrays("mine", path)


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def test_an_array_that_unpacks_to_far_more_than_images_is_refused(load, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 1000)
    with pytest.raises(InputError, match=r"'train_images\.npy', \d+ bytes that unpack to 600128, more than 250 times"):
        load(**content(train_images=np.zeros((6, 500, 200), np.uint8)))


def test_a_header_that_claims_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    header = saved(np.zeros((6, 5, 4), np.uint8)).replace(b"(6, 5, 4), ", b"(6,10**9,4)")[:128]
    for claim in (header, header.replace(b"(6,10**9,4)", b"(9999999999,9999,9999)")):
        with zipfile.ZipFile(path, "w") as file:
            for name, array in content().items():
                file.writestr(f"{name}.npy", claim if name == "train_images" else saved(array))
        with pytest.raises(InputError, match="cannot be read"):
            load_arrays("mine", path)


@given(st.integers(0, 3000), st.integers(1, 255), st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_one_sentence_or_changes_nothing(tmp_path, place, flip, cut):
    path = tmp_path / "a.npz"
    np.savez(path, **content())
    whole = load_arrays("mine", path)
    damaged = bytearray(path.read_bytes())
    place %= len(damaged)
    if cut:
        del damaged[place:]
    else:
        damaged[place] ^= flip
    path.write_bytes(damaged)
    try:
        dataset = load_arrays("mine", path)
    except InputError:
        return
    for ours, expected in zip(dataset[:4], whole[:4], strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"source of datasets\.mine is '.*nowhere\.npz', but there is no such file"):
        load_arrays("mine", tmp_path / "nowhere.npz")
    with pytest.raises(InputError, match="cannot be read"):
        load_arrays("mine", tmp_path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_images_in_blocks_are_those_of_the_whole(tmp_path, monkeypatch, save, order):
    monkeypatch.setattr(arrays, "BLOCK", 50)  # two images of bytes, less than one of floats
    monkeypatch.setattr(blocks, "IN_MEMORY", 0)
    monkeypatch.chdir(tmp_path)
    stored = content(train_images=np.random.default_rng(1).random((6, 5, 4), np.float32).astype(np.float32, order))
    save("a.npz", **stored)
    dataset = load_arrays("mine", "a.npz")
    np.testing.assert_array_equal(dataset.train_inputs[:][..., 0], np.rint(stored["train_images"] * np.float32(255)))
    np.testing.assert_array_equal(dataset.test_inputs[:][..., 0], stored["test_images"])
    stored["train_images"][[1, 4], 0, 0] = -2, 3
    save("a.npz", **stored)
    with pytest.raises(InputError, match="values from -2 to 3"):
        load_arrays("mine", "a.npz")

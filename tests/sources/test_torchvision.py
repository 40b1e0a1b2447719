"""The download: torchvision's own data set classes, pointed at a server on this machine that behaves well or badly."""

import gzip
import hashlib
import io
import pickle
import socket
import struct
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets
from torchvision.datasets.utils import verify_str_arg

from drillcore.base.errors import InputError
from stages.download import main
from stages.rig.sources import archives
from stages.rig.sources.vision import load_full, load_torchvision

MNIST_FILES = [file for file, _ in datasets.MNIST.resources]
CIFAR10_FILE = datasets.CIFAR10.filename
NAMES = ["mnist", "cifar10"]


def md5(content):
    return hashlib.md5(content).hexdigest()


def idx(array):
    """`array` in MNIST's own file format, compressed."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def batch(images, labels):
    """`images` (n, 32, 32, 3) as a pickled batch of CIFAR-10."""
    return pickle.dumps({"data": images.transpose(0, 3, 1, 2).reshape(len(images), -1), "labels": labels.tolist()})


def tar(files, folder=f"{datasets.CIFAR10.base_folder}/"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        for name, content in files.items():
            member = tarfile.TarInfo(folder + name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return stream.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `files` by path; `behave(handler, content)` sends a body, `asked` lists the paths that were asked for."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.behave, self.asked, self.over = files, send_all, [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path.rpartition("/")[2])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.server.behave(self, content)

    def log_message(self, *args):
        pass


def send_all(handler, content):
    handler.wfile.write(content)


def send_half(handler, content):
    handler.wfile.write(content[: len(content) // 2])


def send_half_and_reset(handler, content):
    send_half(handler, content)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RD)
    handler.connection.close()


def send_half_and_wait(handler, content):
    send_half(handler, content)
    handler.wfile.flush()
    handler.server.over.wait(20)


def send_altered(handler, content):
    handler.wfile.write(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


@pytest.fixture
def tiny():
    """Twelve training and four test images for each data set, as uint8 (n, h, w, c), with labels."""
    rng = np.random.default_rng(0)
    shapes = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
    return {
        name: [
            part
            for count in (12, 4)
            for part in (rng.integers(0, 256, (count, *shape), dtype=np.uint8), rng.integers(0, 10, count))
        ]
        for name, shape in shapes.items()
    }


@pytest.fixture
def server(tiny, monkeypatch):
    """A server of tiny archives, from which torchvision's classes download for the test."""
    train, train_labels, test, test_labels = tiny["mnist"]
    parts = (train[..., 0], train_labels, test[..., 0], test_labels)
    files = {name: idx(part) for name, part in zip(MNIST_FILES, parts, strict=True)}
    train, train_labels, test, test_labels = tiny["cifar10"]
    names = [f"data_batch_{k}" for k in (1, 2, 3)]
    batches = {name: batch(train[k::3], train_labels[k::3]) for k, name in enumerate(names)} | {
        "test_batch": batch(test, test_labels)
    }
    meta = pickle.dumps({"label_names": [f"thing{k}" for k in range(10)]})
    files[CIFAR10_FILE] = tar(batches | {"batches.meta": meta})

    server = Server(files)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [server.url])
    monkeypatch.setattr(datasets.MNIST, "resources", [(name, md5(files[name])) for name in MNIST_FILES])
    monkeypatch.setattr(datasets.CIFAR10, "url", server.url + CIFAR10_FILE)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(files[CIFAR10_FILE]))
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, md5(batches[name])] for name in names])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(batches["test_batch"])]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {**datasets.CIFAR10.meta, "md5": md5(meta)})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join(20)


def check(dataset, name, tiny):
    train, train_labels, test, test_labels = tiny[name]
    order = np.argsort(np.arange(12) % 3, kind="stable") if name == "cifar10" else np.arange(12)  # three batches
    np.testing.assert_array_equal(dataset.train_inputs, train[order])
    np.testing.assert_array_equal(dataset.train_targets, train_labels[order])
    np.testing.assert_array_equal(dataset.test_inputs, test)
    np.testing.assert_array_equal(dataset.test_targets, test_labels)
    assert dataset.train_inputs.dtype == dataset.test_inputs.dtype == np.uint8
    assert dataset.train_targets.dtype == dataset.test_targets.dtype == np.int64


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


ARCHIVES = {"mnist": sorted(f"MNIST/raw/{file}" for file in MNIST_FILES), "cifar10": [CIFAR10_FILE]}


def refused(name, raw):
    """The sentence with which a download is refused; nothing is left of it."""
    before = files_in(raw)
    with pytest.raises(InputError) as caught:
        load_full(name, raw)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert files_in(raw) == before
    assert not list(raw.glob(".*"))
    assert socket.getdefaulttimeout() is None
    return sentence


@pytest.mark.parametrize("name", NAMES)
def test_what_is_downloaded_is_returned_and_its_archives_kept(server, tiny, tmp_path, name, capfd):
    dataset = load_full(name, tmp_path / "raw")
    check(dataset, name, tiny)
    classes = {"mnist": list("0123456789"), "cifar10": [f"thing{k}" for k in range(10)]}
    assert dataset.classes == classes[name]
    assert dataset.source == f"full: {name.upper()} by torchvision"
    assert files_in(tmp_path / "raw") == ARCHIVES[name]
    told = capfd.readouterr().err
    assert "downloading" in told
    assert "\r" not in told


@pytest.mark.parametrize("name", NAMES)
def test_archives_put_into_data_raw_need_no_network(server, tiny, tmp_path, name):
    for path in ARCHIVES[name]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(server.files[path.rpartition("/")[2]])
    check(load_full(name, tmp_path), name, tiny)
    assert server.asked == []
    assert files_in(tmp_path) == ARCHIVES[name]


def test_only_the_missing_archives_are_downloaded_and_asked_for(server, tiny, tmp_path):
    first, *others = MNIST_FILES
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / first).write_bytes(server.files[first])
    server.behave = send_half
    sentence = refused("mnist", tmp_path)
    assert first not in sentence
    assert f"put {', '.join(others)} into {folder}," in sentence
    server.behave = send_all
    check(load_full("mnist", tmp_path), "mnist", tiny)
    assert f"/{first}" not in server.asked


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (send_altered, "wrong checksum"),
        (send_half, "wrong checksum"),
        (send_half_and_reset, "reset"),
        (send_half_and_wait, "timed out"),
    ],
)
def test_a_bad_download_is_one_sentence_and_a_rerun_starts_clean(
    server, tiny, tmp_path, monkeypatch, name, behave, reason
):
    server.behave = behave
    with monkeypatch.context() as patience:
        if behave is send_half_and_wait:
            patience.setattr(archives, "SILENCE", 0.3)
        sentence = refused(name, tmp_path)
    assert server.url + (CIFAR10_FILE if name == "cifar10" else MNIST_FILES[0]) in sentence
    assert reason in sentence
    assert f"into {(tmp_path / ARCHIVES[name][0]).parent}," in sentence
    server.behave = send_all
    check(load_full(name, tmp_path), name, tiny)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_network_the_urls_and_the_remedy_are_named(server, tmp_path, monkeypatch, name):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    monkeypatch.setattr(datasets.MNIST, "mirrors", [closed, closed + "mirror/"])
    monkeypatch.setattr(datasets.CIFAR10, "url", closed + CIFAR10_FILE)
    sentence = refused(name, tmp_path / "raw")
    urls = (
        [closed + MNIST_FILES[0], closed + "mirror/" + MNIST_FILES[0]] if name == "mnist" else [closed + CIFAR10_FILE]
    )
    assert f"cannot download {' or '.join(urls)} (" in sentence
    assert sentence.count("refused") == 1
    assert "sample" in sentence


def test_another_mirror_is_tried(server, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server.url}nowhere?", server.url])
    check(load_full("mnist", tmp_path), "mnist", tiny)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_archive_in_data_raw_is_named_and_left_alone(server, tmp_path, name):
    path = tmp_path / (CIFAR10_FILE if name == "cifar10" else f"MNIST/raw/{MNIST_FILES[0]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half of it")
    server.files.clear()
    assert f"{path} is there, but has the wrong checksum" in refused(name, tmp_path)
    assert path.read_bytes() == b"half of it"


def test_what_a_kill_left_is_swept_away(server, tiny, tmp_path):
    left = tmp_path / ".mnist.part" / "MNIST" / "raw"
    left.mkdir(parents=True)
    for file in MNIST_FILES:
        (left / file.removesuffix(".gz")).write_bytes(b"half unpacked")
    check(load_full("mnist", tmp_path), "mnist", tiny)
    assert files_in(tmp_path) == ARCHIVES["mnist"]


@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c_leaves_whole_archives_alone(server, tmp_path, monkeypatch, name):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.utils, "extract_archive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_full(name, tmp_path)
    first = CIFAR10_FILE if name == "cifar10" else f"MNIST/raw/{MNIST_FILES[0]}"
    assert files_in(tmp_path) == [first]
    assert (tmp_path / first).read_bytes() == server.files[first.rpartition("/")[2]]


def encoded(image, kind):
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def offer(server, monkeypatch, kind, files, **attributes):
    """Have `server` serve `files`, and torchvision's class `kind` believe in them."""
    server.files |= files
    for attribute, value in attributes.items():
        monkeypatch.setattr(kind, attribute, value)


def fashion_mnist(server, monkeypatch, train, test):
    parts = (train[0][..., 0], train[1], test[0][..., 0], test[1])
    files = {name: idx(part) for name, part in zip(MNIST_FILES, parts, strict=True)}
    resources = [(name, md5(content)) for name, content in files.items()]
    offer(server, monkeypatch, datasets.FashionMNIST, files, mirrors=[server.url], resources=resources)
    return [f"FashionMNIST/raw/{name}" for name in MNIST_FILES], datasets.FashionMNIST.classes


def cifar100(server, monkeypatch, train, test):
    files = {}
    for name, (images, labels) in (("train", train), ("test", test)):
        data = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        files[name] = pickle.dumps({"data": data, "fine_labels": labels.tolist()})
    names = [f"fine{k}" for k in range(100)]
    files["meta"] = pickle.dumps({"fine_label_names": names})
    archive = tar({f"cifar-100-python/{name}": content for name, content in files.items()}, "")
    file = datasets.CIFAR100.filename
    offer(
        server,
        monkeypatch,
        datasets.CIFAR100,
        {file: archive},
        url=server.url + file,
        tgz_md5=md5(archive),
        train_list=[["train", md5(files["train"])]],
        test_list=[["test", md5(files["test"])]],
        meta={**datasets.CIFAR100.meta, "md5": md5(files["meta"])},
    )
    return [file], names


def svhn(server, monkeypatch, train, test):
    files, split_list = {}, {}
    for split, (images, labels) in (("train", train), ("test", test)):
        stream, file = io.BytesIO(), f"{split}_32x32.mat"
        savemat(stream, {"X": images.transpose(1, 2, 3, 0), "y": np.where(labels == 0, 10, labels)[:, None]})
        files[file] = stream.getvalue()
        split_list[split] = [server.url + file, file, md5(files[file])]
    offer(server, monkeypatch, datasets.SVHN, files, split_list=split_list)
    return sorted(files), [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    ("kind", "prepare", "shape"),
    [
        ("FashionMNIST", fashion_mnist, (28, 28, 1)),
        ("CIFAR100", cifar100, (32, 32, 3)),
        ("SVHN", svhn, (32, 32, 3)),
    ],
)
def test_any_class_gives_its_images_labels_and_classes(server, tmp_path, monkeypatch, kind, prepare, shape):
    rng = np.random.default_rng(1)
    train, test = ((rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.permutation(10)[:n]) for n in (10, 4))
    kept, classes = prepare(server, monkeypatch, train, test)
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"datasets: {{mine: {kind}}}")
    for _ in range(2):  # the second time from what is there
        main("mine")
        with h5py.File("data/mine.h5") as file:
            np.testing.assert_array_equal(file["train/inputs"], train[0])
            np.testing.assert_array_equal(file["train/targets"], train[1])
            np.testing.assert_array_equal(file["test/inputs"], test[0])
            np.testing.assert_array_equal(file["test/targets"], test[1])
            assert list(file.attrs["classes"]) == classes
            assert file.attrs["source"] == f"torchvision: {kind}"
        assert files_in(Path("data/raw")) == sorted(kept)
        server.files.clear()


@pytest.mark.parametrize("size", [None, [6, 8]])
def test_photographs_of_many_sizes_want_a_size_and_val_stands_for_test(server, tmp_path, monkeypatch, size):
    ids = list(datasets.Imagenette._WNID_TO_CLASS)
    colours = {wnid: (20 * k, 255 - 20 * k, 7 * k) for k, wnid in enumerate(ids)}
    files = {
        f"imagenette2-160/{split}/{wnid}/{wnid}_{k}.JPEG": encoded(Image.new("RGB", (16 + 8 * k, 24), colour), "JPEG")
        for split, count in (("train", 2), ("val", 1))
        for wnid, colour in colours.items()
        for k in range(count)
    }
    archive, file = tar(files, ""), "imagenette2-160.tgz"
    archives = {"160px": (server.url + file, md5(archive))}
    offer(server, monkeypatch, datasets.Imagenette, {file: archive}, _ARCHIVES=archives)
    if size is None:
        with pytest.raises(
            InputError, match=r"image 0 of \[24, 16\] and image 1 of \[24, 24\] .* size: \[height, width\]"
        ):
            load_torchvision("mine", "Imagenette", tmp_path, {"size": "160px"})
        return
    dataset = load_torchvision("mine", "Imagenette", tmp_path, {"size": "160px"}, size)
    assert dataset.train_inputs.shape == (20, 6, 8, 3)
    np.testing.assert_array_equal(dataset.train_targets, np.repeat(range(10), 2))
    np.testing.assert_array_equal(dataset.test_targets, range(10))
    assert abs(dataset.test_inputs - np.array(list(colours.values()))[:, None, None]).max() <= 4  # JPEG's own loss
    assert dataset.classes[:2] == ["tench, Tinca tinca", "English springer, English springer spaniel"]
    assert dataset.source == "torchvision: Imagenette, size 160px, scaled and cropped to 6x8"


def test_what_torchvision_does_not_part_is_parted_by_class(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {"size": 70, "image_size": [3, 5, 9], "num_classes": 4}
    Path("params.yaml").write_text(f"datasets: {{noise: {{source: FakeData, arguments: {arguments}}}}}")
    main("noise")
    every = [(np.asarray(image), label) for image, label in datasets.FakeData(70, (3, 5, 9), 4)]
    with h5py.File("data/noise.h5") as file:
        assert file.attrs["source"].endswith(", a random fifth of each class for testing")
        assert list(file.attrs["classes"]) == ["0", "1", "2", "3"]
        found = []
        for split in ("train", "test"):
            assert file[f"{split}/inputs"].shape[1:] == (5, 9, 3)
            images, labels = file[f"{split}/inputs"][:], file[f"{split}/targets"][:]
            found += [(image.tobytes(), label) for image, label in zip(images, labels, strict=True)]
        assert sorted(found) == sorted((image.tobytes(), label) for image, label in every)
        counts = np.bincount([label for _, label in every])
        np.testing.assert_array_equal(np.bincount(file["test/targets"]), np.round(counts / 5))


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("FashionMnist", {}, r"neither a folder here nor a class of torchvision\.datasets \(like it are FashionMNIST,"),
        ("wrap_dataset_for_transforms_v2", {}, "nor a class of torchvision"),
        ("Kitti", {}, "torchvision's Kitti, is no set of images with one class each"),
        ("ImageFolder", {}, "or a folder of images"),
        ("EMNIST", {}, r"arguments lacks 'split', .* add it, \{source: EMNIST, arguments: \{split: \.\.\.\}\}"),
        ("EMNIST", {"split": "all"}, "Unknown value 'all' for argument split. Valid values are {'byclass'"),
        ("EMNIST", {"split": "digits", "train": True}, "has 'train', .*; allowed are split"),
        ("SVHN", {"split": "extra"}, "has 'split', .*; allowed is nothing"),
        ("FakeData", {"size": 2}, "2 images, too few of each class"),
        ("FakeData", {"size": 0}, "it holds no images"),
        ("FakeData", {"size": "many"}, "cannot be had"),
        ("FakeData", {"image_size": [5, 4, 4], "size": 9}, "image 0 of torchvision's FakeData is unusable"),
        ("FER2013", {}, r"train\.csv not found .* put its files into"),
    ],
)
def test_a_class_that_does_not_serve_is_one_sentence(tmp_path, kind, arguments, said):
    with pytest.raises(InputError, match=said) as caught:
        load_torchvision("mine", kind, tmp_path, arguments)
    assert "\n" not in str(caught.value)
    assert "datasets.mine" in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([(Image.new("L", (4, 4)), [1, 2])], r"its items are \(Image, list\)"),
        ([(Image.new("L", (4, 4)), None)], r"its items are \(Image, NoneType\)"),
        ([np.zeros((4, 4))], r"its items are \(ndarray\)"),
        ([(Image.new("L", (4, 4)), label) for label in (-1, 0, 1)], "labels -1 to 1 for 2 classes"),
        ([(Image.new("I;16", (4, 4)), 0)], "more than 8 bits a channel"),
    ],
)
def test_items_that_are_no_classified_images_are_named(tmp_path, monkeypatch, items, said):
    class Strange(datasets.VisionDataset):
        def __init__(self, root):
            self.root = root

        def __len__(self):
            return len(items) * 5

        def __getitem__(self, index):
            return items[index % len(items)]

    monkeypatch.setattr(datasets, "FakeData", Strange)
    with pytest.raises(InputError, match=said):
        load_torchvision("mine", "FakeData", tmp_path)


@pytest.mark.parametrize(
    ("known", "said"),
    [(["trainval"], "no split train"), (["train"], "no split test or val or valid"), (["train", "valid"], None)],
)
def test_the_splits_are_found_by_their_names(tmp_path, monkeypatch, known, said):
    class Parted(datasets.VisionDataset):
        def __init__(self, split):
            self.split = verify_str_arg(split, "split", known)

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return Image.new("L", (1, 1), known.index(self.split)), index

    monkeypatch.setattr(datasets, "FakeData", Parted)
    if said:
        with pytest.raises(InputError, match=said):
            load_torchvision("mine", "FakeData", tmp_path)
        return
    dataset = load_torchvision("mine", "FakeData", tmp_path)
    assert dataset.train_inputs.ravel().tolist() == [0, 0]
    assert dataset.test_inputs.ravel().tolist() == [1, 1]

"""Text in files, cut into windows of tokens: each token of a window is asked for the next one."""

import sys
from codecs import getincrementaldecoder
from pathlib import Path

import numpy as np

from drillcore.base.arrays import row_blocks
from drillcore.base.errors import InputError, MissingFile
from stages.rig.sources.blocks import Blockwise, chosen, together
from stages.rig.sources.dataset import TEST_SHARE, Dataset
from stages.rig.sources.layout import natural

LENGTH = 128
"""Of a window, by default."""
PIECE = 4 << 20
"""Bytes that are read at a time, and characters about that a tokenizer encodes at a time."""


def load_text(name, path, tokens="characters", length=LENGTH):
    """Return the text at `path`, a file or a folder of .txt files, as a `Dataset` of windows of `length` tokens.

    `tokens` are "characters", "bytes", or those of the JSON file of a `tokenizers.Tokenizer`. In a folder, train/ and test/
    are the two parts; else the last fifth of the text is for testing. What is left of a part after its last whole window is
    left out.

    Raises
    ------
    InputError
        If there is no such file, it is no UTF-8, or it is too short for a window.
    """
    parts, source = files_of(name, path)
    codes, vocabulary = encoded(name, parts, tokens)
    if len(codes) == 1:
        cut = len(codes[0]) - round(TEST_SHARE * len(codes[0]))
        codes = [chosen(codes[0], part) for part in (slice(cut), slice(cut, None))]
        source += ", its last fifth for testing"
    windows = [windows_of(name, path, part, length) for part in codes]
    return Dataset(*windows[0], *windows[1], [], source, "tokens", "next_token", [], vocabulary)


def files_of(name, path):
    """The files of the text at `path`, as one part or as those for training and testing, and what the source is called."""
    if not path.exists():
        raise MissingFile(path)
    if not path.is_dir():
        return [[path]], f"text {path}"
    folders = [path / split for split in ("train", "test")]
    if not all(folder.is_dir() for folder in folders):
        folders = [path]
    parts = [sorted(folder.rglob("*.txt"), key=lambda file: natural(str(file))) for folder in folders]
    for folder, part in zip(folders, parts, strict=True):
        if not sum(file.stat().st_size for file in part):
            raise InputError(f"{folder} holds no text in .txt files: add some, or give datasets.{name} another source.")
    return parts, f"text {path}"


def pieces(files):
    """The bytes of the `files`, a line end between two of them, in pieces of about `PIECE` bytes."""
    for number, path in enumerate(files):
        if number:
            yield b"\n"
        with path.open("rb") as file:
            while content := file.read(PIECE):
                yield content


def encoded(name, parts, tokens):
    """The text of the files of each of the `parts` as int32 tokens, and the text of each token."""
    if tokens == "bytes":
        codes = [together((np.frombuffer(piece, np.uint8) for piece in pieces(part)), np.uint8) for part in parts]
        return [as_tokens(part, np.arange(256)) for part in codes], list(map(byte_text, range(256)))
    texts = [decoded(name, part) for part in parts]
    if tokens != "characters":
        return by_tokenizer(name, texts, tokens)
    points = [together((np.frombuffer(text.encode("utf-32-le"), "<u4") for text in part), "<u4") for part in texts]
    used = np.zeros(sys.maxunicode + 1, bool)
    for part in points:
        for block in row_blocks(len(part), part.dtype.itemsize):
            used[part[block]] = True
    return [as_tokens(part, used.cumsum() - 1) for part in points], list(map(chr, np.flatnonzero(used)))


def as_tokens(characters, codes):
    """The int32 tokens of `characters`, for each of which there is one in `codes`."""
    codes = codes.astype(np.int32)
    return Blockwise(characters.shape, np.int32, lambda rows: codes[characters[rows]])


def decoded(name, files):
    """The text of the `files` in pieces."""
    decoder, read = getincrementaldecoder("utf-8")(), 0
    try:
        for piece in pieces(files):
            pending = len(decoder.getstate()[0])
            yield decoder.decode(piece)
            read += len(piece)
        pending = len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError(
            f"params.yaml: datasets.{name} has text that is no UTF-8, byte {read - pending + error.start}: convert it, or "
            "add tokens: bytes."
        ) from None


def whole_lines(texts):
    """The `texts` joined and cut anew where a line ends, for a token may lie on both sides of any other cut."""
    rest = ""
    for text in texts:
        rest += text
        if end := len(rest) > PIECE and rest.rfind("\n") + 1:
            yield rest[:end]
            rest = rest[end:]
    yield rest


def by_tokenizer(name, texts, file):
    """The `texts`, each in pieces, as the tokens of the tokenizer in a JSON `file`."""
    if not Path(file).is_file():
        raise InputError(
            f"params.yaml: datasets.{name}.tokens is {file!r}, but should be characters, bytes, or the JSON file of a "
            "tokenizer, and there is no such file: correct it."
        )
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError(
            f"params.yaml: datasets.{name}.tokens is {file!r}, which needs tokenizers: run `pip install tokenizers`."
        ) from None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # its errors have no class of their own
        raise InputError(f"{file} is no tokenizer ({error}): replace it.") from None
    ids = ((tokenizer.encode(text, add_special_tokens=False).ids for text in whole_lines(part)) for part in texts)
    codes = [together((np.array(piece, np.int32) for piece in part), np.int32) for part in ids]
    size = tokenizer.get_vocab_size()
    return codes, [
        tokenizer.decode([code], skip_special_tokens=False) or tokenizer.id_to_token(code) for code in range(size)
    ]


def byte_text(code):
    """How a byte is shown: a letter as it is, others by their number."""
    return chr(code) if 32 <= code < 127 or code == 10 else f"\\x{code:02x}"


def windows_of(name, path, codes, length):
    """The inputs and targets int32 (windows, length) of a text's tokens, one window after the other."""
    count = (len(codes) - 1) // length
    if count < 1:
        raise InputError(
            f"params.yaml: datasets.{name} has windows of {length} tokens, but a part of {path} has {len(codes)}: set a "
            "smaller length, or add text."
        )
    return [
        Blockwise((count, length), np.int32, lambda rows, shift=shift: window(codes, length, rows, shift))
        for shift in (0, 1)
    ]


def window(codes, length, rows, shift):
    """The windows `rows` (a slice) of `length` tokens of `codes`, each begun `shift` tokens later."""
    return codes[rows.start * length + shift : rows.stop * length + shift].reshape(-1, length)

"""Text in files, cut into windows of tokens: each token of a window is asked for the next one."""

from pathlib import Path

import numpy as np

from drillcore.base.errors import InputError, MissingFile
from stages.rig.sources.dataset import TEST_SHARE, Dataset
from stages.rig.sources.layout import natural

LENGTH = 128
"""Of a window, by default."""


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
    parts, source = texts_of(name, path)
    codes, vocabulary = encoded(name, parts, tokens)
    if len(codes) == 1:
        cut = len(codes[0]) - round(TEST_SHARE * len(codes[0]))
        codes, source = [codes[0][:cut], codes[0][cut:]], f"{source}, its last fifth for testing"
    windows = [windows_of(name, path, part, length) for part in codes]
    return Dataset(*windows[0], *windows[1], [], source, "tokens", "next_token", [], vocabulary)


def texts_of(name, path):
    """The bytes of the text at `path`, as one part or as those for training and testing, and what the source is called."""
    if not path.exists():
        raise MissingFile(path)
    if not path.is_dir():
        return [path.read_bytes()], f"text {path}"
    folders = [path / split for split in ("train", "test")]
    if not all(folder.is_dir() for folder in folders):
        folders = [path]
    parts = [
        b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*.txt"), key=lambda file: natural(str(file))))
        for folder in folders
    ]
    for folder, part in zip(folders, parts, strict=True):
        if not part:
            raise InputError(f"{folder} holds no text in .txt files: add some, or give datasets.{name} another source.")
    return parts, f"text {path}"


def encoded(name, parts, tokens):
    """The `parts`, bytes, as int32 arrays of tokens, and the text of each token."""
    if tokens == "bytes":
        return [np.frombuffer(part, np.uint8).astype(np.int32) for part in parts], list(map(byte_text, range(256)))
    try:
        texts = [part.decode() for part in parts]
    except UnicodeDecodeError as error:
        raise InputError(
            f"params.yaml: datasets.{name} has text that is no UTF-8, byte {error.start}: convert it, or add tokens: bytes."
        ) from None
    if tokens != "characters":
        return by_tokenizer(name, texts, tokens)
    vocabulary = sorted(set().union(*texts))
    codes = {character: code for code, character in enumerate(vocabulary)}
    return [np.array([codes[character] for character in text], np.int32) for text in texts], vocabulary


def by_tokenizer(name, texts, file):
    """The `texts` as the tokens of the tokenizer in a JSON `file`."""
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
    codes = [np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int32) for text in texts]
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
    return codes[: count * length].reshape(count, length), codes[1 : count * length + 1].reshape(count, length)

"""Names of layers and weights as HDF5 and file systems can hold them: a framework allows more.

"/" would begin a group or a folder, "." and ".." stand for one, NUL ends a name, and a lone surrogate has no UTF-8. These
are stored as URLs store them, as "%2F" for "/"; every other name as it is. A name that looks as if it were stored in this
way has its "%" stored so.
"""

import re

CODES = "2F|00|2E|25|ED%[AB][0-9A-F]%[89AB][0-9A-F]"
"""What follows the first "%" of what stands for a character: of "/", NUL, ".", "%" and any lone surrogate."""
UNSTORABLE = re.compile(f"[/\0\ud800-\udfff]|^[.]{{1,2}}$|%(?={CODES})")
STORED = re.compile(f"%(?:{CODES})")


def escaped(name):
    """The `name` of a layer or a weight as one part of a path.

    Examples
    --------
    >>> escaped("/fc1/Gemm"), escaped("layer1.conv"), escaped("50%")
    ('%2Ffc1%2FGemm', 'layer1.conv', '50%')
    """
    return UNSTORABLE.sub(lambda found: "".join(f"%{byte:02X}" for byte in encoded(found[0])), name)


def encoded(text):
    """The bytes of `text` in UTF-8, lone surrogates as if they were characters."""
    return text.encode("utf-8", "surrogatepass")


def readable(name):
    """The name that `escaped` made `name` of, for a figure or a page: what does not print is written as Python writes it."""
    return printable(unescaped(name))


def printable(text):
    """`text` with a code for each sign that does not print, or that a terminal would take for a command."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def unescaped(name):
    """The name that `escaped` made `name` of."""
    return STORED.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogatepass"), name)

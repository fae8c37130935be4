"""Names, paths and what they name, as traces and reports say them."""

import os
from _blake2 import blake2b


def printable(name: str) -> str:
    """Return a name that fits on one line in any encoding of Unicode: what does not is written with backslashes."""
    return name if name.isprintable() else repr(name)[1:-1]


def shown(path: str) -> str:
    """Return a path as it is shown: printable, and relative if it lies below the current folder."""
    return printable(path.removeprefix(os.path.join(os.getcwd(), "")))


def file_digest(path: str) -> str:
    """Return what tells one content of a source file from another, or '' if there is no such file to read."""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except (OSError, ValueError):  # ValueError: a NUL in what is no file name
        return ""


def platform_name() -> str:
    """Return what platform.platform() returns on Linux, which imports and starts more than a short run does."""
    system = os.uname()
    libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    return f"{system.sysname}-{system.release}-{system.machine}-with-{libc or 'libc'}"

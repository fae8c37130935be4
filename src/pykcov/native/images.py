"""The executable and shared objects that the process has or had loaded, and what a native pc is in terms of them.

A pc is an address, another one in each run; (build-id, offset) is the same in all of them.
"""

import os
import sys
from typing import NamedTuple

from pykcov import _core

# The words of struct kcov_image_log: magic, bytes of text, lost lines.
_HEADER_BYTES = 3 * 8
_MAGIC = 0x676D69766F636B


class Image(NamedTuple):
    """An executable or shared object, at one place in memory."""

    path: str
    build_id: str
    """Hexadecimal; '' if it was linked without one."""
    start: int
    """First address."""
    end: int
    """The address after the last one."""
    bias: int
    """What to subtract from an address to get the offset, the address that the file itself uses."""
    instrumented: bool
    """Built with `pykcov cflags`. Code that was built otherwise may be instrumented without saying so."""
    loaded: bool
    """Still there when looked at last."""


class Place(NamedTuple):
    """What a native pc is in every run."""

    image: Image
    offset: int


def precedence(image: Image) -> tuple[bool, bool]:
    """Return what sorts images, stably, so that of several at one address the one that a pc is of comes last.

    What was not built for pykcov has hardly any pcs; for the rest, what is there now, or was there last, counts.
    """
    return image.instrumented, image.loaded


def images() -> list[Image]:
    """Look at what is loaded; return all images that were ever seen in this process, in the order of first sight."""
    text, _ = _core.image_log()
    return parse_log(text)


def foreign_callbacks() -> str | None:
    """Return the path of the object, not ours, whose callbacks are called by native code without slots; None: none is.

    It is a preloaded sanitizer's or fuzzer's library. What was built with `pykcov cflags` is recorded all the same.
    """
    path, own = _core.callbacks_owner()
    return None if own else path or "nobody"


def read_log(descriptor: int) -> list[Image]:
    """Return the images of another process, dead or alive, from the descriptor that its _core.share_image_log() gave.

    ValueError if it is not one.
    """
    header = os.pread(descriptor, _HEADER_BYTES, 0)
    if int.from_bytes(header[:8], sys.byteorder) != _MAGIC:
        raise ValueError(f"descriptor {descriptor} is not a log of images")
    return parse_log(os.pread(descriptor, int.from_bytes(header[8:16], sys.byteorder), _HEADER_BYTES))


def parse_log(text: bytes) -> list[Image]:
    """Return the images that a log (core/images.h) tells of; a line that a crashing program has spoilt is left out."""
    found: list[Image] = []
    for line in text.split(b"\n"):
        try:
            if line.startswith(b"+ "):
                found.append(_parse_image(line[2:]))
            elif line.startswith(b"- "):
                number = int(line.partition(b" ")[2], 16)
                found[number] = found[number]._replace(loaded=False)
        except (ValueError, IndexError):
            continue
    return found


def _parse_image(text: bytes) -> Image:
    start, end, bias, flag, build_id, path = text.split(b" ", 5)
    return Image(
        os.fsdecode(path.replace(b"\\012", b"\n").replace(b"\\134", b"\\")),
        "" if build_id == b"-" else build_id.decode("ascii"),
        int(start, 16),
        int(end, 16),
        int(bias, 16),
        flag == b"i",
        True,
    )

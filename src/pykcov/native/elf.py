"""Finding the file of an image again, and its debug information."""

import os
from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

from pykcov.native.images import Image

_DEBUG_FOLDER = Path("/usr/lib/debug/.build-id")


class MissingError(Exception):
    """The file of an image is not there any more, or is another one now; says so in a few words."""


def find_file(image: Image) -> Path:
    """Return the file that the image was loaded from; MissingError if what is there now is not that file."""
    path = Path(image.path)
    try:
        found = build_id(path)
    except Exception as error:  # the bytes may be anything, and a parser of them complains in many ways
        raise MissingError(f"{image.path}: {getattr(error, 'strerror', None) or error or 'not an ELF file'}") from error
    if image.build_id and found != image.build_id:
        raise MissingError(f"{image.path}: changed since it was traced")
    return path


def debug_files(image: Image) -> Iterator[Path]:
    """Return where debug information of the image may be, the file itself first; MissingError as find_file()."""
    yield find_file(image)
    if len(image.build_id) > 2:
        separate = _DEBUG_FOLDER / image.build_id[:2] / f"{image.build_id[2:]}.debug"
        if separate.exists():
            yield separate


def build_id(path: Path | str | os.PathLike[str]) -> str:
    """Return the build-id of an ELF file, '' if it has none; OSError, or what the parser raises if it is none."""
    with open(path, "rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if isinstance(section, NoteSection):
                for note in section.iter_notes():
                    if note["n_type"] == "NT_GNU_BUILD_ID":
                        return str(note["n_desc"])
    return ""

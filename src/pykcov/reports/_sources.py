"""What a report is made of: which file is a data file, which source files of a trace are still there."""

import os

from pykcov.traces.texts import file_digest, printable
from pykcov.traces.tracefile import TraceFile

# What looks like files there may be without end, or wait for somebody to write.
_NO_SOURCES = ("/dev/", "/proc/", "/sys/")
_SOURCE_MAX = 1 << 26
"""Bytes of a source file. A longer one is none."""


_MAGIC = b"SQLite format 3\0"


def is_data_file(path: str) -> bool:
    """Return whether a file looks like a data file of coverage.py, which is one of SQLite."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def usable_files(trace: TraceFile) -> tuple[list[str], list[str]]:
    """Return the files that can be shown, and remarks on those that cannot or have changed since."""
    files, gone, changed, unreal = [], [], [], []
    for file in sorted({*trace.digests, *trace.unexecuted}):
        if not file.isprintable():
            unreal.append(printable(file))  # coverage.py keeps names as UTF-8
        elif not os.path.isabs(file) or os.path.realpath(file).startswith(_NO_SOURCES):
            unreal.append(file)
        elif not _is_there(file):
            gone.append(file)
        else:
            files.append(file)
            if trace.digests.get(file, "") not in ("", file_digest(file)):
                changed.append(file)
    remarks = [f"{file}: its source is not there any more: left out" for file in gone]
    remarks += [f"{file}: has changed since the trace was made: its lines may be wrong" for file in changed]
    if unreal:
        remarks.append(f"code is left out whose file is none, or has no printable name: {', '.join(unreal)}")
    return files, remarks


def _is_there(file: str) -> bool:
    """Whether a file exists, or is a member of a zip file that does."""
    if os.path.isfile(file):
        return os.path.getsize(file) <= _SOURCE_MAX
    archive, _, member = file.rpartition("/")
    while archive and not os.path.exists(archive):
        archive, _, folder = archive.rpartition("/")
        member = f"{folder}/{member}"
    if not os.path.isfile(archive):
        return False
    import zipfile  # not before: few sources are in one, and it takes time

    try:
        with zipfile.ZipFile(archive) as members:
            return member in members.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False

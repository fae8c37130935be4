"""Findings as files: a folder each, which can be kept with the program and replayed as a test.

FINDINGS/KeyError-pkg_parse-1f2e3d4c/
    input           the bytes with which it was found
    minimized       a shorter input that does the same, if one was found
    report.txt      traceback, or what is known of a crash
    finding.json    kind, token, harness, when
    reproduce.py    runs the harness with the input, without libFuzzer
"""

import json
import os
import sys
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from pykcov.fuzz.stacks import folder_name

_REPRODUCE = '''\
# Made by `pykcov fuzz`.
"""Reproduces: {token}

    python {name}

Found by pykcov with the harness {harness}. Needs pykcov and what the harness imports, not libFuzzer.
"""

from pathlib import Path

from pykcov.fuzz.reproduce import reproduce

DATA = {data}

if __name__ == "__main__":
    reproduce({folder} {harness!r}, DATA)
'''

_LITERAL_MAX = 4096

_STARTED_IN = os.getcwd()
"""Where the path of a harness begins: the target may go to another folder."""


class Finding(NamedTuple):
    """Something that an input brings about and that should not be."""

    kind: str
    """An exception's class, 'timeout', 'out-of-memory', the name of a signal, or 'exit'."""
    token: str
    """The same for two inputs that fail in the same way."""
    report: str
    input: bytes
    harness: str
    """As it is given to `pykcov fuzz`."""
    found: str
    """When, in UTC."""
    python: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return folder_name(self.token)


def finding_now(kind: str, token: str, report: str, input: bytes, harness: str) -> Finding:
    """Return what has been found at this moment, in a process of this Python."""
    found = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return Finding(kind, token, report, input, harness, found, sys.version.split()[0])


def keep(finding: Finding, folder: str, say: Callable[[str], object]) -> str | None:
    """Write a finding as save() does and say where; or say why it cannot be written, and with which input it came.

    Returns its own folder, None if there is none.
    """
    try:
        own = save(finding, folder)
    except OSError as error:
        say(f"{finding.token} cannot be saved: {error.strerror or error} ({os.path.join(folder, finding.name)})")
        say(f"its input, in base64: {b2a_base64(finding.input, newline=False).decode()}")
        return None
    say(f"saved in {os.path.relpath(own)}")
    return own


def save(finding: Finding, folder: str) -> str:
    """Write a finding below `folder`, over an older one of the same token only if the input is shorter.

    Returns its own folder.
    """
    own = os.path.join(folder, finding.name)
    if known(own) and os.path.getsize(os.path.join(own, "input")) <= len(finding.input):
        return own
    os.makedirs(own, exist_ok=True)
    facts = {name: value for name, value in finding._asdict().items() if name not in ("input", "report")}
    files = {
        "input": finding.input,
        "report.txt": finding.report.encode("utf-8", "backslashreplace"),
        "reproduce.py": _reproducer(finding, own, finding.input).encode(),
        # Last: a folder without it is not a finding.
        "finding.json": json.dumps(facts, indent=2).encode() + b"\n",
    }
    try:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(own, "minimized"))
        for name, data in files.items():
            _write(own, name, data)
    except OSError:
        if not known(own):
            _remove(own, files)
        raise
    return own


def save_minimized(finding: Finding, own: str, data: bytes) -> None:
    """Add a shorter input that does the same."""
    _write(own, "minimized", data)
    _write(own, "reproduce.py", _reproducer(finding, own, data).encode())


def add_locations(own: str, locations: Iterable[str]) -> None:
    """Add to the report where the thread that crashed was last."""
    lines = "".join(f"  {location}\n" for location in locations)
    added = f"\nLast locations before the end, the last one below:\n{lines}"
    _write(own, "report.txt", _read(own, "report.txt") + added.encode())


def known(own: str) -> bool:
    """Return whether the folder holds a finding, whole."""
    return all(os.path.isfile(os.path.join(own, name)) for name in ("finding.json", "input"))


def load(own: str) -> Finding:
    """Read a finding; its input is the shortest there is. OSError, ValueError if the folder holds none."""
    try:
        facts = json.loads(_read(own, "finding.json"))
    except RecursionError as error:
        raise ValueError(f"{own}/finding.json: {error}") from error
    known = ("kind", "token", "harness", "found", "python")
    if not isinstance(facts, dict) or not all(isinstance(facts.get(name), str) for name in known):
        raise ValueError(f"{own}/finding.json does not say {', '.join(known)}")
    names = os.listdir(own)
    return Finding(
        report=_read(own, "report.txt").decode("utf-8", "replace") if "report.txt" in names else "",
        input=_read(own, "minimized" if "minimized" in names else "input"),
        **{name: facts[name] for name in known},
    )


def _reproducer(finding: Finding, own: str, data: bytes) -> str:
    harness = finding.harness
    path, separator, test = harness.partition("::")
    folder = ""
    file = os.path.join(_STARTED_IN, path)
    if os.path.exists(file):
        harness = os.path.relpath(file, own) + separator + test
        folder = "Path(__file__).parent /"
    literal = repr(data) if len(data) <= _LITERAL_MAX else 'Path(__file__).with_name("input").read_bytes()'
    return _REPRODUCE.format(
        token=finding.token.replace("\\", "/").replace('"""', "'''"),
        name=os.path.join(own, "reproduce.py"),
        harness=harness,
        folder=folder,
        data=literal,
    )


def _read(own: str, name: str) -> bytes:
    with open(os.path.join(own, name), "rb") as file:
        return file.read()


def _write(own: str, name: str, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = os.path.join(own, f".{name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, os.path.join(own, name))
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _remove(own: str, names: Iterable[str]) -> None:
    """Leave nothing of a finding that could not be written whole."""
    for name in names:
        with suppress(OSError):
            os.unlink(os.path.join(own, name))
    with suppress(OSError):
        os.rmdir(own)

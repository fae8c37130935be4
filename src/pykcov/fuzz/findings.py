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
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pykcov.fuzz.stacks import folder_name

_REPRODUCE = '''\
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


def save(finding: Finding, folder: Path) -> Path:
    """Write a finding below `folder`, over an older one of the same token only if the input is shorter.

    Returns its own folder.
    """
    own = folder / finding.name
    if known(own) and (own / "input").stat().st_size <= len(finding.input):
        return own
    own.mkdir(parents=True, exist_ok=True)
    (own / "minimized").unlink(missing_ok=True)
    _write(own / "input", finding.input)
    _write(own / "report.txt", finding.report.encode("utf-8", "backslashreplace"))
    facts = {name: value for name, value in finding._asdict().items() if name not in ("input", "report")}
    _write(own / "reproduce.py", _reproducer(finding, own, finding.input).encode())
    # Last: a folder without it is not a finding.
    _write(own / "finding.json", json.dumps(facts, indent=2).encode() + b"\n")
    return own


def save_minimized(finding: Finding, own: Path, data: bytes) -> None:
    """Add a shorter input that does the same."""
    _write(own / "minimized", data)
    _write(own / "reproduce.py", _reproducer(finding, own, data).encode())


def add_locations(own: Path, locations: Iterable[str]) -> None:
    """Add to the report where the thread that crashed was last."""
    report = (own / "report.txt").read_bytes()
    lines = "".join(f"  {location}\n" for location in locations)
    _write(own / "report.txt", report + f"\nLast locations before the end, the last one below:\n{lines}".encode())


def known(own: Path) -> bool:
    """Return whether the folder holds a finding, whole."""
    return (own / "finding.json").is_file() and (own / "input").is_file()


def load(own: Path) -> Finding:
    """Read a finding; its input is the shortest there is. OSError, ValueError if the folder holds none."""
    facts = json.loads((own / "finding.json").read_text())
    report = own / "report.txt"
    return Finding(
        report=report.read_text("utf-8", "replace") if report.is_file() else "",
        input=shortest_input(own),
        **{name: str(facts[name]) for name in ("kind", "token", "harness", "found", "python")},
    )


def shortest_input(own: Path) -> bytes:
    """Return the minimized input of a finding, or the one with which it was found."""
    minimized = own / "minimized"
    return (minimized if minimized.is_file() else own / "input").read_bytes()


def all_in(folder: Path) -> list[Path]:
    """Return the folders of the findings below `folder`, by name."""
    return sorted(path.parent for path in folder.glob("*/finding.json") if known(path.parent))


def _reproducer(finding: Finding, own: Path, data: bytes) -> str:
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
        name=own / "reproduce.py",
        harness=harness,
        folder=folder,
        data=literal,
    )


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def names(folders: Iterable[Path]) -> str:
    """Return folders in words."""
    return ", ".join(os.path.relpath(folder) for folder in folders)

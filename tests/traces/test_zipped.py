"""Archives written without the module zipfile are those that everybody can read."""

import io
import shutil
import subprocess
import zipfile
from array import array
from pathlib import Path
from typing import Any

import pytest

from pykcov.traces import zipped

MEMBERS: dict[str, list[Any]] = {
    "empty.npy": [],
    "nothing.npy": [b"", memoryview(array("Q"))],
    "words.npy": [b"header", memoryview(array("Q", range(1000)))],
    "ü.npy": ["ü".encode() * 5],
}


def test_members_are_those_that_were_written() -> None:
    file = io.BytesIO()
    zipped.write(file, MEMBERS.items())
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: b"".join(map(bytes, parts)) for name, parts in MEMBERS.items()
        }


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
def test_unzip_finds_no_error(tmp_path: Path) -> None:
    with (tmp_path / "t.zip").open("wb") as file:
        zipped.write(file, MEMBERS.items())
    done = subprocess.run(["unzip", "-t", tmp_path / "t.zip"], capture_output=True, text=True)
    assert "No errors detected" in done.stdout

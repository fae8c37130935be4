"""Runs `pykcov campaign` on targets that a test writes. Tests that import this need libFuzzer and distributed."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pykcov.campaign.slices import Target, digest_of
from pykcov.campaign.status import as_dict
from pykcov.campaign.store.store import Store
from pykcov.fuzz import libfuzzer, reaching
from pykcov.fuzz.loaded import Loaded
from pykcov.fuzz.settings import Settings

try:
    libfuzzer.find()
except libfuzzer.LibFuzzerMissingError as error:
    pytest.skip(str(error), allow_module_level=True)
if find_spec("distributed") is None:
    pytest.skip("distributed is not installed", allow_module_level=True)

LIBRARY = """
def parse(data):
    if data[:4] == b"key=":
        if data[4:] == b"secret":
            raise KeyError("secret")
    return data.count(b"[")
"""


# As much work on a busy machine as on an idle one: a slice ends by its executions, not by its time.
SLICES = ("--slice", "120s", "--slices")
RUNS = '[tool.pykcov.campaign]\nflags = ["-runs=20000"]\n'


def write(folder: Path, **texts: str) -> None:
    """Write modules."""
    (folder / "pyproject.toml").write_text(RUNS)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pykcov", "campaign", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def campaign(folder: Path, *words: str) -> tuple[int, str, str]:
    """Run `pykcov campaign`; return exit code, standard output and standard error."""
    process = start(folder, *words)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def status(folder: Path) -> dict[str, Any]:
    """Return what `pykcov campaign status --json` prints, without another process."""
    with Store(str(folder / "pykcov-campaign.db"), create=False) as store:
        return as_dict(store)


def replayed(target: Target, datas: list[bytes], scratch: Path) -> set[tuple[int, int]]:
    """Return what inputs reach, measured anew."""
    scratch.mkdir(parents=True)
    paths = [scratch / digest_of(data) for data in datas]
    for path, data in zip(paths, datas, strict=True):
        path.write_bytes(data)
    reaching.ask(scratch, paths)
    settings = Settings(target.harness, include=list(target.include))
    with Loaded(settings, target.folder) as loaded, open("/dev/null", "wb") as nowhere:
        loaded.start(settings._replace(reach=str(scratch)), [], nowhere).wait()
    return {feature for _, rows in reaching.answers(scratch) for feature in rows}


def reach_equals_replay(store: Store, folder: Path, scratch: Path) -> None:
    """Assert that what the store says of each target is what its inputs reach."""
    from pykcov.campaign.store.summary import target_summaries

    for target in target_summaries(store):
        datas = list(store.data(store.corpus(target.harness)).values())
        own = scratch / str(target.number)
        one = Target(target.harness, str(folder))
        assert set(store.cover(target.number)) == replayed(one, datas, own), target.harness

"""Loads mutants in a process of its own, with bounded memory and time; says how the worst of them ended.

    python child.py FOLDER SEED NUMBER

FOLDER has what test_damaged_files.py puts there. Prints JSON: what went wrong, and how many ended in which way.
"""

import contextlib
import functools
import importlib.util
import io
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import mutants

from pykcov.cli import exit_code_of
from pykcov.fuzz import findings
from pykcov.instrument.cache import files_below

SECONDS = 10
BYTES = 1 << 30
FOLDER = Path(sys.argv[1])


class TooLong(BaseException):
    """A mutant takes longer than it may."""


def too_long(number: int, frame: FrameType | None) -> None:
    raise TooLong(f"after {SECONDS} s in\n" + "".join(traceback.format_stack(frame, 5)))


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """What is loaded ends in time: not what is done to make a mutant, which may take longer."""
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def peak_of_memory() -> int:
    """Return the most bytes that this program had in memory: ru_maxrss counts the process that started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def command(*words: str) -> str:
    """Run a command of pykcov in this process; return how it ended, or raise what shows that it is wrong."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), in_time():
        code = exit_code_of(words)
    told = errors.getvalue()
    if code not in (0, 1, 2) or "Traceback" in told:
        raise AssertionError(f"exit code {code}: {told[-500:]}")
    if code == 2 and not any(line.startswith(("pykcov: ", "Error: ")) for line in told.splitlines()):
        raise AssertionError(f"exit code 2 without a reason: {told[-500:]}")
    return f"{words[0]} {code}"


def trace(content: bytes, random: random.Random) -> str:
    path = FOLDER / "mutant.npz"
    path.write_bytes(
        random.choice((mutants.damaged_bytes, mutants.damaged_arrays, mutants.damaged_archive))(content, random)
    )
    words = random.choice(
        (
            ("report", str(path)),
            ("report", str(path), "--show-missing"),
            ("report", str(path), "--format", "html", "-o", str(FOLDER / "html")),
            ("report", str(path), "--format", "json", "-o", "-"),
            ("report", str(path), "--format", "lcov", "-o", "-"),
            ("report", str(path), "--format", "xml", "-o", "-"),
            ("dump", str(path), "--limit", "1000"),
            ("dump", str(path), "--skipped"),
        )
    )
    return command(*words)


def data(content: bytes, random: random.Random) -> str:
    """The data file of the pytest plugin: its pages, its tables, and what pykcov adds to them."""
    path = FOLDER / "mutant.data"
    for leftover in FOLDER.glob("mutant.data*"):
        leftover.unlink()
    if random.random() < 0.5:
        path.write_bytes(mutants.damaged_bytes(content, random))
    else:
        path.write_bytes(content)
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            _change_table(database, random)
    line = f"{FOLDER / 'traced.py'}:{random.randrange(9)}"
    words = random.choice(
        (("tests", "--data", str(path), line), ("affected", "--data", str(path)), ("report", str(path)))
    )
    return command(*words)


@functools.cache
def bomb() -> bytes:
    """A few hundred bytes that claim to be half a gigabyte."""
    compressor = zlib.compressobj()
    return b"".join(compressor.compress(bytes(10**6)) for _ in range(500)) + compressor.flush()


def _change_table(database: sqlite3.Connection, random: random.Random) -> None:
    tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
    table = random.choice([*tables, "meta", "meta"])
    columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
    odd = random.choice((None, b"\xff" * 100, "text", 2**62, -1, b"", 1.5, "/dev/zero"))
    row = database.execute("select value from meta where key = 'pykcov'").fetchone()
    with contextlib.suppress(sqlite3.Error):
        if table == "meta" and row is not None and random.random() < 0.8:
            value = json.loads(zlib.decompress(row[0]))
            changed = zlib.compress(mutants.damaged_json(value, random))
            if random.random() < 0.2:
                changed = random.choice((zlib.compress(bytes(10**6)), bomb()))
            database.execute("update meta set value = ? where key = 'pykcov'", (changed,))
        elif random.random() < 0.2:
            database.execute(f"drop table {table}")
        else:
            database.execute(f"update {table} set {random.choice(columns)} = ?", (odd,))


def finding(content: bytes, random: random.Random) -> str:
    """A folder of what fuzzing has found, which tests replay."""
    folder = FOLDER / "findings" / "mutant"
    changed = mutants.damaged_json(json.loads(content), random)
    (folder / "finding.json").write_bytes(changed if random.random() < 0.7 else mutants.damaged_bytes(content, random))
    try:
        with in_time():
            findings.load(str(folder))
    except (OSError, ValueError):
        return "finding refused"
    return "finding loaded"


def cache(content: bytes, random: random.Random) -> str:
    """Probed code that is kept on disk: what does not fit is made anew, and the program runs."""
    import pykcov

    path = Path(content.decode())
    whole = path.read_bytes()
    path.write_bytes(mutants.damaged_bytes(whole, random) if random.random() < 0.9 else b"")
    if random.random() < 0.05:
        os.truncate(path, 1 << 40)
    try:
        specification = importlib.util.spec_from_file_location("cached", FOLDER / "cached.py")
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        with in_time(), pykcov.instrument_imports(include=["cached"], granularity="line"):
            specification.loader.exec_module(module)
        assert module.answer() == 42
    finally:
        path.write_bytes(whole)
    return "cache survived"


def main() -> None:
    seed, number = int(sys.argv[2]), int(sys.argv[3])
    contents: list[tuple[Any, bytes]] = []
    for name in ("unique.npz", "pc.npz", "cmp-bytes.npz"):
        contents += [(trace, (FOLDER / name).read_bytes())] * 3
    contents += [(data, (FOLDER / name).read_bytes()) for name in (".coverage", ".coverage", "branches", "branches")]
    contents += [(finding, (FOLDER / "findings" / "one" / "finding.json").read_bytes())]
    contents += [(cache, path.encode()) for path in files_below(str(FOLDER / "cache"))]
    (FOLDER / "findings" / "mutant").mkdir(exist_ok=True)
    (FOLDER / "findings" / "mutant" / "input").write_bytes(b"x")
    os.chdir(FOLDER)
    signal.signal(signal.SIGALRM, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, resource.RLIM_INFINITY))
    wrong: list[str] = []
    endings: Counter[str] = Counter()
    for index in range(seed, seed + number):
        generator = random.Random(index)
        load, content = generator.choice(contents)
        try:
            endings[load(content, generator)] += 1
        except (Exception, TooLong) as error:
            wrong.append(f"mutant {index}, {load.__name__}: {''.join(traceback.format_exception(error))[-1500:]}")
        if (peak := peak_of_memory()) > BYTES:
            wrong.append(f"mutant {index}, {load.__name__}: {peak >> 20} MB")
            break
    shutil.rmtree(FOLDER / "html", ignore_errors=True)
    print(json.dumps({"wrong": wrong, "endings": endings}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

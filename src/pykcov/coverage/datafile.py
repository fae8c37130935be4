"""The data file: one of coverage.py, which also holds what `pykcov tests` and `pykcov affected` need to know.

Its tables are coverage.py's (schema.py). The rest is one value in the table `meta`, of the name `pykcov`: JSON,
compressed, with the text of each file as it was when it ran.

coverage.py is not imported for it: that would take a tenth of the time of a small test suite.
"""

import json
import os
import re
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from fcntl import LOCK_EX, flock
from importlib.util import find_spec
from typing import Any

from pykcov.coverage.checked import NAME, conditions_in, read_own
from pykcov.coverage.contexts import Ran, union_of_facts
from pykcov.coverage.masks import Lines, arcs_in, mask_of, numbers_of
from pykcov.coverage.schema import SCHEMA, SCHEMA_OF_ARCS, SCHEMA_VERSION
from pykcov.traces.arcs import Arc
from pykcov.traces.facts import Fact


class MixedDataError(Exception):
    """Lines are to be added to a data file of branches, or the other way round."""


def write(path: str, ran: Ran, run: Mapping[str, Any], *, relative_to: str | None = None, append: bool = False) -> None:
    """Write a data file in the place of the one that is there. `run`: what else is to be known of the run.

    relative_to: a folder; files below it are named relative to it. append: keep what the file holds already.

    Raises OSError and sqlite3.Error; MixedDataError where what is there cannot be added to.
    """
    temporary = f"{path}.{os.getpid()}.new"
    known = dict.fromkeys([*ran.known, *(file for lines in ran.contexts.values() for file in lines), *ran.unexecuted])
    named = {file: _relative(file, relative_to) for file in known}
    with _locked(os.path.dirname(os.path.abspath(path))):
        try:
            if installed_schema() == SCHEMA_VERSION:
                _write(temporary, named, ran)
            else:
                _write_by_coverage(temporary, named, ran)
            if append and os.path.exists(path):
                _add(temporary, path)
            if ran.known_conditions:
                possible, seen = conditions_in(read_own(path)) if append and os.path.exists(path) else ({}, {})
                for name, facts in ran.conditions.items():
                    seen[name] = union_of_facts(seen.get(name, {}), facts)
                run = {**run, "conditions": _conditions(union_of_facts(possible, ran.known_conditions), seen)}
            with closing(sqlite3.connect(temporary)) as database, database:
                _set_own(database, {**run, **_of_tests(ran)})
            # Whoever reads it finds it whole or not at all.
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)


def add_conditions(
    path: str, known: Mapping[str, Collection[Fact]], seen: Mapping[str, Mapping[str, Collection[Fact]]]
) -> None:
    """Add to a data file what could be seen of conditions, by file, and what was, by context and file."""
    with closing(sqlite3.connect(path)) as database, database:
        _set_own(database, {"conditions": _conditions(known, seen)})


def check_appendable(path: str, branch: bool) -> None:
    """Raise MixedDataError if a data file holds lines and `branch` is meant, or branches and it is not."""
    with suppress(sqlite3.Error, ValueError), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        row = database.execute("select value from meta where key = 'has_arcs'").fetchone()
        if row is not None and bool(int(row[0])) != branch:
            held, meant = ("lines", "branches") if branch else ("branches", "lines")
            raise MixedDataError(f"{path} holds {held}, to which {meant} cannot be added; remove it, or name another")


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Let no other process of ours write a data file in a folder, which is locked itself: no file stays behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _add(path: str, other: str) -> None:
    """Add what another data file holds."""
    # Not before: see above. Only those who append pay for it.
    from coverage import CoverageData
    from coverage.exceptions import CoverageException, DataError

    data, more = CoverageData(path), CoverageData(other)
    try:
        data.read()
        more.read()
        data.update(more)
    except DataError as error:
        raise MixedDataError(f"{other} could not be added to: {error}") from error
    except CoverageException as error:
        raise MixedDataError(f"{other} could not be read: {error}") from error
    finally:
        data.close()
        more.close()


def _relative(file: str, folder: str | None) -> str:
    return file if folder is None else file.removeprefix(os.path.join(folder, ""))


def installed_schema() -> int | None:
    """Return the version of the schema of the coverage.py that is installed, None if it cannot be found out."""
    package = find_spec("coverage")
    with suppress(OSError, AttributeError, TypeError):
        with open(os.path.join(package.submodule_search_locations[0], "sqldata.py"), encoding="utf-8") as file:  # type: ignore[union-attr,index]
            found = re.search(r"^SCHEMA_VERSION = (\d+)$", file.read(), re.MULTILINE)
        return int(found[1]) if found else None
    return None


def _write(path: str, files: Mapping[str, str], ran: Ran) -> None:
    ids = {file: number for number, file in enumerate(files, 1)}
    with closing(sqlite3.connect(path)) as database:
        # A dozen tables and indices with next to nothing in them take a page each; where there is much, large ones pay.
        size = 1024 if len(ran.contexts) < 5000 and not ran.arcs else 4096
        for setting in (f"page_size = {size}", "journal_mode = off", "synchronous = off", "temp_store = memory"):
            database.execute(f"pragma {setting}")
        database.executescript(SCHEMA_OF_ARCS if ran.arcs else SCHEMA)
        with database:
            database.execute("insert into coverage_schema values (?)", (SCHEMA_VERSION,))
            database.execute("insert into meta values ('has_arcs', ?)", (str(int(bool(ran.arcs))),))
            database.executemany(
                "insert into file (path, id) values (?, ?)", zip(files.values(), ids.values(), strict=True)
            )
            # In the order of the indices, which so become as small as can be.
            contexts = {name: number for number, name in enumerate(sorted(ran.contexts), 1)}
            database.executemany("insert into context (context, id) values (?, ?)", contexts.items())
            if ran.arcs:
                _insert_known_arcs(database, ids, ran)
                _insert_bits(database, "arc_bits", ids, contexts, ran.arcs)
            else:
                _insert_bits(database, "line_bits", ids, contexts, ran.contexts)


def _insert_known_arcs(database: sqlite3.Connection, files: Mapping[str, int], ran: Ran) -> None:
    """Say which arc each bit is, of those that ran."""
    everything: dict[str, int] = {}
    for arcs in ran.arcs.values():
        for file, mask in arcs.items():
            everything[file] = everything.get(file, 0) | mask
    for file, mask in everything.items():
        known = arcs_in(ran.known_arcs[file])
        rows = [(files[file], bit, *known[bit]) for bit in numbers_of(mask)]
        database.executemany("insert into known_arc values (?, ?, ?, ?)", rows)
    most = max((mask.bit_length() for mask in everything.values()), default=0)
    places = ((place,) for place in range(1, (most + 7 >> 3) + 1))
    database.executemany("insert into place_of_byte values (?)", places)


def _insert_bits(
    database: sqlite3.Connection,
    table: str,
    files: Mapping[str, int],
    ids: Mapping[str, int],
    contexts: Mapping[str, Lines],
) -> None:
    blobs: dict[int, bytes] = {}
    rows = []
    for name, context_id in ids.items():
        for file, mask in contexts[name].items():
            blob = blobs.get(mask)
            if blob is None:
                blob = blobs[mask] = mask.to_bytes(mask.bit_length() + 7 >> 3, "little")
            rows.append((files[file], context_id, blob))
    rows.sort()
    database.executemany(f"insert into {table} values (?, ?, ?)", rows)


def _write_by_coverage(path: str, files: Mapping[str, str], ran: Ran) -> None:
    """Do the same in a hundred times the time, for any schema."""
    # Only here, as it takes longer to import than most files to write.
    from coverage import CoverageData

    data = CoverageData(basename=path)
    # Else files cannot be added when nothing ran.
    if ran.arcs:
        data.add_arcs({})
    else:
        data.add_lines({})
    for name, lines in ran.contexts.items():
        data.set_context(name)
        if ran.arcs:
            arcs = ran.arcs.get(name, {}).items()
            data.add_arcs({files[file]: _arcs_of(ran, file, mask) for file, mask in arcs})
        else:
            data.add_lines({files[file]: numbers_of(those) for file, those in lines.items()})
    data.touch_files(files.values())
    data.write()
    data.close()


def _arcs_of(ran: Ran, file: str, mask: int) -> list[Arc]:
    known = arcs_in(ran.known_arcs[file])
    return [known[bit] for bit in numbers_of(mask)]


def _conditions(
    known: Mapping[str, Collection[Fact]], seen: Mapping[str, Mapping[str, Collection[Fact]]]
) -> dict[str, Any]:
    """Return what could be seen of conditions, and what was in each context, as JSON (checked.py) has it."""
    result = {}
    for file, possible in known.items():
        bits = {fact: bit for bit, fact in enumerate(sorted(possible))}
        masks = {name: mask_of(bits[fact] for fact in of_files.get(file, ())) for name, of_files in seen.items()}
        result[file] = {"known": [*bits], "seen": {name: hex(mask) for name, mask in masks.items() if mask}}
    return result


def _of_tests(ran: Ran) -> dict[str, Any]:
    sources = {}
    for file in ran.known:
        with suppress(OSError), open(file, "rb") as source:
            sources[file] = source.read().decode("utf-8", "surrogateescape")
    first = {file: [[(name, hex(lines)) for name, lines in one] for one in runs] for file, runs in ran.first.items()}
    again = {file: hex(lines) for file, lines in ran.again.items()}
    return {"first": first, "again": again, "users": ran.users, "sources": sources}


def _set_own(database: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    packed = zlib.compress(json.dumps(values).encode(), 1)
    database.execute("insert or replace into meta (key, value) values (?, ?)", (NAME, packed))

"""Whether a data file of coverage.py is whole, and holds what it is to hold: looked at here, once, when it is read.

What comes behind, coverage.py's own code among it, relies on it. A file may be damaged, or made to harm who reads it.
"""

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from pykcov.coverage.schema import VIEWS
from pykcov.traces.arcs import LINE_MAX
from pykcov.traces.facts import TRUE_DECIDED, Fact

NAME = "pykcov"
"""Of our value in the table `meta`. Here, as to read a data file takes much less than to write one."""

_JSON_MAX = 1 << 27
"""Bytes of our value, which has the sources of the program."""


_HEXADECIMAL = re.compile("0x[0-9a-f]+").fullmatch


class DamagedDataError(Exception):
    """A data file is damaged; says which file and why."""


_WRONG_FILE = "typeof(file_id) != 'integer' or file_id not in (select id from file)"
_WRONG_CONTEXT = "context_id is not null and context_id not in (select id from context)"
_WRONG_BITS = f"typeof(numbits) != 'blob' or length(numbits) > {LINE_MAX // 8 + 1}"
_WRONG_ARC = f"typeof(fromno) != 'integer' or typeof(tono) != 'integer' or max(abs(fromno), abs(tono)) > {LINE_MAX}"
# What is wrong with a table, by the condition on its rows.
_WRONG_ROWS = (
    ("coverage_schema", "typeof(version) != 'integer'"),
    ("file", "typeof(path) != 'text'"),
    ("context", "typeof(context) != 'text'"),
    ("line_bits", _WRONG_BITS),
    ("line_bits", _WRONG_FILE),
    ("line_bits", _WRONG_CONTEXT),
    *((table, wrong) for table in ("arc", "added_arc", "known_arc") for wrong in (_WRONG_ARC, _WRONG_FILE)),
    *((table, _WRONG_CONTEXT) for table in ("arc", "added_arc", "arc_bits")),
    ("arc_bits", _WRONG_BITS),
    ("arc_bits", _WRONG_FILE),
    ("bit_of_byte", "(select count(*) from bit_of_byte) > 1024"),
    ("place_of_byte", f"place > {LINE_MAX}"),
    ("tracer", "typeof(tracer) != 'text'"),
    ("meta", "typeof(key) != 'text' or value is null"),
)
# How arcs are kept (schema.py).
_ONE_WAY_OR_THE_OTHER = frozenset(("arc", "arc_bits", "known_arc", "added_arc", "bit_of_byte", "place_of_byte"))


def read_own(path: str) -> dict[str, Any]:
    """Check a data file of coverage.py, and return what pykcov has added to it, {} if nothing. DamagedDataError."""
    try:
        with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as database:
            database.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            answer = database.execute("pragma quick_check(1)").fetchone()
            if answer[0] != "ok":
                raise ValueError(answer[0])
            made = database.execute("select type, name, sql from sqlite_master").fetchall()
            if any(sql not in VIEWS for kind, _, sql in made if kind in ("view", "trigger")):
                raise ValueError("it has a view or trigger that is neither coverage.py's nor pykcov's")
            tables = {name for kind, name, _ in made if kind == "table"}
            if database.execute("select version from coverage_schema").fetchone() is None:
                raise ValueError("it has no version of a schema")
            for table, wrong in _WRONG_ROWS:
                if table in _ONE_WAY_OR_THE_OTHER and table not in tables:
                    continue
                if database.execute(f"select 1 from {table} where {wrong} limit 1").fetchone() is not None:
                    raise ValueError(f"its table {table} holds what it should not")
            row = database.execute("select value from meta where key = ?", (NAME,)).fetchone()
        return {} if row is None else _checked(_unpacked(row[0]))
    except (sqlite3.Error, zlib.error, OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedDataError(
            f"{path}: no data file of coverage.py, or damaged: {' '.join(str(error).split())}"
        ) from error


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _unpacked(value: bytes) -> Any:
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(value, _JSON_MAX)
    if not decompressor.eof:
        raise ValueError(f"what pykcov has added is cut off, or has more than {_JSON_MAX} bytes")
    return json.loads(text)


def _checked(run: Any) -> dict[str, Any]:
    if not isinstance(run, dict):
        raise ValueError("what pykcov has added is no dictionary")
    for name, is_right in _SHAPES.items():
        if name in run and not is_right(run[name]):
            raise ValueError(f"what pykcov has added has no {name!r} that is one")
    return run


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_lines(value: Any) -> bool:
    """A set of lines is a number in hexadecimal, with a bit for each."""
    return isinstance(value, str) and len(value) <= LINE_MAX // 4 + 3 and _HEXADECIMAL(value) is not None


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_right, value))


def _by_text(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(_is_text, value)) and all(map(is_right, value.values()))


def _is_named_lines(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_text(value[0]) and _is_lines(value[1])


def _is_conditions(value: Any) -> bool:
    """What could be seen of conditions, and which of it was, as bits of a number in hexadecimal, by context."""
    return (
        isinstance(value, dict)
        and isinstance(known := value.get("known"), list)
        and all(isinstance(fact, list) and len(fact) == 5 and all(type(one) is int for one in fact) for fact in known)
        and all(0 <= fact[4] <= TRUE_DECIDED and min(fact) >= 0 and max(fact) <= LINE_MAX for fact in known)
        and _by_text(lambda mask: _is_lines(mask) and int(mask, 16) >> len(known) == 0)(value.get("seen"))
    )


def conditions_in(own: dict[str, Any]) -> tuple[dict[str, frozenset[Fact]], dict[str, dict[str, frozenset[Fact]]]]:
    """Return what could be seen of conditions, by file, and what was seen, by context and file; own: read_own()."""
    known: dict[str, frozenset[Fact]] = {}
    seen: dict[str, dict[str, frozenset[Fact]]] = {}
    for file, one in own.get("conditions", {}).items():
        facts: list[Fact] = [tuple(fact) for fact in one["known"]]
        known[file] = frozenset(facts)
        for name, mask in one["seen"].items():
            chosen = frozenset(fact for bit, fact in enumerate(facts) if int(mask, 16) >> bit & 1)
            seen.setdefault(name, {})[file] = chosen
    return known, seen


_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "root": _is_text,
    "python_files": _list_of(_is_text),
    "sources": _by_text(lambda value: isinstance(value, str)),
    "not_run": _list_of(_is_text),
    "first": _by_text(_list_of(_list_of(_is_named_lines))),
    "again": _by_text(_is_lines),
    "users": _by_text(_list_of(_is_text)),
    "silent": _list_of(_is_text),
    "conditions": _by_text(_is_conditions),
}

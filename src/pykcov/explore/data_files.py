"""Data files of coverage.py, as pytest, services and `coverage run` with contexts write them, into an Exploration."""

import os
import sqlite3
from contextlib import closing

from pykcov.coverage.checked import read_own
from pykcov.coverage.configuration import Configuration
from pykcov.coverage.contexts import OUTSIDE
from pykcov.explore.analysis import analyse, read_text
from pykcov.explore.model import Exploration
from pykcov.traces.texts import shown


def add_data_file(exploration: Exploration, path: str, origin: str, configuration: Configuration) -> None:
    """Add what a data file holds. Raises DamagedDataError and what coverage.py raises."""
    sources = read_own(path).get("sources", {})
    coverage = configuration.coverage(os.path.abspath(path))
    coverage.load()
    with closing(sqlite3.connect(path)) as database:
        database.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        names = dict(database.execute("select id, context from context order by context"))
        numbers = exploration.context_numbers(list(names.values()) or [OUTSIDE], origin)
        files = database.execute("select id, path from file order by path").fetchall()
        for file_id, file in files:
            source = exploration.source(shown(os.path.abspath(file)))
            if not source.text:
                read_text(os.path.abspath(file), source)
                then = sources.get(os.path.abspath(file))
                if then is not None and then != source.text:
                    gone = "the source is not there any more" if not source.text else "the source has changed"
                    source.remarks = {f"{gone}: shown is what ran": None}
                    source.text = then
            first_lines = analyse(coverage, file, source)
            sets: dict[bytes, int] = {}
            for context_id, bits in database.execute(
                "select context_id, numbits from line_bits where file_id = ?", (file_id,)
            ):
                if bits not in sets:
                    sets[bits] = first_lines(_numbers(int.from_bytes(bits, "little")))
                if sets[bits]:
                    source.contexts[numbers[names.get(context_id, OUTSIDE)]] = sets[bits]
            arcs: dict[int, set[int]] = {}
            for context_id, start, end in database.execute(
                "select context_id, fromno, tono from arc where file_id = ?", (file_id,)
            ):
                arcs.setdefault(context_id, set()).update((start, end))
            for context_id, ends in arcs.items():
                lines = first_lines(line for line in ends if line > 0)
                if lines:
                    source.contexts[numbers[names.get(context_id, OUTSIDE)]] = lines
            if not source.known:
                source.known = source.ran


def _numbers(lines: int) -> list[int]:
    return [
        8 * at + bit
        for at, byte in enumerate(lines.to_bytes(lines.bit_length() + 7 >> 3, "little"))
        for bit in _BITS[byte]
    ]


_BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]

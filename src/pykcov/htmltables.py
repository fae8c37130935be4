"""Tables in HTML, for notebooks. All that a program has is text in them."""

from collections.abc import Mapping, Sequence, Set
from html import escape

_STYLE = "text-align:left;white-space:pre;font-family:monospace;padding:0 .7em"
_COLOURS = {True: "background:rgba(63,185,80,.2)", False: "background:rgba(248,81,73,.2)", None: ""}
_WORDS = {True: "ran", False: "did not run", None: ""}


def source_table(source: str, known: Set[int], ran: Set[int], beside: Mapping[int, str], caption: str = "") -> str:
    """Return the lines of a source: green those that ran, red others of `known`; beside: words, by line."""
    rows = []
    for number, text in enumerate(source.splitlines(), 1):
        state = number in ran if number in known else None
        cells = ((str(number), ".6"), (text, "1"), (beside.get(number, ""), ".8"))
        inside = "".join(f'<td style="{_STYLE};opacity:{opacity}">{escape(cell)}</td>' for cell, opacity in cells)
        rows.append(f'<tr style="{_COLOURS[state]}" title="{_WORDS[state]}">{inside}</tr>')
    return _table(caption, "", rows)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """Return a table of anything."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = ["".join(f'<td style="{_STYLE}">{escape(str(cell))}</td>' for cell in row) for row in rows]
    return _table(caption, f"<thead><tr>{head}</tr></thead>", [f"<tr>{row}</tr>" for row in body])


def _table(caption: str, head: str, rows: Sequence[str]) -> str:
    said = f'<caption style="caption-side:top">{escape(caption)}</caption>' if caption else ""
    return f'<table class="pykcov">{said}{head}<tbody>{"".join(rows)}</tbody></table>'

"""Tables: drawn on a terminal, plain aligned columns anywhere else."""

from collections.abc import Sequence
from typing import TextIO


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str | int]], file: TextIO) -> None:
    """Print `rows` under `heads`. Columns with numbers are aligned right."""
    numeric = [all(isinstance(row[column], int) for row in rows) for column in range(len(heads))]
    cells = [[str(cell) for cell in row] for row in rows]
    if file.isatty() and can_draw():
        _draw(heads, cells, numeric, file)
        return
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for line in [heads, *cells]:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        print("  " + "  ".join(aligned).rstrip(), file=file)


def can_draw() -> bool:
    """Return whether there is the library that draws on terminals."""
    # Not before: it takes time, and tables for pipes need none of it.
    from importlib.util import find_spec

    return find_spec("rich") is not None


def _draw(heads: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool], file: TextIO) -> None:
    # Not before: the same.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for head, right in zip(heads, numeric, strict=True):
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    for row in cells:
        # Text: names of files and threads may look like markup.
        table.add_row(*map(Text, row))
    Console(file=file).print(table)

"""What coverage.py knows of a source file: which lines can run, what is one statement, which branches there are."""

from collections.abc import Callable, Iterable
from tokenize import detect_encoding

from coverage import Coverage
from coverage.exceptions import CoverageException

from pykcov.coverage.masks import mask_of
from pykcov.explore.model import Source

_SOURCE_MAX = 1 << 26
"""Bytes of a source file. A longer one is not shown."""


def analyse(coverage: Coverage, name: str, source: Source) -> Callable[[Iterable[int]], int]:
    """Add lines that can run, and branches not taken; return what makes a set of the first lines of statements.

    coverage: with the data of the file. A file that cannot be parsed stays as it is, with a remark.
    """
    try:
        # Nothing public tells which lines are of one statement. reporter.html of coverage.py's own is made so, too.
        reporter = coverage._get_file_reporter(name)
        source.known |= mask_of(reporter.lines())
        if coverage.get_data().has_arcs():
            for line, never in coverage._analyze(name).missing_branch_arcs().items():
                source.partial[line] = [reporter.missing_arc_description(line, to) for to in sorted(never)]
    except (CoverageException, OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        source.remarks[f"cannot be analysed: {' '.join(str(error).split())}"] = None
        return mask_of

    def first_lines(lines: Iterable[int]) -> int:
        return mask_of(reporter.translate_lines(lines))

    return first_lines


def read_text(path: str, source: Source) -> None:
    """Read the text of a file: in the encoding that it declares, else UTF-8; what is none of it is replaced."""
    try:
        with open(path, "rb") as file:
            content = file.read(_SOURCE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        source.remarks[f"the source cannot be read: {reason}"] = None
        return
    if len(content) > _SOURCE_MAX:
        source.remarks[f"the source has more than {_SOURCE_MAX} bytes and is not shown"] = None
        return
    try:
        encoding = detect_encoding(iter(content.splitlines(keepends=True)).__next__)[0]
    except (SyntaxError, StopIteration):
        encoding = "utf-8"
    source.text = content.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "\ufffd" in source.text:
        source.remarks[f"parts of the source are no {encoding}"] = None

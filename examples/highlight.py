"""Highlights files with Pygments, each in a thread named after the file, and says how many words of what kind it saw.

    pykcov run --include pygments --include __main__ examples/highlight.py README.md setup.py

Pygments reads every language with other code. Which code that is, `pykcov report --format html` shows line by line.
"""

import sys
import threading
from collections import Counter
from pathlib import Path

from pygments import highlight, lex
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename


def describe(path: Path) -> None:
    """Highlight one file and print its summary."""
    text = path.read_text(encoding="utf-8")
    lexer = get_lexer_for_filename(path.name, text)
    kinds = Counter(str(kind).partition(".")[2].partition(".")[0] for kind, word in lex(text, lexer) if word.strip())
    page = highlight(text, lexer, HtmlFormatter(full=True))
    common = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))
    # In one piece: print() writes the end of the line by itself, and other threads write in between.
    sys.stdout.write(f"{path}: {lexer.name}, {len(page)} characters of HTML from {len(text)}; {common}\n")


def main(names: list[str]) -> None:
    """Describe all files at the same time."""
    threads = [threading.Thread(target=describe, args=(Path(name),), name=Path(name).name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])

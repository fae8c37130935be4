"""Python sources to work on that are the same on every Python: those of two workloads, cut into parts."""

from pathlib import Path

LINES = 12


def parts() -> list[str]:
    """Sources of LINES lines or some more, each of which can be parsed."""
    result = []
    for name in ("deltablue.py", "richards.py"):
        part: list[str] = []
        for line in (Path(__file__).parent / name).read_text().splitlines(keepends=True):
            if len(part) >= LINES and line.lstrip(" ").startswith(("class ", "def ")):
                result.append("".join(part))
                part = ["class Rest:\n"] if line.startswith(" ") else []
            part.append(line)
        result.append("".join(part))
    return result

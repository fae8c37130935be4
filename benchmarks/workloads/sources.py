"""Python sources to work on that are the same on every Python: those of two workloads, cut into parts."""

from pathlib import Path

PARTS = 5


def parts() -> list[str]:
    """Sources of similar length, each complete."""
    folder = Path(__file__).parent
    result = []
    for name in ("deltablue.py", "richards.py"):
        lines = (folder / name).read_text().splitlines(keepends=True)
        statements = [number for number, line in enumerate(lines) if line.startswith(("class ", "def "))]
        cuts = [0, *(min(n for n in statements if n >= part * len(lines) // PARTS) for part in range(1, PARTS))]
        result += ["".join(lines[a:b]) for a, b in zip(cuts, [*cuts[1:], len(lines)], strict=True)]
    return result

"""What hits of all places of the process would say."""

from pykcov.traces.facts import Fact
from pykcov.traces.locations import codes, learned, locations_of


def known_lines() -> dict[str, set[int]]:
    """Return the source lines that hits of all probes would imply, by file (co_filename)."""
    found: dict[str, set[int]] = {}
    for code in codes():
        found.setdefault(code.file, set()).update(code.implied_lines())
    return found


def known_conditions() -> dict[str, set[Fact]]:
    """Return what hits of all probes would say of conditions, here and in processes that have told, by file."""
    found: dict[str, set[Fact]] = {}
    for location in (*learned(), *(each for code in codes() for each in locations_of(code))):
        if location.conditions:
            found.setdefault(location.file, set()).update(location.conditions)
    return found

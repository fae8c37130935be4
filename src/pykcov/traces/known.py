"""What hits of all places of the process would say."""

from pykcov.traces.facts import Fact
from pykcov.traces.locations import codes, locations_of


def known_lines() -> dict[str, set[int]]:
    """Return the source lines that hits of all probes would imply, by file (co_filename)."""
    found: dict[str, set[int]] = {}
    for code in codes():
        found.setdefault(code.file, set()).update(code.implied_lines())
    return found


def known_conditions() -> dict[str, set[Fact]]:
    """Return what hits of all probes would say of conditions, by file (co_filename)."""
    found: dict[str, set[Fact]] = {}
    for code in codes():
        for location in locations_of(code):
            if location.conditions:
                found.setdefault(code.file, set()).update(location.conditions)
    return found

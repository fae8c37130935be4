"""Puts what was seen of conditions beside the lines of coverage.py's pages."""

import html
import os
import re
from collections.abc import Sequence

from pykcov.reports._conditions import Conditions, DecisionSeen, Seen
from pykcov.traces.facts import FALSE, FALSE_DECIDED, TRUE, TRUE_DECIDED

_TITLE = re.compile("<title>Coverage for (.*): [0-9.]+%</title>")
_LINE = re.compile(r'<a id="t(\d+)" href="#t\d+">')
_SOURCE_MAX = 24
"""Characters of a condition that are shown beside the line; all of it is in the text that a pointer brings up."""


def annotate(folder: str, conditions: Conditions) -> None:
    """Add to the pages of a folder what was seen of conditions: on the line on which each decision begins."""
    for name in os.listdir(folder):
        if not name.endswith(".html"):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            page = file.read()
        title = _TITLE.search(page)
        decisions = conditions.files.get(html.unescape(title[1]), ()) if title else ()
        if decisions:
            with open(path, "w", encoding="utf-8") as file:
                file.write(_annotated(page, decisions, conditions.mcdc))


def _annotated(page: str, decisions: Sequence[DecisionSeen], mcdc: bool) -> str:
    by_line: dict[int, list[DecisionSeen]] = {}
    for seen in decisions:
        by_line.setdefault(seen.decision.span[0], []).append(seen)
    lines = page.split("\n")
    for at, line in enumerate(lines):
        found = _LINE.search(line)
        if found and int(found[1]) in by_line and line.endswith("</p>"):
            notes = "".join(_note(seen, mcdc) for seen in by_line[int(found[1])])
            lines[at] = f'{line.removesuffix("</p>")}<span class="r conditions">{notes}</span></p>'
    return "\n".join(lines)


def _note(seen: DecisionSeen, mcdc: bool) -> str:
    short = ", ".join(_short(one, mcdc) for one in seen.conditions)
    long = "\n".join([seen.source, *(_long(one) for one in seen.conditions)])
    escaped = html.escape(long).replace("\n", "&#10;")
    return f'<span class="annotate" title="{escaped}">{html.escape(short)}</span>'


def _short(one: Seen, mcdc: bool) -> str:
    source = one.source if len(one.source) <= _SOURCE_MAX else one.source[: _SOURCE_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"
    missing = one.missing(mcdc)
    return f"{source}: {' and '.join(missing)}" if missing else f"{source} \N{CHECK MARK}"


def _long(one: Seen) -> str:
    says = {TRUE: "true", FALSE: "false", TRUE_DECIDED: "true, decided", FALSE_DECIDED: "false, decided"}
    found = [f"{what} in {_names(one.contexts[outcome])}" for outcome, what in says.items() if one.contexts[outcome]]
    return f"{one.source}: {'; '.join(found) or 'not evaluated'}"


def _names(contexts: Sequence[str]) -> str:
    most = 5
    more = f" and {len(contexts) - most} more" if len(contexts) > most else ""
    return ", ".join(contexts[:most]) + more

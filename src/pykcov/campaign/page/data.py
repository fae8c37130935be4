"""What the page shows, from the store: each number is a query, and nothing is kept between two."""

import time
from typing import Any

from sqlalchemy import func, select

from pykcov.campaign.allocation import in_words
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.summary import (
    OPEN,
    campaign_summaries,
    finding_details,
    finding_summaries,
    input_count,
    target_summaries,
)
from pykcov.campaign.store.tables import places, reach, slices

_POINTS_MAX = 300
_SHOWN_BYTES = 4096


def state(store: Store) -> dict[str, Any]:
    """Return what the page always shows."""
    found = finding_summaries(store)
    return {
        "now": time.time(),
        "campaigns": [each._asdict() for each in campaign_summaries(store)[:20]],
        "targets": [_target(each) for each in target_summaries(store)],
        "findings": [each._asdict() for each in found],
        "open_findings": sum(each.state in OPEN for each in found),
        "inputs": input_count(store),
        "series": series(store),
    }


def _target(each: Any) -> dict[str, Any]:
    record = each.record
    return {
        "number": each.number,
        "harness": each.harness,
        "version": each.version,
        "python": each.python,
        "inputs": each.inputs,
        "executions": record.executions,
        "rate": record.rate,
        "reached": record.reached,
        "places": record.places,
        "last_new": each.last_new,
        "open_findings": each.open_findings,
        "problem": each.problem,
        "expected": in_words(each.harness, record),
    }


def series(store: Store) -> dict[str, Any]:
    """Return executions, and places that were reached first, over time: in all, by target and by worker."""
    query = select(
        slices.c.ended, slices.c.harness, slices.c.worker, slices.c.executions, slices.c.new_places
    ).order_by(slices.c.ended)
    with store.readers.connect() as connection:
        rows = list(connection.execute(query))
    if not rows:
        return {"times": [], "targets": {}, "workers": {}}
    first, last = rows[0].ended, rows[-1].ended
    width = max((last - first) / (_POINTS_MAX - 1), 1.0)
    count = int((last - first) / width) + 1
    groups: dict[str, dict[str, dict[str, list[int]]]] = {"targets": {}, "workers": {}}
    for row in rows:
        at = min(int((row.ended - first) / width), count - 1)
        for kind, name in (("targets", row.harness), ("workers", row.worker)):
            own = groups[kind].setdefault(name, {"executions": [0] * count, "places": [0] * count})
            own["executions"][at] += row.executions
            own["places"][at] += row.new_places
    for own in (own for kind in groups.values() for own in kind.values()):
        for name, values in own.items():
            total = 0
            for at, value in enumerate(values):
                total += value
                own[name][at] = total
    return {"times": [first + width * (at + 1) for at in range(count)], **groups}


def code_map(store: Store) -> list[dict[str, Any]]:
    """Return the files with their functions: how many places each has, and how many of them which target reaches."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with store.readers.connect() as connection:
        for target in target_summaries(store):
            counted = (
                select(places.c.file, places.c.function, func.min(places.c.line), func.count())
                .where(places.c.target == target.number)
                .group_by(places.c.file, places.c.function)
            )
            reached = (
                select(places.c.file, places.c.function, func.count(reach.c.place.distinct()))
                .join(reach, (reach.c.target == places.c.target) & (reach.c.place == places.c.place))
                .where(places.c.target == target.number)
                .group_by(places.c.file, places.c.function)
            )
            for file, function, line, count in connection.execute(counted):
                own = found.setdefault(file, {}).setdefault(function, {"line": line, "places": 0, "reached": {}})
                own["places"] = max(own["places"], count)
            for file, function, count in connection.execute(reached):
                found[file][function]["reached"][target.harness] = count
    return [
        {
            "file": file,
            "functions": [
                {"function": name, **own} for name, own in sorted(functions.items(), key=lambda item: item[1]["line"])
            ],
        }
        for file, functions in sorted(found.items())
    ]


def finding(store: Store, number: int) -> dict[str, Any]:
    """Return a finding with report and input. Raises StoreError if there is none of this number."""
    found = finding_details(store, number)
    data = found.minimized if found.minimized is not None else found.input
    return {
        **found.summary._asdict(),
        "report": found.report,
        "size": len(data),
        "minimized": found.minimized is not None,
        "hex": hex_dump(data[:_SHOWN_BYTES]),
        "text": data[:_SHOWN_BYTES].decode("utf-8", "backslashreplace"),
        "cut": len(data) > _SHOWN_BYTES,
        "command": f"pykcov campaign export findings && python findings/*/findings/{found.summary.name}/reproduce.py",
    }


def hex_dump(data: bytes) -> str:
    """Return bytes as lines of sixteen, with their offset and what of them is printable ASCII."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' '):<47}  {text}")
    return "\n".join(lines)

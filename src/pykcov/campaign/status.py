"""`pykcov campaign status`: where each target stands, in a terminal."""

import sys
import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pykcov.campaign.allocation import duration, in_words
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.summary import (
    OPEN,
    campaign_summaries,
    finding_summaries,
    input_count,
    problems,
    target_summaries,
)
from pykcov.counted import counted

_SECONDS = 2.0
_GONE_SECONDS = 300.0
"""A campaign that was not there for so long was killed."""


def as_dict(store: Store) -> dict[str, Any]:
    """Return all numbers, for a script."""
    found = finding_summaries(store)
    return {
        "campaigns": [each._asdict() for each in campaign_summaries(store)],
        "targets": [
            each._asdict()
            | {
                "record": each.record._asdict(),
                "discovery": each.record.discovery,
                "expected": in_words(each.harness, each.record),
            }
            for each in target_summaries(store)
        ],
        "findings": [each._asdict() for each in found],
        "inputs": input_count(store),
        "problems": problems(store),
        "open_findings": sum(each.state in OPEN for each in found),
    }


def show(store: Store) -> int:
    """Print it; return how many findings are new."""
    console = Console(file=sys.stdout, highlight=False, markup=False)
    shown, opened = _picture(store)
    console.print(shown)
    return opened


def watch_it(store: Store) -> int:
    """Show it until Ctrl-C; return how many findings are new."""
    console = Console(file=sys.stdout, highlight=False, markup=False)
    shown, opened = _picture(store)
    try:
        with Live(shown, console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while True:
                time.sleep(_SECONDS)
                shown, opened = _picture(store)
                live.update(shown, refresh=True)
    except KeyboardInterrupt:
        return opened


def _picture(store: Store) -> tuple[RenderableType, int]:
    now = time.time()
    targets, found = target_summaries(store), finding_summaries(store)
    table = Table(box=None, pad_edge=False)
    for heading in ("Target", "Executions", "Exec/s", "Places", "New", "Inputs", "Findings"):
        table.add_column(heading, justify="left" if heading == "Target" else "right", overflow="fold")
    for each in targets:
        record = each.record
        last = f"{duration(now - each.last_new)} ago" if each.last_new is not None else "never"
        table.add_row(
            Text(each.harness),
            f"{record.executions:,}",
            f"{record.rate:,.0f}",
            f"{record.reached:,} of {record.places:,}",
            last,
            f"{each.inputs:,}",
            str(each.open_findings),
        )
    lines = [_campaign_line(store, now)]
    lines += [f"{in_words(each.harness, each.record)}" for each in targets]
    lines += [f"{harness}: {problem.splitlines()[-1]}" for harness, problem in problems(store).items()]
    shown: list[RenderableType] = [table, Text(), *map(Text, lines)]
    opened = [each for each in found if each.state in OPEN]
    if found:
        shown += [Text(), _findings_table(found, now)]
    return Group(*shown), len(opened)


def _findings_table(found: list[Any], now: float) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("Finding", "State", "Target", "What", "First seen", "Slices"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            str(each.number),
            each.state,
            Text(each.harness),
            Text(each.token),
            f"{duration(now - each.first_seen)} ago",
            str(each.times),
        )
    return table


def _campaign_line(store: Store, now: float) -> str:
    campaigns = campaign_summaries(store)
    if not campaigns:
        return "there was no campaign yet"
    last = campaigns[0]
    if last.ended is not None:
        what = f"ended {duration(now - last.ended)} ago"
    elif now - last.seen > _GONE_SECONDS:
        what = f"was not heard of for {duration(now - last.seen)}: it was killed"
    else:
        what = f"runs since {duration(now - last.started)}"
    executions = counted(last.executions, "execution", digits=",")
    return f"campaign {last.number} {what}: {counted(last.slices, 'slice')}, {executions}"

"""What was seen of the conditions of source files, put together for reports: by decision, in which contexts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from pykcov.counted import counted
from pykcov.coverage.checked import conditions_in
from pykcov.tables import print_table
from pykcov.traces.decisions import Condition, Decision, Span, decisions_of
from pykcov.traces.facts import FALSE, FALSE_DECIDED, TRUE, TRUE_DECIDED, Fact, span_of
from pykcov.traces.texts import shown
from pykcov.traces.tracefile import TraceFile

_OUTCOMES = {TRUE: "true", FALSE: "false", TRUE_DECIDED: "decided_true", FALSE_DECIDED: "decided_false"}
"""In the order in which they are shown; the names are those of JSON."""


@dataclass(frozen=True)
class Seen:
    """A condition."""

    condition: Condition
    source: str
    contexts: Mapping[int, Sequence[str]]
    """By outcome (pykcov.traces.facts): in which contexts it was seen."""

    def missing(self, mcdc: bool) -> list[str]:
        """Return, in words, what was not seen of it; with `mcdc`, what it did not decide either."""
        found = []
        for name, plain, decided in (("true", TRUE, TRUE_DECIDED), ("false", FALSE, FALSE_DECIDED)):
            if not self.contexts[plain]:
                found.append(f"never {name}")
            elif mcdc and not self.contexts[decided]:
                found.append(f"{name} never decided")
        return found


@dataclass(frozen=True)
class DecisionSeen:
    """A decision."""

    decision: Decision
    source: str
    conditions: Sequence[Seen]


@dataclass(frozen=True)
class Conditions:
    """What is known of the conditions of all files."""

    files: Mapping[str, Sequence[DecisionSeen]]
    """By the name that reports have for the file, sorted."""
    mcdc: bool
    """Whether a report is to say what decided, too."""
    remarks: list[str] = field(default_factory=list)
    """Files left out, and why."""

    def without(self, excluded: Mapping[str, Collection[int]]) -> "Conditions":
        """Return the same without decisions that begin on lines that no report is to count."""
        files = {
            name: [seen for seen in decisions if seen.decision.span[0] not in excluded.get(name, ())]
            for name, decisions in self.files.items()
        }
        return Conditions(files, self.mcdc, self.remarks)

    def of(self, file: str) -> tuple[int, int]:
        """Return how many outcomes were seen in a file, and how many there are."""
        outcomes = (TRUE_DECIDED, FALSE_DECIDED) if self.mcdc else (TRUE, FALSE)
        conditions = [one for seen in self.files[file] for one in seen.conditions]
        seen = sum(bool(one.contexts[what]) for one in conditions for what in outcomes)
        return seen, 2 * len(conditions)


def conditions_of_trace(trace: TraceFile, files: Mapping[str, str], mcdc: bool) -> Conditions:
    """Return what the threads of a trace have seen; `files`: name in the trace -> name in reports."""
    known = trace.locations.conditions_of(range(len(trace.locations)))
    found = {name: trace.conditions(thread) for name, thread in zip(trace.thread_names(), trace.threads, strict=True)}
    executed = {file for file in trace.locations.files if file not in known}
    return put_together(files, known, executed, found, mcdc)


def conditions_of_data(own: dict[str, Any], files: Mapping[str, str], mcdc: bool) -> Conditions:
    """Return what the contexts of a data file have seen; `own`: what pykcov has added to it."""
    known, found = conditions_in(own)
    return put_together(files, known, (), found, mcdc)


def put_together(
    files: Mapping[str, str],
    known: Mapping[str, Collection[Fact]],
    without: Iterable[str],
    found: Mapping[str, Mapping[str, Collection[Fact]]],
    mcdc: bool,
) -> Conditions:
    """Return what was seen of the conditions of files.

    files: the name of each file and its name in reports. known: by file, what could have been seen. without: files
    that have code with probes, but no condition. found: by context, what was seen, by file.
    """
    result: dict[str, Sequence[DecisionSeen]] = {}
    remarks = []
    for file, name in sorted(files.items()):
        if file in without:
            continue
        try:
            with open(file, "rb") as opened:
                source = opened.read()
            decisions = decisions_of(source, file)
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            if file in known:
                remarks.append(f"{shown(file)}: its source cannot be read: its conditions are left out")
            continue
        contexts = {context: seen[file] for context, seen in found.items() if file in seen}
        spans = {span_of(fact) for fact in known[file]} if file in known else None
        if spans is not None and not spans <= {one.span for decision in decisions for one in decision.conditions}:
            remarks.append(f"{shown(file)}: its source is not the one that ran: its conditions are left out")
            continue
        result[name] = [seen for one in decisions if (seen := _seen(one, source.splitlines(), spans, contexts))]
    return Conditions(result, mcdc, remarks)


def _seen(
    decision: Decision, lines: list[bytes], spans: set[Span] | None, contexts: Mapping[str, Collection[Fact]]
) -> DecisionSeen | None:
    """Return what was seen of a decision, None if nothing tests any of its conditions."""
    conditions = []
    for number, condition in enumerate(decision.conditions):
        if decision.is_untested(number) if spans is None else condition.span not in spans:
            continue
        seen = {
            outcome: [name for name, facts in contexts.items() if condition.fact(outcome) in facts]
            for outcome in _OUTCOMES
        }
        conditions.append(Seen(condition, _text(lines, condition.span), seen))
    return DecisionSeen(decision, _text(lines, decision.span), conditions) if conditions else None


def _text(lines: list[bytes], span: Span) -> str:
    """Return a piece of source on one line."""
    line, column, end_line, end_column = span
    piece = lines[line - 1 : end_line]
    piece[-1] = piece[-1][:end_column]
    piece[0] = piece[0][column:]
    return " ".join(part.decode("utf-8", "replace").strip() for part in piece)


def print_conditions(conditions: Conditions, file: TextIO) -> None:
    """Write what was not seen of which condition, then a table of files."""
    for name, decisions in conditions.files.items():
        for seen in decisions:
            missing = [(one.source, found) for one in seen.conditions if (found := one.missing(conditions.mcdc))]
            if missing:
                print(f"{name}:{seen.decision.span[0]}: {seen.source}", file=file)
            for source, found in missing:
                print(f"    {source}: {', '.join(found)}", file=file)
    rows: list[tuple[str, int, int, int]] = []
    for name, decisions in conditions.files.items():
        seen_outcomes, outcomes = conditions.of(name)
        if decisions:
            rows.append((name, sum(len(one.conditions) for one in decisions), outcomes, outcomes - seen_outcomes))
    if rows:
        print(file=file)
        what = "Decided" if conditions.mcdc else "Outcomes"
        print_table(("File", "Conditions", what, "Missing"), rows, file)
    total, missing_total = sum(row[2] for row in rows), sum(row[3] for row in rows)
    if total:
        says = "have decided" if conditions.mcdc else "were seen"
        percent = 100 * (total - missing_total) / total
        print(f"{total - missing_total} of {counted(total, 'outcome')} {says} ({percent:.0f}%).", file=file)
    else:
        print("No file has a condition.", file=file)


def as_json(decisions: Sequence[DecisionSeen]) -> list[dict[str, object]]:
    """Return the decisions of a file for a JSON report."""
    return [
        {
            **_place(seen.decision.span),
            "source": seen.source,
            "conditions": [
                {
                    **_place(one.condition.span),
                    "source": one.source,
                    **{name: list(one.contexts[outcome]) for outcome, name in _OUTCOMES.items()},
                }
                for one in seen.conditions
            ],
        }
        for seen in decisions
    ]


def _place(span: Span) -> dict[str, object]:
    return dict(zip(("line", "column", "end_line", "end_column"), span, strict=True))

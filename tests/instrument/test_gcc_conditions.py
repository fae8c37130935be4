"""What decided is what gcc's -fcondition-coverage says of the same decisions in C: a table of its verdicts."""

import gzip
import json
import sys
from pathlib import Path

import pytest

import pykcov
from pykcov.traces.decisions import Formula, decisions_of
from pykcov.traces.facts import FALSE_DECIDED, TRUE_DECIDED

TABLE = Path(__file__).parent.parent / "data" / "gcc_conditions.json.gz"
MODULE = "decisions_that_gcc_judged"
KEYS = {"not_covered_true": TRUE_DECIDED, "not_covered_false": FALSE_DECIDED}


def negated(formula: Formula, outer: bool = False) -> set[int]:
    """Return the conditions behind an odd number of `not`: gcc exchanges true and false of these."""
    if formula.kind == "condition":
        return {formula.number} if outer else set()
    inner = outer ^ (formula.kind == "not")
    return set().union(*(negated(part, inner) for part in formula.parts))


def test_what_decided_is_what_gcc_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = json.loads(gzip.decompress(TABLE.read_bytes()))
    path = tmp_path / f"{MODULE}.py"
    path.write_text(
        "\n".join(f"def f{n}(a, b, c, d, e, f): return 1 if {row[0]} else 0" for n, row in enumerate(table))
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pykcov.trace(granularity="condition", include=[MODULE]) as trace:
        module = __import__(MODULE)
        for number, (_, runs, _, _) in enumerate(table):
            for run in runs:
                getattr(module, f"f{number}")(*run)
    del sys.modules[MODULE]
    facts = trace.conditions()[str(path)]
    decisions = decisions_of(path.read_bytes(), str(path))
    assert len(decisions) == len(table)
    for decision, (expression, runs, verdict, wrong) in zip(decisions, table, strict=True):
        exchanged = negated(decision.formula)
        ours: dict[str, list[int]] = {}
        for key, outcome in KEYS.items():
            outcomes = [TRUE_DECIDED + FALSE_DECIDED - outcome, outcome]
            ours[key] = [
                number
                for number, condition in enumerate(decision.conditions)
                if condition.fact(outcomes[number not in exchanged]) not in facts
            ]
        # Where gcc is wrong (tools/gcc_conditions.py proves it), it takes too much for decided.
        right = {key: sorted({*numbers, *(n for name, n in wrong if name == key)}) for key, numbers in verdict.items()}
        assert ours == right, (expression, runs)

"""gcc as the judge of masking MC/DC: the same random decisions in C under -fcondition-coverage, and in Python.

    python tools/gcc_conditions.py --decisions 1000            compare, with this machine's gcc (14 or later)
    python tools/gcc_conditions.py --root FOLDER               with the gcc of a system in a folder
    python tools/gcc_conditions.py --write FILE                write gcc's verdicts as a table for the tests

It ends with 1 if any verdict differs, and prints each that does.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import CodeType

import pykcov
from pykcov.traces.decisions import Decision, Formula, decisions_of
from pykcov.traces.facts import FALSE_DECIDED, TRUE_DECIDED, Fact

NAMES = "abcdef"
Verdict = dict[str, list[int]]
"""The conditions of a decision, by number, that did not decide when they were true, and when they were false."""


def random_decision(chance: random.Random) -> str:
    """Return an expression of one to six conditions, each a name of its own, with `and`, `or` and `not`."""
    names = iter(NAMES)

    def build(conditions: int) -> str:
        negation = "not " * (chance.random() < 0.25)
        if conditions == 1:
            return negation + next(names)
        parts = chance.randint(2, min(3, conditions))
        cuts = sorted(chance.sample(range(1, conditions), parts - 1))
        sizes = [end - start for start, end in zip([0, *cuts], [*cuts, conditions], strict=True)]
        operator = chance.choice((" and ", " or "))
        return f"{negation}({operator.join(build(size) for size in sizes)})"

    return build(chance.randint(1, 6))


def random_runs(chance: random.Random) -> list[list[int]]:
    """Return the values of the six names for some evaluations."""
    return [[chance.randint(0, 1) for _ in NAMES] for _ in range(chance.randint(1, 12))]


def in_c(expression: str) -> str:
    """Return a Python expression as one of C."""
    return expression.replace("and", "&&").replace("or", "||").replace("not ", "!")


def gcc_verdicts(decisions: list[tuple[str, list[list[int]]]], root: str | None) -> list[Verdict]:
    """Return what gcov says of each decision, which has a line of its own."""
    lines = ["int seen;"]
    lines += [
        f"void f{number}({', '.join(f'int {name}' for name in NAMES)}) {{ if ({in_c(expression)}) seen++; }}"
        for number, (expression, _) in enumerate(decisions)
    ]
    lines.append("int main(void) {")
    lines += [f"f{number}({', '.join(map(str, run))});" for number, (_, runs) in enumerate(decisions) for run in runs]
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory(dir=Path(root, "tmp") if root else None) as folder:
        Path(folder, "decisions.c").write_text("\n".join(lines))
        inside = f"/tmp/{Path(folder).name}" if root else folder
        script = (
            f"cd {inside} && gcc -w -O0 -fcondition-coverage --coverage decisions.c -o decisions && ./decisions && "
            "gcov --conditions --json-format --stdout decisions.gcda"
        )
        command = ["chroot", root, "sh", "-c", script] if root else ["sh", "-c", script]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)["files"][0]["lines"]
    by_line = {line["line_number"]: line["conditions"] for line in found if line["conditions"]}
    verdicts = []
    for number in range(len(decisions)):
        ((verdict),) = by_line[number + 2]
        verdicts.append({name: verdict[name] for name in ("not_covered_true", "not_covered_false")})
    return verdicts


def refuted(expression: str, runs: list[list[int]], verdict: Verdict) -> list[list[object]]:
    """Return what gcc takes for decided, wrongly: in no run would the outcome be another one had it been otherwise.

    What a run does not evaluate may have any value. gcc 14 to 16 have such faults in some deep decisions.
    """
    code = compile(expression, "<decision>", "eval")
    found: list[list[object]] = []
    decision = _decision(expression)
    names = [f"1 if {expression} else 0"[one.span[1] : one.span[3]] for one in decision.conditions]
    negated = dict(negations(decision.formula))
    for number, name in enumerate(names):
        for key, value in (("not_covered_true", True), ("not_covered_false", False)):
            was = value ^ negated[number]
            if number not in verdict[key] and not any(_decides(code, name, was, run) for run in runs):
                found.append([key, number])
    return found


def _decision(expression: str) -> Decision:
    return decisions_of(f"1 if {expression} else 0", "<decision>")[0]


class _Evaluated(dict[str, int]):
    """The values of names, and which of them were looked up."""

    def __init__(self, values: dict[str, int]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> int:
        self.names.add(name)
        return super().__getitem__(name)


def _decides(code: CodeType, name: str, value: bool, run: list[int]) -> bool:
    values = _Evaluated(dict(zip(NAMES, run, strict=True)))
    outcome = bool(eval(code, {}, values))
    if name not in values.names or values[name] != value:
        return False
    free = [one for one in NAMES if one not in values.names]
    return any(
        bool(eval(code, {}, {**values, **dict(zip(free, chosen, strict=True)), name: not value})) != outcome
        for chosen in product((0, 1), repeat=len(free))
    )


def our_verdicts(decisions: list[tuple[str, list[list[int]]]]) -> list[Verdict]:
    """Return what pykcov says of the same decisions in Python."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "decisions_of_the_judge.py")
        path.write_text(
            "\n".join(
                f"def f{number}({', '.join(NAMES)}): return 1 if {expression} else 0"
                for number, (expression, _) in enumerate(decisions)
            )
        )
        sys.path.insert(0, folder)
        try:
            with pykcov.trace(granularity="condition", include=["decisions_of_the_judge"]) as trace:
                import decisions_of_the_judge as module  # type: ignore[import-not-found]

                for number, (_, runs) in enumerate(decisions):
                    for run in runs:
                        getattr(module, f"f{number}")(*run)
        finally:
            sys.path.remove(folder)
            sys.modules.pop("decisions_of_the_judge", None)
        facts = trace.conditions()[str(path)]
        source = path.read_bytes()
    by_line = {decision.span[0]: decision for decision in decisions_of(source, str(path))}
    return [verdict_of(by_line[number + 1], facts) for number in range(len(decisions))]


def verdict_of(decision: Decision, facts: set[Fact]) -> Verdict:
    """Return what did not decide. Behind an odd number of `!` true and false are exchanged: gcc moves these inwards."""
    verdict: Verdict = {"not_covered_true": [], "not_covered_false": []}
    for number, is_negated in sorted(negations(decision.formula)):
        for name, outcome in zip(verdict, (TRUE_DECIDED, FALSE_DECIDED), strict=True):
            here = TRUE_DECIDED + FALSE_DECIDED - outcome if is_negated else outcome
            if decision.conditions[number].fact(here) not in facts:
                verdict[name].append(number)
    return verdict


def negations(formula: Formula, is_negated: bool = False) -> Iterator[tuple[int, bool]]:
    """Yield the numbers of all conditions, and whether they stand behind an odd number of `not`."""
    if formula.kind == "condition":
        yield formula.number, is_negated
    for part in formula.parts:
        yield from negations(part, is_negated ^ (formula.kind == "not"))


def _version_of_gcc() -> int:
    try:
        done = subprocess.run(["gcc", "-dumpversion"], check=True, capture_output=True, text=True)
        return int(done.stdout.partition(".")[0])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def main() -> int:
    """Compare, and return 1 if there is a difference that is no fault of gcc."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", help="the root of a system whose gcc is 14 or later")
    parser.add_argument("--write", help="a file, gzip of JSON, to write gcc's verdicts to")
    options = parser.parse_args()
    if options.root is None and _version_of_gcc() < 14:
        options.root = os.environ.get("PYKCOV_CHROOT") or os.path.expanduser("~/.cache/pykcov/forky")
        if not os.path.exists(os.path.join(options.root, "usr/bin/gcov")):
            parser.error("needs gcc 14 or later: --root names a system that has one (tools/python-chroot.sh makes one)")
    chance = random.Random(options.seed)
    decisions = [(random_decision(chance), random_runs(chance)) for _ in range(options.decisions)]
    judged = gcc_verdicts(decisions, options.root)
    if options.write:
        rows = [
            [*decision, verdict, refuted(*decision, verdict)]
            for decision, verdict in zip(decisions, judged, strict=True)
        ]
        with gzip.GzipFile(options.write, "wb", mtime=0) as file:
            file.write(json.dumps(rows).encode())
    differences = faults = 0
    for (expression, runs), theirs, ours in zip(decisions, judged, our_verdicts(decisions), strict=True):
        if ours == theirs:
            continue
        wrong = refuted(expression, runs, theirs)
        right = {
            key: sorted({*numbers, *(number for name, number in wrong if name == key)})
            for key, numbers in theirs.items()
        }
        faults += ours == right
        differences += ours != right
        print(f"{expression}\n  with {runs}\n  gcc    {theirs}\n  pykcov {ours}\n  what gcc has wrong: {wrong}")
    conditions = sum(len(_decision(expression).conditions) for expression, _ in decisions)
    print(f"{len(decisions)} decisions with {conditions} conditions: {faults} faults of gcc, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

"""Functions, generators and coroutines whose conditions are recorded do what they do without: also where they fail,
are suspended or are thrown into in the middle of a decision, with its state on their stack (carried.py).
"""

import random
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest
from rewriting import Recorder

from pykcov.instrument import conditions
from pykcov.instrument.rewrite import rewrite
from pykcov.traces.decisions import decisions_of

FILE = "<unnoticed>"
OPERANDS = [
    *("g(%d)", "h(%d)", "[x for x in range(%d)]", "{x: 1 for x in range(%d) if x or g(1) and h(2)}", "not g(%d)"),
    *("(g(%d) or g(7)) and h(3)", "(lambda q: (q or g(1)) and h(1))(%d)", "g(%d) is None", "g(%d) if g(2) else h(1)"),
    *("[y for x in range(%d) for y in range(x) if (x or y) and g(y)]", 'f"{g(%d)}{h(1)}"', "any(x for x in range(%d))"),
]
SUSPENDING = {
    "def": [],
    "generator": ["(yield %d)"] * 4,
    "async def": ["await wait(%d)", "[z async for z in items(%d)]", "[await wait(z) for z in range(%d)]"] * 3,
}
BODIES = [
    "    try:\n        for i in range(2):\n            if {}: out.append(i)\n            elif {}: out.append(-i)\n"
    "    except ValueError as error: out.append(str(error))\n    finally:\n        if {}: out.append('last')\n",
    "    n = 0\n    while {}:\n        n += 1\n        if n > 2 or {}: break\n"
    "    x = {}\n    out.append((n, bool(x)))\n",
    "    with manager(out):\n        assert {}\n    x = [i for i in range(3) if {}]\n    match 1:\n"
    "        case 1 if {}: out.append(x)\n",
]


class Manager:
    def __init__(self, out: list[Any]) -> None:
        self.out = out

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, *_: object) -> bool:
        self.out.append(kind)
        return True


def decision(chance: random.Random, size: int, operands: list[str]) -> str:
    if size == 1:
        return "(" + chance.choice(operands).replace("%d", str(chance.randint(0, 3))) + ")"
    left = chance.randint(1, size - 1)
    parts = [decision(chance, left, operands), decision(chance, size - left, operands)]
    return chance.choice(["", "not "]) + "(" + chance.choice([" and ", " or "]).join(parts) + ")"


def program(chance: random.Random) -> tuple[str, str]:
    kind = chance.choice([*SUSPENDING])
    operands = OPERANDS + SUSPENDING[kind]
    body = chance.choice(BODIES).format(*(decision(chance, chance.randint(3, 6), operands) for _ in range(3)))
    return kind, f"{'async ' * (kind == 'async def')}def f(out):\n{body}{'    yield 9' * (kind == 'generator')}\n"


class Pause:
    def __await__(self) -> Iterator[None]:
        yield


def outcome(code: CodeType, kind: str, seed: int) -> list[Any]:
    chance = random.Random(seed)
    out: list[Any] = []

    def g(_: int) -> bool:
        return chance.random() < 0.5

    def h(number: int) -> Any:
        if chance.random() < 0.12:
            raise ValueError(number)
        return chance.choice([0, 1, "", None, [1]])

    async def wait(number: int) -> Any:
        await Pause()
        return h(number)

    async def items(number: int) -> Any:
        for item in range(number):
            await Pause()
            yield item

    names: dict[str, Any] = {"g": g, "h": h, "wait": wait, "items": items, "manager": Manager}
    exec(code, names)
    try:
        found = names["f"](out)
        if kind != "def":
            drive(found, chance, is_coroutine=kind != "generator")
    except Exception as error:
        out.append(repr(error))
    return out


def drive(running: Any, chance: random.Random, is_coroutine: bool) -> None:
    """Send to what is suspended, and sometimes throw into it; close it in the end."""
    running.send(None)
    for _ in range(50 if is_coroutine else 8):
        if chance.random() < (0.02 if is_coroutine else 0.15):
            running.throw(ValueError("thrown"))
        else:
            running.send(None if is_coroutine else chance.random() < 0.6)
    running.close()


def check(seeds: range, made: Callable[[random.Random], tuple[str, str]] = program) -> None:
    for seed in seeds:
        kind, source = made(random.Random(seed))
        try:
            compiled = compile(source, FILE, "exec")
        except SyntaxError:  # a yield where none may be
            continue
        conditions._sources[FILE] = conditions.Source(decisions_of(source, FILE))
        probed = rewrite(compiled, Recorder(), granularity="condition")
        for turn in range(4):
            assert outcome(compiled, kind, turn) == outcome(probed, kind, turn), (seed, source)


@pytest.fixture(autouse=True)
def no_sources_left() -> Iterator[None]:
    yield
    conditions._sources.pop(FILE, None)


@pytest.mark.parametrize(
    "expression",
    [
        "((g(2) or g(7)) and h(3)) or (await wait(1))",
        "((g(2) or g(7)) and await wait(3)) or h(1)",
        "not (((g(0) or g(7)) and h(3)) or [await wait(z) for z in range(2)])",
    ],
)
def test_a_decision_goes_on_right_behind_an_await(expression: str) -> None:
    """The way out of the await is a way of its own to there: a state that is on the other ways is not on this."""
    check(range(1), lambda _: ("async def", f"async def f(out):\n    x = {expression}\n    out.append(bool(x))\n"))


def test_random_programs_do_not_notice() -> None:
    check(range(60))


@pytest.mark.slow
def test_many_random_programs_do_not_notice() -> None:
    check(range(5000))

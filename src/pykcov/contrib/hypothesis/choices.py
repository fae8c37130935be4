"""A test of Hypothesis as a target whose inputs are choices, found as the backend finds examples.

The bytes of an input are those of Hypothesis's example database: choices, in its own form. Inputs that are made may
lack some, which are drawn by chance, but by the same in each run of the same bytes: so an input that ends the process
does so again. What such an input reaches, or raises, for the first time is left to the same example with all its
choices, which runs next. So what is kept has all of them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Any

from hypothesis import core
from hypothesis.database import ExampleDatabase, choices_from_bytes, choices_to_bytes
from hypothesis.errors import UnsatisfiedAssumption
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import BytestringProvider, PrimitiveProvider
from hypothesis.internal.reflection import function_digest

from pykcov.contrib.hypothesis.drawing import SIMPLEST, Drawing
from pykcov.contrib.hypothesis.example import FRESH, Example, Fresh, Value, Values
from pykcov.contrib.hypothesis.guidance import Guidance
from pykcov.contrib.hypothesis.waiting import Plan
from pykcov.fuzz.engine import Engine
from pykcov.fuzz.stacks import write_error

MOST_BYTES = 1 << 16
"""Of an input, unless somebody asks for another bound: about what Hypothesis allows an example."""

_EMPTY = (b"", b"\n")
"""What libFuzzer begins with."""
_INCOMPLETE = b"\xff"
"""Begins an input that lacks choices. Hypothesis begins none of its own so."""
_MOST_PLANS = 10
"""So many are made before one that fits into the bytes is given up."""


class Choices:
    """The target, and the mutator that makes its inputs."""

    def __init__(self, test: Any, handle: Any, words: dict[type, list[Value]]) -> None:
        """Take a test and its handle (`test.hypothesis`), or one that stands for it; words: that the program knows."""
        self._run = handle.fuzz_one_input
        self._guidance = Guidance()
        self._guidance.pool.words = words
        self._engine: Engine | None = None
        self._seen = memoryview(b"")
        self._random = Random(0)
        self._made: tuple[bytes, Plan] = b"", SIMPLEST
        self._again: dict[Values, Plan] = {}
        self._database: ExampleDatabase | None = test._hypothesis_internal_use_settings.database
        self._key = function_digest(test.hypothesis.inner_test)
        # Under this name fuzz_one_input() looks for what makes its choices.
        vars(core)["BytestringProvider"] = _Inputs

    def __call__(self, data: bytes) -> object:
        """Run an input."""
        made, plan = self._made
        one = _Input(data)
        one.target, one.example, one.is_made = self, Example(), data == made
        one.plan = plan if one.is_made else _plan_of(data)
        try:
            result = self._run(one)
        except KeyboardInterrupt:
            raise
        except BaseException:  # of pytest, say
            if self._engine is None:
                raise
            if one.lacks_choices() and one.plan.origin != "failed":
                self._run_again(one, "failed")
                return None
            self._save(one, b".secondary")
            raise
        if one.plan.origin == "failed":
            write_error("pykcov: an example failed, and did not fail when it ran again with the same choices\n")
        return result

    def watch(self, engine: Engine) -> None:
        """Learn from now on from what inputs reach and compare; try what is in Hypothesis's database first."""
        self._engine = engine
        self._seen = memoryview(bytearray(engine.counters))
        for key in (self._key, self._key + b".secondary", self._key + b".pareto"):
            for entry in self._database.fetch(key) if self._database is not None else ():
                self._guidance.replay(choices_from_bytes(entry) or ())

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """Return an input of at most so many bytes to try next, whatever `data` is."""
        if not self._made[0]:
            self._random = Random(seed)
        for _ in range(_MOST_PLANS):
            plan = self._again.popitem()[1] if self._again else self._guidance.plan(self._random)
            made = _bytes_of(plan.values, self._random)
            if len(made) <= most:
                self._made = made, plan
                return made
        return data

    @contextmanager
    def learning(self, one: "_Input", data: ConjectureData) -> Iterator[None]:
        """Learn from what an input reaches and compares meanwhile."""
        engine = self._engine
        if engine is not None:
            engine.compare_afresh()
        try:
            yield
        except _skips():
            # Hypothesis keeps an example that raises, and a plain run would be skipped by this one.
            one.is_skipped = True
            raise UnsatisfiedAssumption from None
        finally:
            one.example.end()
            one.choices = data.choices
            if engine is not None:
                self._learn(engine, one)

    def _learn(self, engine: Engine, one: "_Input") -> None:
        example, plan = one.example, one.plan
        is_new = engine.reached(self._seen) > 0
        self._guidance.take(plan, example, is_new, engine.comparisons)
        is_left = is_new and one.lacks_choices()
        engine.keep_to_target(reached=is_left)
        if is_left:
            self._run_again(one, "complete")
        elif is_new or plan.origin == "complete":
            self._save(one, b".pareto")

    def _run_again(self, one: "_Input", why: str) -> None:
        values = one.example.values
        self._again[values] = Plan(values, why)

    def _save(self, one: "_Input", kind: bytes) -> None:
        """Have the next run of the test try this example: Hypothesis looks for some of each kind."""
        if self._database is not None and not one.is_skipped:
            self._database.save(self._key + kind, choices_to_bytes(one.choices))


def _skips() -> tuple[type[BaseException], ...]:
    """Return the exceptions that skip a test: no example that raises one has failed."""
    exceptions: tuple[type[BaseException], ...] = vars(core)["skip_exceptions_to_reraise"]()
    return exceptions


class _Input(bytes):
    """What runs, as fuzz_one_input() passes it on to the provider."""

    target: Choices
    plan: Plan
    example: Example
    is_made: bool
    """The mutator made it. An input that somebody else gives stays as it is."""
    is_skipped = False
    """The example has skipped the test."""
    choices: tuple[Value, ...] = ()
    """Those of the example, and those that Hypothesis has forced."""

    def lacks_choices(self) -> bool:
        """Return whether the example is to run with all its choices instead, when it has run."""
        return self.is_made and bytes(self) != choices_to_bytes(self.example.values)

    def fresh(self, data: ConjectureData | None) -> PrimitiveProvider:
        """Return what draws the choices that it lacks."""
        if self in _EMPTY or self.startswith(_INCOMPLETE) or choices_from_bytes(self) is not None:
            # By the bytes alone, and so the same each time.
            return ConjectureData(random=Random(bytes(self))).provider
        return BytestringProvider(data, bytestring=bytes(self))


class _Inputs(Drawing):
    """Draws the choices of an input."""

    lifetime = "test_case"
    drawn = b""
    """Which fuzz_one_input() returns."""

    def __init__(self, conjecturedata: ConjectureData | None, /, *, bytestring: _Input) -> None:
        super().__init__(conjecturedata)
        self._input = bytestring
        self._plan = bytestring.plan
        self._fresh = bytestring.fresh(conjecturedata)
        self._example = bytestring.example

    def per_test_case_context_manager(self) -> AbstractContextManager[None]:
        assert self._cd is not None
        return self._input.target.learning(self._input, self._cd)


def _plan_of(data: bytes) -> Plan:
    """Return what an input asks for. What is no choices may be bytes that fuzz_one_input() understands."""
    if data in _EMPTY:
        return SIMPLEST
    choices = choices_from_bytes(data.removeprefix(_INCOMPLETE)) or ()
    if data.startswith(_INCOMPLETE):
        count = choices[1] if len(choices) > 1 and type(choices[1]) is int else 0
        missing, choices = set(choices[2 : 2 + count]), choices[2 + count :]
        return Plan(tuple(FRESH if index in missing else value for index, value in enumerate(choices)), "corpus")
    return Plan(choices, "corpus")


def _bytes_of(values: Values, random: Random) -> bytes:
    """Return the input for a plan: other ones each time where choices are to be drawn by chance."""
    missing = [index for index, value in enumerate(values) if isinstance(value, Fresh)]
    if values and not missing:
        return choices_to_bytes(value for value in values if not isinstance(value, Fresh))
    known = [False if isinstance(value, Fresh) else value for value in values]
    return _INCOMPLETE + choices_to_bytes((random.getrandbits(63), len(missing), *missing, *known))

"""The backend: Hypothesis asks it for each choice of an example."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Any

from hypothesis.control import current_build_context
from hypothesis.internal.conjecture.choice import ChoiceT
from hypothesis.internal.conjecture.data import ConjectureData

from pykcov.contrib.hypothesis import observing
from pykcov.contrib.hypothesis.chosen import watch
from pykcov.contrib.hypothesis.drawing import SIMPLEST, Drawing
from pykcov.contrib.hypothesis.example import TYPES, Choice, Example, Value, fits
from pykcov.contrib.hypothesis.guidance import Guidance
from pykcov.contrib.hypothesis.recording import Recording, is_traced
from pykcov.contrib.hypothesis.waiting import Plan
from pykcov.warnings import PykcovWarning

_POOL_SHARE = 0.1
_MOST_REDRAWS = 3
"""What has been an example by itself is drawn again so often, as Hypothesis's own engine would not repeat it."""
_RANDOM = Plan((), "random")


class Provider(Drawing):
    """Plans each example, and learns from it. One for each test function."""

    lifetime = "test_function"

    def __init__(self, conjecturedata: ConjectureData | None, /) -> None:
        """Begin a test function."""
        super().__init__(conjecturedata)
        self._guidance = Guidance()
        self._recording: Recording | None = None
        self._is_guided = True
        self._random = Random(0)
        self._examples = 0

    def per_test_case_context_manager(self) -> AbstractContextManager[None]:
        """Record an example, and learn from it."""
        context = current_build_context()
        data = context.data
        self._begin(data)
        if self._is_guided and self._recording is None:
            self._start(context.wrapped_test)
        return self._recorded(data)

    @contextmanager
    def _recorded(self, data: ConjectureData) -> Iterator[None]:
        recording = self._recording if self._is_guided and not is_traced() else None
        if recording is None:
            yield
            return
        try:
            with recording.example():
                yield
        finally:
            try:
                self._learn(recording, data)
            except Exception as error:
                # It would look like a failure of the test.
                self._give_up(f"the backend has failed, which is a bug of pykcov: {error!r}")

    def _begin(self, data: ConjectureData) -> None:
        if not self._examples:
            # Hypothesis's own generator, so that its seed decides. What is drawn for us is no choice of the example.
            self._random = getattr(data, "_random", None) or self._random
            self._fresh = ConjectureData(random=self._random).provider
        self._examples += 1
        self._example = Example()
        if self._examples == 1:
            self._plan = SIMPLEST
        else:
            self._plan = self._guidance.plan(self._random) if self._is_guided else _RANDOM

    def _start(self, test: Any) -> None:
        try:
            self._guidance.pool.words = watch(test)
            self._recording = Recording()
        except Exception as error:
            self._give_up(f"{error}")

    def _give_up(self, reason: str) -> None:
        self._is_guided = False
        message = f"examples are drawn as by Hypothesis's own backend: {reason}"
        try:
            warnings.warn(message, PykcovWarning, stacklevel=2)
        except PykcovWarning:  # where warnings are errors, it would look like a failure of the test
            print(f"pykcov: {message}", file=sys.stderr)

    def _learn(self, recording: Recording, data: ConjectureData) -> None:
        self._example.end()
        observing.take(recording.counters)
        new = recording.reached()
        self._guidance.take(self._plan, self._example, new > 0, recording.records)
        data.events[f"pykcov: {self._plan.origin}"] = ""
        if new:
            data.events["pykcov: reached new code"] = ""

    def _fresh_value(self, type_: str, constraints: Mapping[str, Any]) -> Value:
        value = self._drawn_value(type_, constraints)
        for _ in range(_MOST_REDRAWS if not self._example.choices else 0):
            if not self._guidance.is_known((value,)):
                break
            value = self._drawn_value(type_, constraints)
        return value

    def _drawn_value(self, type_: str, constraints: Mapping[str, Any]) -> Value:
        if self._is_guided and self._random.random() < _POOL_SHARE:
            value = self._guidance.pool.draw(self._random, TYPES[type_])
            if value is not None and fits(value, Choice(type_, constraints, value)):
                return value
        drawn = super()._fresh_value(type_, constraints)
        self._guidance.pool.note_drawn(drawn)
        return drawn

    def replay_choices(self, choices: tuple[ChoiceT, ...]) -> None:
        """Try these next, with what they compare."""
        self._guidance.replay(choices)

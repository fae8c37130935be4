"""In executions of which comparisons are not recorded, functions run code that does not observe them.

The functions are those that an execution has reached. The engine has them looked for again after twice as many changes,
so that what is imported or made later gets such code, too. Not at once: many campaigns end sooner than it pays.
"""

from _weakref import ref
from time import monotonic
from types import CodeType, FunctionType

from pykcov._core import Counters
from pykcov._exec import Unrecorded
from pykcov.instrument import alive
from pykcov.instrument.quiet import compares, first_probe, without_comparisons
from pykcov.instrument.stored import code_pairs

Functions = list[tuple[ref[FunctionType], CodeType, CodeType]]
"""Each with the code that observes comparisons, and the same without."""


class Comparing:
    """The two kinds of code that functions have."""

    def __init__(self, counters: Counters, seconds: float = 0.1) -> None:
        """Take the counters that say what the last execution has reached.

        seconds: for so long from now on no functions are looked for.
        """
        self._counters = counters
        self._begin = monotonic() + seconds
        # Loud and quiet, by the ids of both. Never dropped: the ids have to stay their own.
        self._codes: dict[int, tuple[CodeType, CodeType]] = {}

    def find(self) -> Functions | None:
        """Return the functions that change, for _engine.exchange(); None: it is too early to look for them.

        To be called right after an execution in which they observed comparisons.
        """
        if monotonic() < self._begin:
            return None
        found: Functions = []
        with Unrecorded():
            reached = memoryview(self._counters)
            for function in alive.functions():
                code = function.__code__
                if id(code) not in self._codes and self._is_to_change(code, reached):
                    self._make_quiet(code)
                if id(code) in self._codes:
                    found.append((ref(function), *self._codes[id(code)]))
        return found

    def _is_to_change(self, code: CodeType, reached: memoryview) -> bool:
        if not compares(code):
            return False
        probe = first_probe(code)
        return probe is not None and probe.number < len(reached) and reached[probe.number] != 0

    def _make_quiet(self, code: CodeType) -> None:
        quiet = without_comparisons(code)
        if quiet is not None:
            # A function that quiet code defines is quiet, and may live for long.
            for pair in code_pairs(code, quiet):
                self._codes.setdefault(id(pair[0]), pair)
                self._codes[id(pair[1])] = pair

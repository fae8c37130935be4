"""What was recorded, of a device that traces or of one that has stopped."""

from collections import Counter
from collections.abc import Iterable
from linecache import getlines
from typing import TYPE_CHECKING, Self

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov.device import Buffer
from pykcov.instrument.selection import Selection
from pykcov.instrument.sites import Granularity
from pykcov.native.locations import implied_by, lines_of, symbolize
from pykcov.traces import records
from pykcov.traces.arcs import Arc, ArcsError, arcs_of, tells_arcs
from pykcov.traces.facts import ConditionsError, Fact
from pykcov.traces.known import known_lines
from pykcov.traces.locations import Location, owner
from pykcov.traces.pcs import is_python
from pykcov.traces.records import Comparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_SHOWN = 200
"""Comparisons in a notebook: the most frequent ones."""


class Choice:
    """Tells which pcs a selection has chosen. Other traces may have put probes into more code than that."""

    def __init__(self, selection: Selection) -> None:
        """Traces of one selection share one: it remembers its answers."""
        self._selection = selection
        self._answers: dict[int, bool] = {}  # by what the pcs of one code object have in common

    def __contains__(self, pc: int) -> bool:
        """Return whether a pc belongs to chosen code; native code is in every choice, and so is what is not known."""
        if not is_python(pc):
            return True
        code = pc >> 16
        answer = self._answers.get(code)
        if answer is None:
            found = owner(pc)
            if found is None:
                return True
            answer = self._answers[code] = self._selection.matches(*found)
        return answer

    def of(self, pcs: Iterable[int]) -> list[int]:
        """Return those of `pcs` that are chosen, in the same order."""
        return [pc for pc in pcs if pc in self]


class Results:
    """What a trace has recorded so far, of the code that it selected.

    The buffer also has events of all other probes. While the trace is open, results are read from its buffer;
    afterwards, from a copy.
    """

    def __init__(self, mode: int, choice: Choice, granularity: Granularity) -> None:
        """Begin without anything; `mode` is that of the device, and `granularity` that of the probes."""
        self._compares = mode & _core.TRACE_CMP != 0
        self._once = mode == _core.TRACE_UNIQUE_PC
        self._width = 4 if self._compares else 2 if mode == _core.TRACE_ACCESS else 1
        self._choice = choice
        self._granularity: Granularity = granularity
        self._buffer: Buffer | None = None
        self._words = _NOTHING
        self._lost = 0

    @classmethod
    def of(cls, raw: bytes, choice: Choice, granularity: Granularity) -> Self:
        """Return results of pcs that are known already, of 8 bytes, each once."""
        results = cls(_core.TRACE_UNIQUE_PC, choice, granularity)
        results._words = memoryview((len(raw) // 8).to_bytes(8, "little") + raw).cast("Q")
        return results

    @property
    def pcs(self) -> "NDArray[np.uint64]":
        """The pcs recorded so far, in order, as an array of shape (n,) and type uint64.

        In mode 'unique' each is there once. For comparisons: where each was made.
        """
        with Unrecorded():
            records.need_numpy()
            # Not before: see records.array().
            import numpy as np

            return np.array(self._pcs(), np.uint64)

    def comparisons(self) -> list[Comparison]:
        """Return what was compared so far, in order; an empty list in the modes that record which code ran."""
        with Unrecorded():
            if not self._compares:
                return []
            found = records.comparisons(records.entries(records.array(self._words)))
            return [one for one in found if one.pc in self._choice]

    @property
    def dropped(self) -> int:
        """The number of entries that did not fit into the buffer so far."""
        return self._lost if self._buffer is None else self._buffer.dropped

    def locations(self) -> list[Location]:
        """Return the location of each of `pcs`, in the same order."""
        with Unrecorded():
            return symbolize(self._pcs())

    def lines(self) -> dict[str, list[int]]:
        """Return the source lines that have run so far.

        Returns:
            file -> lines, sorted. Empty if comparisons are recorded instead.
        """
        with Unrecorded():
            return {} if self._compares else lines_of(self._pcs())

    def arcs(self) -> dict[str, list[Arc]]:
        """Return the arcs that have run so far, as coverage.py counts branches (docs/branches.md).

        Returns:
            file -> arcs, sorted. An arc is a pair of lines that ran one after the other; (-first, line) is the way into
            a function and (line, -first) the way out. (line, line) means that a line ran of which no other arc tells.
            Empty if comparisons are recorded instead.

        Raises:
            ArcsError: a ValueError: the granularity is not 'arc' or 'condition'.
        """
        if not tells_arcs(self._granularity):
            raise ArcsError(self._granularity)
        with Unrecorded():
            return {} if self._compares else arcs_of(implied_by(self._pcs()))

    def conditions(self) -> dict[str, set[Fact]]:
        """Return what was seen of conditions so far (docs/conditions.md).

        Returns:
            file -> facts. A fact is (line, column, last line, column after the condition, outcome); the outcome is one
            of FALSE, TRUE, FALSE_DECIDED and TRUE_DECIDED of `pykcov.traces.facts`. Empty if comparisons are recorded
            instead.

        Raises:
            ConditionsError: a ValueError: the granularity is not 'condition'.
        """
        if self._granularity != "condition":
            raise ConditionsError(self._granularity)
        found: dict[str, set[Fact]] = {}
        with Unrecorded():
            for place in [] if self._compares else self.locations():
                if place.conditions:
                    found.setdefault(place.file, set()).update(place.conditions)
        return found

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the sources of what ran, or what was compared how often."""
        # Not before: only notebooks have a use for it.
        from pykcov.htmltables import source_table, table

        with Unrecorded():
            if self._compares:
                times = Counter(self.comparisons()).most_common(_SHOWN)
                places = symbolize([one.pc for one, _ in times])
                rows = [
                    (f"{place.file}:{place.line}", repr(one.left), one.op, repr(one.right), number)
                    for place, (one, number) in zip(places, times, strict=True)
                ]
                return table(("Place", "Left", "Op", "Right", "Times"), rows)
            known = known_lines()
            return "".join(
                source_table("".join(getlines(file)), known.get(file, set()), set(ran), {}, file)
                for file, ran in self.lines().items()
            ) or table((), [], "nothing ran")

    def raw(self) -> bytes:
        """Return the entries recorded so far as they are in the buffer: 8 bytes per pc, 32 per entry of a comparison.

        In mode 'accesses' 16 per entry: a pc, and which thread accessed which object (core/kcov.h).

        This includes code that other traces selected.
        """
        count = min(self._words[0], (len(self._words) - 1) // self._width)
        return bytes(self._words[1 : 1 + self._width * count])

    def _pcs(self) -> list[int]:
        if self._compares:
            return [one.pc for one in self.comparisons()]
        pcs = memoryview(self.raw()).cast("Q").tolist()[:: self._width]
        # Each process that appends to the buffer sees to it for itself that it does so once.
        return self._choice.of(dict.fromkeys(pcs) if self._once else pcs)

    def _show(self, buffer: Buffer) -> None:
        """Take the results from a buffer from now on."""
        self._buffer = buffer
        self._words = buffer.words

    def _keep(self) -> None:
        """Copy the results: the buffer may be used for something else."""
        if self._buffer is None:
            return
        raw = self.raw()
        count = len(raw) // (8 * self._width)
        self._lost = self._buffer.dropped
        self._words = memoryview(count.to_bytes(8, "little") + raw).cast("Q")
        self._buffer = None


_NOTHING = memoryview(bytes(8)).cast("Q")

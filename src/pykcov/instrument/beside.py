"""What granularities "arc" and "condition" add beside the code: pads before blocks, detours behind it (evidence.py)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING

from pykcov.instrument.arcs import LineGraph
from pykcov.instrument.blocks import Blocks
from pykcov.instrument.controlflow import ControlFlow
from pykcov.instrument.evidence import Detour, Evidence, Pad, Shown, find_evidence
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import EXTENDED_ARG, JUMP_BACKWARD_NO_INTERRUPT, JUMP_FORWARD, RERAISE, with_argument
from pykcov.instrument.room import Room
from pykcov.instrument.sites import Site, choose, positions_of, site_at

if TYPE_CHECKING:
    from pykcov.instrument.carried import Slots

MakeEvent = Callable[[int], bytes]
"""Returns the code that makes the event of a probe happen, given the index of the probe in co_consts."""

# The stack below an exception that no handler of the code catches: where it was raised.
_OUT = 0, True
_LONGEST_NEAR = 8000


class Beside:
    """What to put beside a code object. Its sites have offsets behind those of the code."""

    def __init__(
        self, code: CodeType, opcodes: bytes, flow: ControlFlow, blocks: Blocks, handled: list[Handled], finest: bool
    ) -> None:
        """Find out. finest: for granularity "condition"."""
        self._size = len(opcodes)
        self._handled = handled
        positions = positions_of(code, opcodes)
        graph = LineGraph(code, opcodes, blocks, handled)
        self._graph = graph
        self._slots: Slots | None = None
        self._token = len(code.co_consts)
        room = Room(opcodes, positions)
        evidence = find_evidence(code, graph, blocks, room)
        if finest:
            from pykcov.instrument.edges import add_conditions  # Not before: most runs ask for no conditions.

            evidence, self._slots = add_conditions(evidence, code, flow, graph, blocks, room, positions)
        self._pads = dict(sorted(evidence.pads.items()))
        self._detours = evidence.detours
        self._past = evidence.past

        def site(offset: int, shown: Shown) -> Site:
            arcs = shown.arcs | _following(shown, graph, evidence)
            lines, conditions = tuple(sorted(shown.lines)), tuple(sorted(shown.conditions))
            return site_at(offset, positions[shown.offset], lines, arcs=tuple(sorted(arcs)), conditions=conditions)

        self.before = [site(shown.offset, shown) for shown in evidence.before]
        """The sites before instructions of the code, ascending."""
        if not any(graph.runs):
            # Nothing but blocks can be told apart.
            self.before = choose(code, opcodes, blocks, "line")
        shown = [one for pads in self._pads.values() for pad in pads for one in (pad.shown, *pad.chosen) if one]
        shown += [detour.shown for detour in self._detours]
        self.behind = [site(self._size + at, one) for at, one in enumerate(shown)]
        """The sites of pads and detours, ascending."""
        # With that, any distance fits into the argument of a jump.
        self._prefixes = 1 if self._size < _LONGEST_NEAR else 3

    @property
    def stack_size(self) -> int:
        """How deep the stack is in detours."""
        depths = [(detour.handler[3:] if detour.handler else _OUT) for detour in self._detours]
        return max((depth + lasti + 2 for depth, lasti in depths), default=0)

    @property
    def states(self) -> int:
        """How much deeper the stack may be because of the states of decisions on it (carried.py)."""
        return self._slots.room if self._slots else 0

    @property
    def pads_at(self) -> list[int]:
        """The offsets of blocks with pads before them."""
        return [*self._pads]

    def pads(self, first: int, event: MakeEvent, targets: Mapping[int, int]) -> tuple[dict[int, bytes], dict[int, int]]:
        """Return the pads by offset, and by start of a jump to them how far behind the first one it goes.

        first: the index in co_consts of the probe of the first of `behind`. targets: those of all jumps, by start.
        """
        pieces: dict[int, bytes] = {}
        entries: dict[int, int] = {}
        numbers = iter(range(first, first + len(self.behind)))
        for offset, pads in self._pads.items():
            events = [self._code_of(pad, event, numbers) for pad in pads]
            piece = b""
            for pad, own in reversed([*zip(pads, events, strict=True)]):
                piece = own + (_jump_forward(len(piece) // 2) if piece else b"") + piece
                entries.update(dict.fromkeys(pad.jumps, -(len(piece) // 2)))
            pieces[offset] = piece
            for start in [start for pad in pads for start in pad.jumps]:
                entries[start] += len(piece) // 2
        for start in self._past:
            entries[start] = len(pieces.get(targets[start], b"")) // 2
        return pieces, entries

    def detours(self, first: int, event: MakeEvent, moved: Callable[[int], int]) -> bytes:
        """Return the code of the detours, which `moved` knows to be behind the code; `first` as for pads()."""
        first += len(self.behind) - len(self._detours)
        code = b""
        for number, detour in enumerate(self._detours, first):
            code += event(number)
            if detour.handler is None:
                code += bytes((RERAISE, 1))
            else:
                length = self._prefixes + 1
                here = moved(self._size) + len(code) // 2 + length
                octets = (here - moved(detour.handler.target)).to_bytes(length, "big")
                code += b"".join(bytes((EXTENDED_ARG, octet)) for octet in octets[:-1])
                code += bytes((JUMP_BACKWARD_NO_INTERRUPT, octets[-1]))
        return code

    def handled(self, first: int, event: MakeEvent) -> list[Handled]:
        """Return the exception table with the detours in it."""
        first += len(self.behind) - len(self._detours)
        ranges = self._handled
        at = self._size
        for number, detour in enumerate(self._detours, first):
            depth, lasti = detour.handler[3:] if detour.handler else _OUT
            ranges = [*_without(ranges, detour), Handled(detour.start, detour.end, at, depth, lasti)]
            at += len(event(number)) // 2 + 1 + (self._prefixes if detour.handler else 0)
        return self._slots.deepened(ranges, self._graph) if self._slots else sorted(ranges)

    def _code_of(self, pad: Pad, event: MakeEvent, numbers: Iterator[int]) -> bytes:
        code = b"" if pad.shown is None else event(next(numbers))
        if pad.carry is None:
            return code
        from pykcov.instrument.carried import code_of  # Not before: see above.

        chosen = [event(next(numbers)) if one else b"" for one in pad.chosen]
        return code + code_of(pad.carry, chosen, self._token)


def _following(shown: Shown, graph: LineGraph, evidence: Evidence) -> set[tuple[int, int]]:
    """Return the arcs that follow from the lines, if these lead to lines that have run."""
    return {
        (line, following)
        for line in shown.lines - graph.branching
        for following in graph.after.get(line, ())
        if (line, following) in evidence.unshown
    }


def _without(ranges: Sequence[Handled], detour: Detour) -> Iterator[Handled]:
    for entry in ranges:
        if entry.start < detour.start < entry.end:
            yield entry._replace(end=detour.start)
        if entry.start < detour.end < entry.end:
            yield entry._replace(start=detour.end)
        if entry.end <= detour.start or entry.start >= detour.end:
            yield entry


def _jump_forward(distance: int) -> bytes:
    return with_argument(JUMP_FORWARD, distance)

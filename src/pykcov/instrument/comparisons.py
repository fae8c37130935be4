"""Where comparisons are observed, and what is compared there.

The probe stands before the instruction that compares, which is left as it is: `COPY 2; LOAD_CONST probe; COPY 3;
STORE_SUBSCR` does `probe[b] = a` with the two uppermost objects on the stack. Observed are

- COMPARE_OP (`==` ... `>=`, also those of `match`), CONTAINS_OP, BINARY_SUBSCR and MATCH_KEYS;
- calls of a method named as one of str's that searches, with one positional argument.

Before a call the stack holds the object and the argument. From 3.13 on there may be a NULL in the place of the object,
that no instruction can copy. There the probe of a call whose argument is a constant or a local variable stands before
the load of the method, where the object is on the stack for sure: `COPY 1; LOAD_CONST probe`, the load of the argument
once more, `STORE_SUBSCR`. For other arguments the method is loaded as an attribute that is bound to its object: so
there is always a NULL, and below it the method that knows its object.

What cannot be recorded because of a constant operand (`x == None`) has no probe. `is` has none.
"""

import re
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

from pykcov.instrument.controlflow import ControlFlow
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import (
    BINARY_SUBSCR,
    BUILD_SLICE,
    CACHE,
    CACHES,
    CALL_KW,
    CALLS,
    COMPARE_OP,
    COMPARE_SHIFT,
    CONTAINS_OP,
    COPY,
    EXTENDED_ARG,
    KW_NAMES,
    LOAD_CONST,
    LOAD_FAST,
    LOAD_METHOD,
    LOAD_METHOD_SHIFT,
    MATCH_KEYS,
    METHOD_BELOW_OBJECT,
    STACK_EFFECTS,
    SWAP,
)
from pykcov.instrument.sites import Position, Site, site_at
from pykcov.instrument.stacksize import Depths

# The operations, numbered as in kcov.h. Those of COMPARE_OP follow each other as in dis.cmp_op.
_RICH = {"<": 3, "<=": 4, "==": 1, "!=": 2, ">": 5, ">=": 6}
_COMPARE_OPERATIONS = tuple(_RICH.values())
IN, NOT_IN, STARTSWITH, ENDSWITH, SUBSCRIPT, MATCH = 7, 8, 9, 10, 18, 19
METHODS = {
    "startswith": STARTSWITH,
    "endswith": ENDSWITH,
    "find": 11,
    "index": 12,
    "count": 13,
    "split": 14,
    "partition": 15,
    "removeprefix": 16,
    "removesuffix": 17,
}
METHOD_OPERATIONS = frozenset(METHODS.values())

NO_CONSTANT, LEFT, RIGHT = range(3)

_COMPARING = re.compile(b"[" + re.escape(bytes((COMPARE_OP, CONTAINS_OP, BINARY_SUBSCR, MATCH_KEYS))) + b"]")
_CALLING = re.compile(b"[" + re.escape(CALLS) + b"]")
_PREFIX = bytes((EXTENDED_ARG,))
_REPEATABLE = bytes((LOAD_CONST, LOAD_FAST))
_TEXTS = (str, bytes)
_SCALARS = (int, bool, float, str, bytes)
# How far back the load of an operand is looked for, in instructions.
_FAR = 32


class Comparisons(NamedTuple):
    """What choose_comparisons() finds in a code object."""

    sites: list[Site]
    """Ascending."""
    loads: list[int]
    """Offsets of method loads that have to become loads of an attribute, with PUSH_NULL behind them; ascending."""
    arguments: dict[int, bytes]
    """Offset of a site that stands before the load of a method -> the code that loads the argument of the call."""


def choose_comparisons(code: CodeType, flow: ControlFlow, handled: list[Handled], depths: Depths) -> Comparisons:
    """Return the comparisons of a code object."""
    return _Choice(code, flow, handled, depths).comparisons()


class _Choice:
    __slots__ = ("arguments", "code", "consts", "depths", "jumps", "names", "opcodes", "positions", "targets")

    def __init__(self, code: CodeType, flow: ControlFlow, handled: list[Handled], depths: Depths) -> None:
        self.code = code.co_code
        self.opcodes = self.code[::2]
        self.consts = code.co_consts
        self.names = code.co_names
        self.positions: list[Position] = list(code.co_positions())
        self.jumps = flow.jumps
        self.targets = {jump.target for jump in flow.jumps} | {entry.target for entry in handled}
        self.depths = depths
        self.arguments: dict[int, bytes] = {}

    def comparisons(self) -> Comparisons:
        found: dict[int, Site] = {}
        for match in _COMPARING.finditer(self.opcodes):
            offset = match.start()
            operation, const = self._operation(offset)
            if operation:
                found[offset] = site_at(offset, self.positions[offset], (), operation, const)
        loads = self._calls(found) if not METHODS.keys().isdisjoint(self.names) else []
        return Comparisons([site for _, site in sorted(found.items())], loads, self.arguments)

    def _operation(self, offset: int) -> tuple[int, int]:
        """Return the operation of an instruction and which of its operands is a constant; 0, 0: not to be observed."""
        opcode = self.opcodes[offset]
        argument = self.code[offset * 2 + 1]
        right = self._load(offset, 0)
        if opcode == COMPARE_OP:
            operation = _COMPARE_OPERATIONS[argument >> COMPARE_SHIFT]
            if right is not None:
                return (operation, RIGHT) if type(self.consts[right]) in _SCALARS else (0, 0)
            return self._with_left(offset, operation)
        if opcode == CONTAINS_OP:
            operation = NOT_IN if argument else IN
            if right is not None:
                return (operation, RIGHT) if _has_scalars(self.consts[right]) else (0, 0)
            return self._with_left(offset, operation)
        # What is looked for comes first in the record, though it is the upper one on the stack.
        if opcode == MATCH_KEYS:
            if right is None:
                return MATCH, NO_CONSTANT
            return (MATCH, LEFT) if _has_scalars(self.consts[right]) else (0, 0)
        if right is not None:
            return (SUBSCRIPT, LEFT) if type(self.consts[right]) in _SCALARS else (0, 0)
        return (0, 0) if self.opcodes[self._before(offset)] == BUILD_SLICE else (SUBSCRIPT, NO_CONSTANT)

    def _with_left(self, offset: int, operation: int) -> tuple[int, int]:
        left = self._load(offset, 1)
        if left is None:
            return operation, NO_CONSTANT
        return (operation, LEFT) if type(self.consts[left]) in _SCALARS else (0, 0)

    def _calls(self, found: dict[int, Site]) -> list[int]:
        """Find the calls of methods; return the loads to be changed."""
        operations = {index: METHODS[name] for index, name in enumerate(self.names) if name in METHODS}
        loads = []
        at = self.opcodes.find(LOAD_METHOD)
        while at >= 0:
            argument = self._argument(at)
            operation = operations.get(argument >> LOAD_METHOD_SHIFT, 0)
            end = at + 1 + CACHES[LOAD_METHOD]
            if operation and (not LOAD_METHOD_SHIFT or argument & 1) and end not in self.targets:
                observed = [
                    (call, const)
                    for call in self._calls_of(at, end)
                    if (const := self._constant_of_call(at, call, operation)) is not None
                ]
                start = self._start(at)
                if METHOD_BELOW_OBJECT and len(observed) == 1 and self._loads_once_more(end, observed[0][0]):
                    ((call, const),) = observed
                    found[start] = site_at(start, self.positions[call], (), operation, const)
                    self.arguments[start] = self.code[end * 2 : call * 2]
                    observed = []
                elif METHOD_BELOW_OBJECT and observed:
                    loads.append(at)
                for call, const in observed:
                    found[call] = site_at(call, self.positions[call], (), operation, const)
            at = self.opcodes.find(LOAD_METHOD, end)
        return loads

    def _calls_of(self, load: int, end: int) -> Iterator[int]:
        """Yield the calls of the method that is loaded, if they have one positional argument.

        There are several if the compiler has copied the end of a function to where an argument branches.
        """
        depth = self.depths.at(load)
        starts = {end}
        while depth is not None and starts:
            start = min(starts)
            starts.remove(start)
            call = self._call_behind(start, depth)
            if call is None:
                continue
            starts |= {
                jump.target
                for jump in self.jumps
                if start <= jump.offset < call < jump.target and (self.depths.at(jump.target) or 0) > depth
            }
            plain = self.opcodes[call] != CALL_KW and self.opcodes[self._before(call)] != KW_NAMES
            if plain and self._argument(call) == 1:
                yield call

    def _call_behind(self, start: int, depth: int) -> int | None:
        """Return the first call from an offset on of what stands at a depth of the stack, if that stays there."""
        for match in _CALLING.finditer(self.opcodes, start):
            call = match.start()
            here = self.depths.at(call)
            if here is None or here <= depth:
                return None
            if here == depth + 1 + self._argument(call) + (self.opcodes[call] == CALL_KW):
                return call
        return None

    def _constant_of_call(self, load: int, call: int, operation: int) -> int | None:
        """Return which operand of a call is a constant; None if it cannot be recorded."""
        right = self._load(call, 0)
        left = self._load(load, 0)
        if right is not None:
            value = self.consts[right]
            several = operation in (STARTSWITH, ENDSWITH) and type(value) is tuple and _has_scalars(value)
            return RIGHT if type(value) in _TEXTS or several else None
        if left is not None:
            return LEFT if type(self.consts[left]) in _TEXTS else None
        return NO_CONSTANT

    def _load(self, offset: int, above: int) -> int | None:
        """Return the constant that surely is on the stack before an instruction, with `above` objects above it."""
        for _ in range(_FAR):
            if offset in self.targets or not offset:
                return None
            offset = self._before(offset)
            opcode = self.opcodes[offset]
            argument = self._argument(offset)
            if opcode == SWAP:
                above = {0: argument - 1, argument - 1: 0}.get(above, above)
            elif opcode == COPY:
                above = argument - 1 if above == 0 else above - 1
            elif above == 0 and opcode != EXTENDED_ARG:
                return argument if opcode == LOAD_CONST else None
            else:
                above -= STACK_EFFECTS[argument << 8 | opcode]
                if above < 0:
                    return None
        return None

    def _loads_once_more(self, start: int, end: int) -> bool:
        """Return whether all that is between two offsets is a load that may be repeated."""
        opcodes = self.opcodes[start:end].lstrip(_PREFIX)
        return len(opcodes) == 1 and opcodes in _REPEATABLE and end not in self.targets

    def _start(self, offset: int) -> int:
        """Return where an instruction begins, its EXTENDED_ARGs included."""
        while offset and self.opcodes[offset - 1] == EXTENDED_ARG:
            offset -= 1
        return offset

    def _argument(self, offset: int) -> int:
        argument = self.code[offset * 2 + 1]
        shift = 8
        while offset and self.opcodes[offset - 1] == EXTENDED_ARG:
            offset -= 1
            argument |= self.code[offset * 2 + 1] << shift
            shift += 8
        return argument

    def _before(self, offset: int) -> int:
        """Return the offset of the instruction before this one."""
        offset -= 1
        while offset and self.opcodes[offset] == CACHE:
            offset -= 1
        return offset


def _has_scalars(constant: object) -> bool:
    """Return whether anything of a container that is a constant can be recorded."""
    if type(constant) in (tuple, frozenset):
        return any(type(member) in _SCALARS for member in constant)  # type: ignore[attr-defined]
    return type(constant) in _TEXTS

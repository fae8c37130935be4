"""Where comparisons are observed, and what is compared there.

The probe stands before the instruction that compares, which is left as it is: `COPY 2; LOAD_CONST probe; COPY 3;
STORE_SUBSCR` does `probe[b] = a` with the two uppermost objects on the stack. Observed are

- COMPARE_OP (`==` ... `>=`, also those of `match`), CONTAINS_OP, subscription and MATCH_KEYS;
- calls of a method named as one of str's that searches, or of a local variable of that name, which may be such a
  method. Where the search starts is observed, too: instead of the object `slice(object, start)`.

Before a call the stack holds the object and the arguments. From 3.13 on there may be a NULL in the place of the object,
that no instruction can copy. There the probe of a call whose arguments are constants or local variables stands before
the load of the method, where the object is on the stack for sure: `COPY 1; LOAD_CONST probe`, the load of the argument
once more, `STORE_SUBSCR`. For other arguments the method is loaded as an attribute that is bound to its object: so
there is always a NULL, and below it the method that knows its object. So it is when a variable is called.

What cannot be recorded because of a constant operand (`x == None`) has no probe. `is` has none, nor has a comparison
that the source does not say: that of the format with which annotations are asked for.
"""

import re
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

from pykcov.instrument.controlflow import ControlFlow
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import (
    BEHIND_UNTAKEN,
    BUILD_SLICE,
    CACHE,
    CACHES,
    CALL_KW,
    CALLS,
    COMMON_CONSTANTS,
    COMPARE_OP,
    COMPARE_SHIFT,
    CONTAINS_OP,
    COPY,
    EXTENDED_ARG,
    KW_NAMES,
    LOAD_COMMON_CONSTANT,
    LOAD_CONST,
    LOAD_METHOD,
    LOAD_METHOD_SHIFT,
    LOAD_SMALL_INT,
    LOADS_OF_TWO,
    LOADS_OF_VARIABLES,
    MATCH_KEYS,
    METHOD_BELOW_OBJECT,
    POP_JUMP_IF_FALSE,
    PUSH_NULL,
    REPEATABLE,
    STACK_EFFECTS,
    SUBSCRIBE,
    SUBSCRIBE_ARGUMENT,
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
    "get": 20,
}
METHOD_OPERATIONS = frozenset(METHODS.values())
SEARCHES = frozenset(METHODS[name] for name in ("startswith", "endswith", "find", "index", "count"))
"""Those that take a start as their second argument, and an end as their third."""
_SECOND = SEARCHES | {METHODS["split"], METHODS["get"]}

NO_CONSTANT, LEFT, RIGHT = range(3)

_COMPARING = re.compile(b"[" + re.escape(bytes((COMPARE_OP, CONTAINS_OP, SUBSCRIBE, MATCH_KEYS))) + b"]")
_CALLING = re.compile(b"[" + re.escape(CALLS) + b"]")
_PREFIX = bytes((EXTENDED_ARG,))
_TEXTS = (str, bytes)
_SCALARS = (int, bool, float, str, bytes)
# How far back the load of an operand is looked for, in instructions.
_FAR = 32
_UNKNOWN = object()


class Loads(NamedTuple):
    """Code that loads arguments of a call."""

    operand: bytes
    start: bytes
    """Empty: there is none."""


class Comparisons(NamedTuple):
    """What choose_comparisons() finds in a code object."""

    sites: list[Site]
    """Ascending."""
    loads: list[int]
    """Offsets of method loads that have to become loads of an attribute, with PUSH_NULL behind them; ascending."""
    arguments: dict[int, Loads]
    """Offset of a site that stands before the load of a method -> the code that loads the arguments of the call."""


def choose_comparisons(code: CodeType, flow: ControlFlow, handled: list[Handled], depths: Depths) -> Comparisons:
    """Return the comparisons of a code object."""
    return _Choice(code, flow, handled, depths).comparisons()


class _Choice:
    __slots__ = (
        *("arguments", "code", "consts", "depths", "jumps"),
        *("names", "opcodes", "positions", "targets", "varnames"),
    )

    def __init__(self, code: CodeType, flow: ControlFlow, handled: list[Handled], depths: Depths) -> None:
        self.code = code.co_code
        self.opcodes = self.code[::2]
        self.consts = code.co_consts
        self.names = code.co_names
        self.varnames = code.co_varnames
        self.positions: list[Position] = list(code.co_positions())
        self.jumps = flow.jumps
        self.targets = {jump.target for jump in flow.jumps} | {entry.target for entry in handled}
        self.depths = depths
        self.arguments: dict[int, Loads] = {}

    def comparisons(self) -> Comparisons:
        found: dict[int, Site] = {}
        for match in _COMPARING.finditer(self.opcodes):
            offset = match.start()
            operation, const = self._operation(offset)
            if operation:
                found[offset] = site_at(offset, self.positions[offset], (), operation, const)
        loads = self._calls(found) if not METHODS.keys().isdisjoint(self.names) else []
        if not METHODS.keys().isdisjoint(self.varnames):
            self._calls_of_variables(found)
        return Comparisons([site for _, site in sorted(found.items())], loads, self.arguments)

    def _operation(self, offset: int) -> tuple[int, int]:
        """Return the operation of an instruction and which of its operands is a constant; 0, 0: not to be observed."""
        opcode = self.opcodes[offset]
        argument = self.code[offset * 2 + 1]
        if opcode == SUBSCRIBE and SUBSCRIBE_ARGUMENT not in (None, argument):
            return 0, 0
        right = self._constant(offset, 0)
        if opcode == COMPARE_OP:
            operation = _COMPARE_OPERATIONS[argument >> COMPARE_SHIFT]
            if right is not _UNKNOWN:
                observed = type(right) in _SCALARS and not self._is_of_format(offset)
                return (operation, RIGHT) if observed else (0, 0)
            return self._with_left(offset, operation)
        if opcode == CONTAINS_OP:
            operation = NOT_IN if argument else IN
            if right is not _UNKNOWN:
                return (operation, RIGHT) if _has_scalars(right) else (0, 0)
            return self._with_left(offset, operation)
        # What is looked for comes first in the record, though it is the upper one on the stack.
        if opcode == MATCH_KEYS:
            if right is _UNKNOWN:
                return MATCH, NO_CONSTANT
            return (MATCH, LEFT) if _has_scalars(right) else (0, 0)
        if right is not _UNKNOWN:
            return (SUBSCRIPT, LEFT) if type(right) in _SCALARS else (0, 0)
        return (0, 0) if self.opcodes[self._before(offset)] == BUILD_SLICE else (SUBSCRIPT, NO_CONSTANT)

    def _with_left(self, offset: int, operation: int) -> tuple[int, int]:
        left = self._constant(offset, 1)
        if left is _UNKNOWN:
            return operation, NO_CONSTANT
        return (operation, LEFT) if type(left) in _SCALARS else (0, 0)

    def _is_of_format(self, offset: int) -> bool:
        """Return whether this is how the code of annotations begins: `if format > 2: raise NotImplementedError`.

        Only the compiler loads that exception as a constant.
        """
        jump = offset + 1 + CACHES[COMPARE_OP]
        raising = jump + 1 + CACHES[POP_JUMP_IF_FALSE] + len(BEHIND_UNTAKEN)
        return (
            self.opcodes[jump] == POP_JUMP_IF_FALSE
            and self.opcodes[raising] == LOAD_COMMON_CONSTANT
            and COMMON_CONSTANTS[self.code[raising * 2 + 1]] is NotImplementedError
        )

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
                    for call in self._calls_of(at, end, operation)
                    if (const := self._constant_of_call(at, call, operation)) is not None
                ]
                start = self._start(at)
                once_more = METHOD_BELOW_OBJECT and len(observed) == 1 and self._loads(end, observed[0][0], operation)
                if once_more:
                    ((call, const),) = observed
                    found[start] = site_at(start, self.positions[call], (), operation, const)
                    self.arguments[start] = once_more
                    observed = []
                elif METHOD_BELOW_OBJECT and observed:
                    loads.append(at)
                for call, const in observed:
                    found[call] = site_at(call, self.positions[call], (), operation, const)
            at = self.opcodes.find(LOAD_METHOD, end)
        return loads

    def _calls_of_variables(self, found: dict[int, Site]) -> None:
        """Find the calls of local variables that are named as methods."""
        operations = {index: METHODS[name] for index, name in enumerate(self.varnames) if name in METHODS}
        at = self.opcodes.find(PUSH_NULL)
        while at >= 0:
            load = self._before(at) if METHOD_BELOW_OBJECT else at + 1
            opcode, argument = self.opcodes[load], self._argument(load)
            # The upper one of two is the second, its index in the lower half.
            operation = operations.get(argument & 15 if opcode in LOADS_OF_TWO else argument, 0)
            last = max(at, load)
            if operation and opcode in LOADS_OF_TWO + LOADS_OF_VARIABLES and last + 1 not in self.targets:
                for call in self._calls_of(last, last + 1, operation):
                    # There is no constant before the first instruction: a variable has no object on the left.
                    const = self._constant_of_call(0, call, operation)
                    if const is not None:
                        found[call] = site_at(call, self.positions[call], (), operation, const)
            at = self.opcodes.find(PUSH_NULL, at + 1)

    def _calls_of(self, load: int, end: int, operation: int) -> Iterator[int]:
        """Yield the calls of the method that is loaded, if they have positional arguments only, as many as it takes.

        There are several if the compiler has copied the end of a function to where an argument branches.
        """
        depth = self.depths.at(load)
        most = 3 if operation in SEARCHES else 2 if operation in _SECOND else 1
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
            if plain and 1 <= self._argument(call) <= most:
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
        right = self._constant(call, self._argument(call) - 1)
        left = self._constant(load, 0)
        if right is not _UNKNOWN:
            several = operation in (STARTSWITH, ENDSWITH) and type(right) is tuple and _has_scalars(right)
            return RIGHT if type(right) in _TEXTS or several else None
        if left is not _UNKNOWN:
            return LEFT if type(left) in _TEXTS else None
        return NO_CONSTANT

    def _constant(self, offset: int, above: int) -> object:
        """Return the constant that surely is on the stack before an instruction, with `above` objects above it.

        _UNKNOWN if it is not known that there is one.
        """
        for _ in range(_FAR):
            if offset in self.targets or not offset:
                break
            offset = self._before(offset)
            opcode = self.opcodes[offset]
            argument = self._argument(offset)
            if opcode == SWAP:
                above = {0: argument - 1, argument - 1: 0}.get(above, above)
            elif opcode == COPY:
                above = argument - 1 if above == 0 else above - 1
            elif above == 0 and opcode != EXTENDED_ARG:
                return self._loaded(opcode, argument)
            else:
                above -= STACK_EFFECTS[argument << 8 | opcode]
                if above < 0:
                    break
        return _UNKNOWN

    def _loaded(self, opcode: int, argument: int) -> object:
        """Return the constant that an instruction loads, _UNKNOWN if it loads none."""
        if opcode == LOAD_CONST:
            return self.consts[argument]
        if opcode == LOAD_SMALL_INT:
            return argument
        return COMMON_CONSTANTS[argument] if opcode == LOAD_COMMON_CONSTANT else _UNKNOWN

    def _loads(self, start: int, call: int, operation: int) -> Loads | None:
        """Return the loads of the arguments between two offsets; None if there is more, or it may not be repeated."""
        loads = []
        begin = start
        for offset in range(start, call):
            if self.opcodes[offset] not in REPEATABLE + _PREFIX or offset + 1 in self.targets:
                return None
            if self.opcodes[offset] != EXTENDED_ARG:
                loads.append(self.code[begin * 2 : offset * 2 + 2])
                begin = offset + 1
        return Loads(loads[0], loads[1] if operation in SEARCHES and len(loads) > 1 else b"")

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

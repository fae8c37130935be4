"""The instructions of this Python, sorted by what the rewriter must know of them.

Instructions are handled by number and in bulk: sets of them are bytes objects, to be searched for with bytes methods
and regular expressions instead of one by one.
"""

import opcode as metadata
import re
from opcode import _inline_cache_entries, opmap, opname, stack_effect  # type: ignore[attr-defined]

from pykcov.instrument.versions import fact


def _having(*names: str) -> bytes:
    """Return the opcodes of those of the named instructions that this Python has."""
    return bytes(sorted(opmap[name] for name in names if opmap.get(name, 256) < 256))  # above: for compilers only


def _caches() -> bytes:
    # A list by number, or a dict or frozendict by name.
    if isinstance(_inline_cache_entries, list):
        return bytes(_inline_cache_entries)
    return bytes(_inline_cache_entries.get(opname[opcode], 0) for opcode in range(256))


CACHES = _caches()
"""Inline cache entries behind each instruction, in code units. In co_code they are zeros: CACHE, 0."""

CACHE = opmap["CACHE"]
EXTENDED_ARG = opmap["EXTENDED_ARG"]
LOAD_CONST = opmap["LOAD_CONST"]
POP_TOP = opmap["POP_TOP"]
RESUME = opmap["RESUME"]
SEND = opmap["SEND"]
EVENT = opmap[fact("event")]
COPY = opmap["COPY"]
SWAP = opmap["SWAP"]
UNARY_NOT = opmap["UNARY_NOT"]
STORE_SUBSCR = opmap["STORE_SUBSCR"]
DELETE_SUBSCR = opmap["DELETE_SUBSCR"]
PUSH_NULL = opmap["PUSH_NULL"]
COMPARE_OP = opmap["COMPARE_OP"]
CONTAINS_OP = opmap["CONTAINS_OP"]
MATCH_KEYS = opmap["MATCH_KEYS"]
BUILD_SLICE = opmap["BUILD_SLICE"]
STORE_FAST = opmap["STORE_FAST"]
BINARY_OP = opmap["BINARY_OP"]
GET_ANEXT = opmap["GET_ANEXT"]
FOR_ITER = opmap["FOR_ITER"]
POP_JUMP_IF_FALSE = opmap.get("POP_JUMP_IF_FALSE", -1)

JUMPS = _having("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
JUMPS_IF_TRUE = bytes(
    sorted(number for name, number in opmap.items() if "JUMP" in name and "_IF_TRUE" in name and number < 256)
)
JUMPS_IF_NONE = {
    number: "_IF_NONE" in name
    for name, number in opmap.items()
    if number < 256 and "JUMP" in name and name.endswith(("_IF_NONE", "_IF_NOT_NONE"))
}
"""Whether they jump if it is None, or if it is not."""
JUMPS_IF_FALSE = bytes(
    sorted(number for name, number in opmap.items() if "JUMP" in name and "_IF_FALSE" in name and number < 256)
)
REFERENCES = _having("END_ASYNC_FOR") if fact("end_async_for_refers") else b""
"""Their argument names an instruction, but control does not go there."""
BACKWARD = REFERENCES + bytes(
    sorted(number for name, number in opmap.items() if "JUMP_BACKWARD" in name and number < 256)
)
CONDITIONAL_JUMPS = bytes(
    sorted(
        number
        for name, number in opmap.items()
        if number < 256 and (name.startswith(("POP_JUMP_", "JUMP_IF_")) or name == "FOR_ITER")
    )
)
ENDS = _having("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
"""Control does not go on behind these, nor behind JUMPS."""

RETURNS = _having("RETURN_VALUE", "RETURN_CONST")
RAISE = opmap["RAISE_VARARGS"]
RERAISE = opmap["RERAISE"]
JUMP_FORWARD = opmap["JUMP_FORWARD"]
JUMP_BACKWARD_NO_INTERRUPT = opmap["JUMP_BACKWARD_NO_INTERRUPT"]
YIELD_VALUE = opmap["YIELD_VALUE"]
DECISIONS = CONDITIONAL_JUMPS + _having("GET_ANEXT")
"""Where a condition of the source decides, or a loop ends."""
DECISION_PREFIXES = _having("TO_BOOL", "COPY", "CACHE", "EXTENDED_ARG")
TESTS = bytes([*JUMPS_IF_TRUE, *JUMPS_IF_FALSE, *JUMPS_IF_NONE])
"""Jumps that depend on a value."""
TEST_PREFIXES = DECISION_PREFIXES + _having("NOP")
CONTAINMENTS = _having("CONTAINS_OP", "IS_OP")
"""The lowest bit of their argument says that the result is the opposite."""
UNDECIDED_BEHIND = _having("CHECK_EXC_MATCH", "CHECK_EG_MATCH", "WITH_EXCEPT_START")
"""Conditional jumps behind these tell exceptions apart."""
ASSERTION_ERROR = bytes((opmap.get("LOAD_ASSERTION_ERROR") or opmap["LOAD_COMMON_CONSTANT"], 0))
"""What loads AssertionError for an assert. The source names it in another way."""

POP_JUMP_IF_FALSE_FORWARD = opmap.get("POP_JUMP_FORWARD_IF_FALSE", POP_JUMP_IF_FALSE)
IS_OP = opmap["IS_OP"]
TESTS_KEEPING = _having("JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP")
"""What they test stays on the stack if they jump."""

CONTROL = re.compile(b"[" + re.escape(JUMPS + CONDITIONAL_JUMPS + ENDS + REFERENCES + bytes([SEND])) + b"]")
"""Finds the instructions that do not just go on to the next one."""

# Numbers of instructions that not every version has are -1 where they are missing.
END_ASYNC_FOR = opmap["END_ASYNC_FOR"]
PUSH_EXC_INFO = opmap["PUSH_EXC_INFO"]
CLEANUP_THROW = opmap.get("CLEANUP_THROW", -1)
KW_NAMES = opmap.get("KW_NAMES", -1)
CALL_KW = opmap.get("CALL_KW", -1)
BEHIND_UNTAKEN = _having(*fact("behind_untaken"))
LOAD_SMALL_INT = opmap.get("LOAD_SMALL_INT", -1)
LOAD_COMMON_CONSTANT = opmap.get("LOAD_COMMON_CONSTANT", -1)
COMMON_CONSTANTS: list[object] = getattr(metadata, "_common_constants", [])
"""What LOAD_COMMON_CONSTANT loads, by its argument."""
FOR_ITER_EXIT = len(fact("for_iter_exit"))
SEND_EXIT = len(fact("send_exit"))
SEND_TARGETS = _having("SEND", *fact("send_exit"))
"""Jumps to these belong to an await."""

ONLY_JUMPING = JUMPS + _having("NOP", "NOT_TAKEN", "EXTENDED_ARG", "CACHE")
CLEARING = ONLY_JUMPING + _having("POP_TOP", "POP_ITER", "SWAP", "COPY", "POP_EXCEPT", "RERAISE")
"""What the compiler clears the stack with on its way from one block to the next."""
CALLS = _having("PRECALL") or _having("CALL", "CALL_KW")
"""What may come first of the instructions that make a call; their argument is the number of arguments."""
COMPARE_SHIFT: int = fact("compare_shift")
LOAD_METHOD, LOAD_METHOD_SHIFT = (opmap["LOAD_METHOD"], 0) if fact("load_method") else (opmap["LOAD_ATTR"], 1)
METHOD_BELOW_OBJECT: bool = fact("method_below_object")
SUBSCRIBE, SUBSCRIBE_ARGUMENT = opmap[fact("subscript")[0]], fact("subscript")[1]
REPEATABLE = _having("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT", "LOAD_FAST", "LOAD_FAST_BORROW")
"""Loads of what is there: done twice, they do the same. What is borrowed is used at once."""
LOADS_OF_VARIABLES = _having("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK")
"""Their argument is the number of a local variable; of those of two variables the numbers are the halves of it."""
LOADS_OF_TWO = _having("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW")
OPERANDS_OF_AWAIT = _having("LOAD_CONST", "LOAD_COMMON_CONSTANT", "PUSH_NULL", "EXTENDED_ARG")
"""What stands between the awaitable and SEND: loads of the None that is sent first."""

UNFAILING = _having(*fact("unfailing"), "EXTENDED_ARG", "CACHE")
"""Behind these control surely goes on to the next one."""

CALM = (
    JUMPS
    + CONDITIONAL_JUMPS.replace(bytes([FOR_ITER]), b"")
    + _having("NOP", "NOT_TAKEN", "EXTENDED_ARG", "CACHE", "POP_TOP", "SWAP", "COPY", "PUSH_NULL")
    + _having("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT", "LOAD_FAST", "LOAD_FAST_BORROW")
    + _having("LOAD_FAST_CHECK", "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "LOAD_DEREF")
    + _having("STORE_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST", "STORE_DEREF")
    + _having("LOAD_GLOBAL", "LOAD_NAME", "STORE_NAME", "LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR")
    + _having("COMPARE_OP", "CONTAINS_OP", "IS_OP", "TO_BOOL", "UNARY_NOT", "BUILD_TUPLE", "BUILD_LIST")
    + (_having("BINARY_OP") if "BINARY_SUBSCR" in opmap else b"")
)
"""Behind these control goes on to the next one in all programs that are not wrong: they rarely raise."""

STUCK = _having("RESUME", "PUSH_EXC_INFO", "END_ASYNC_FOR", "END_FOR", "END_SEND", "CLEANUP_THROW", "NOT_TAKEN")
"""Nothing may be put before these."""
STUCK_BEHIND = {
    opmap[second]: bytes(opmap[first] for first, other in fact("pairs") if other == second)
    for _, second in fact("pairs")
}
"""Nothing may be put before these if they follow one of those."""


class _StackEffects(dict[int, int]):
    """Code unit (argument << 8 | opcode) -> change of the stack's depth when the instruction does not jump.

    Filled as units turn up. An argument may be of more than 8 bits.
    """

    def __missing__(self, unit: int) -> int:
        opcode, argument = unit & 0xFF, unit >> 8
        try:
            effect = stack_effect(opcode, argument, jump=False)
        except ValueError:  # It takes no argument.
            effect = stack_effect(opcode, jump=False)
        self[unit] = effect
        return effect


STACK_EFFECTS = _StackEffects()


def _jump_effects() -> dict[int, int]:
    return {opcode: stack_effect(opcode, 1, jump=True) for opcode in JUMPS + CONDITIONAL_JUMPS + bytes([SEND])}


JUMP_EFFECTS = _jump_effects()
"""Opcode -> change of the stack's depth when the instruction jumps."""


def with_argument(opcode: int, argument: int) -> bytes:
    """Return an instruction with as many EXTENDED_ARG as its argument needs."""
    octets = argument.to_bytes(4, "big")
    prefix = [bytes((EXTENDED_ARG, octet)) for octet in octets[:-1].lstrip(b"\0")]
    return b"".join(prefix) + bytes((opcode, octets[-1])) + bytes((CACHE, 0)) * CACHES[opcode]

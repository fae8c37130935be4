"""Where control goes: the jumps of a code object and the points at which it does not run on."""

from typing import NamedTuple

from pykcov.instrument.opcodes import (
    BACKWARD,
    CACHES,
    CONDITIONAL_JUMPS,
    CONTROL,
    ENDS,
    EXTENDED_ARG,
    REFERENCES,
    SEND,
)


class Jump(NamedTuple):
    """An instruction that may go elsewhere than to the next one. All offsets are in code units."""

    start: int
    """Of its first EXTENDED_ARG, or of the instruction itself if there is none."""
    offset: int
    """Of the instruction itself."""
    end: int
    """Behind its inline caches."""
    target: int
    opcode: int
    conditional: bool
    """It may also run on: POP_JUMP_IF_*, FOR_ITER, ... but not SEND, which stays in its await."""


class ControlFlow(NamedTuple):
    """All ascending."""

    jumps: list[Jump]
    stops: list[int]
    """Offsets behind instructions that never run on."""
    references: list[Jump]
    """Instructions that name another one as jumps do, but never go there."""


def control_flow(code: bytes) -> ControlFlow:
    """Find the jumps and stops in a code string (co_code). Raises ValueError for one that could not run."""
    opcodes = code[::2]
    if not opcodes or opcodes[-1] == EXTENDED_ARG:
        raise ValueError("the code ends before its last instruction")
    jumps = []
    stops = []
    references = []
    make = tuple.__new__
    for match in CONTROL.finditer(opcodes):
        offset = start = match.start()
        opcode = opcodes[offset]
        end = offset + 1 + CACHES[opcode]
        if opcode in ENDS:
            stops.append(end)
            continue
        argument = code[offset * 2 + 1]
        while start and opcodes[start - 1] == EXTENDED_ARG:
            start -= 1
            argument |= code[start * 2 + 1] << (offset - start) * 8
        conditional = opcode in CONDITIONAL_JUMPS
        target = end - argument if opcode in BACKWARD else end + argument
        if not 0 <= target < len(opcodes):
            raise ValueError(f"the jump at offset {offset * 2} leads out of the code")
        jump = make(Jump, (start, offset, end, target, opcode, conditional))
        if opcode in REFERENCES:
            references.append(jump)
            continue
        jumps.append(jump)
        if not conditional and opcode != SEND:
            stops.append(end)
    return ControlFlow(jumps, stops, references)


def instruction_at(opcodes: bytes, offset: int) -> int:
    """Return the offset of the instruction itself, given that of its first EXTENDED_ARG."""
    while opcodes[offset] == EXTENDED_ARG:
        offset += 1
    return offset

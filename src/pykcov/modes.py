"""The modes of a device by the names that trace() and the command line have for them."""

from typing import Literal, get_args

from pykcov import _core

Mode = Literal["unique", "pc", "cmp", "cmp-bytes", "accesses"]

modes: dict[str, int] = {
    "unique": _core.TRACE_UNIQUE_PC,
    "pc": _core.TRACE_PC,
    "cmp": _core.TRACE_CMP,
    "cmp-bytes": _core.TRACE_CMP | _core.CMP_BYTES,
    "accesses": _core.TRACE_ACCESS,
}
"""What a name means to a device."""


RunMode = Literal["unique", "pc", "cmp", "cmp-bytes", "once"]
"""Those of `pykcov run`: 'once' needs no device."""
RUN_MODES: tuple[str, ...] = get_args(RunMode)


def number_of(mode: str) -> int:
    """Return what the name of a mode means to a device (ValueError: there is no such mode)."""
    if mode not in modes:
        raise ValueError(f"mode={mode!r}: expected one of {', '.join(map(repr, modes))}")
    return modes[mode]


def compares(mode: str) -> bool:
    """Return whether comparisons are recorded in the mode of this name, not which code ran."""
    return modes.get(mode, 0) & _core.TRACE_CMP != 0

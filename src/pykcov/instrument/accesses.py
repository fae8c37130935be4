"""Where accesses to what threads may share are observed.

The probe stands before the instruction that accesses, which is left as it is: `LOAD_CONST probe; COPY n;
DELETE_SUBSCR` does `del probe[object]` with the object on the stack whose attribute or contents are accessed. A
variable is no object: there it is `del probe[probe]`. Observed are

- loads, stores and deletions of attributes, of global variables and of variables of enclosing functions;
- subscripts, slices, `in`, the beginning of an iteration, calls of a method, a call's only argument (`len(items)`), and
  `with`. These access the contents of an object if it is of a type written in C that can change. What a class written
  in Python does when it is subscripted or called has accesses of its own.

Loads of built-in names are left out, as are the variables of modules and classes while their bodies run.
"""

import builtins
import re
from opcode import opmap
from types import CodeType
from typing import NamedTuple

from pykcov.instrument.opcodes import (
    CALLS,
    EXTENDED_ARG,
    KW_NAMES,
    LOAD_METHOD,
    LOAD_METHOD_SHIFT,
    SUBSCRIBE,
    SUBSCRIBE_ARGUMENT,
)
from pykcov.instrument.sites import Site, positions_of, site_at

# The operations, numbered as in core/python/access.h.
READ, WRITE, LOOK, CHANGE = range(21, 25)

VARIABLE = 0
"""In the place of a depth: the place names what is accessed."""


class Access(NamedTuple):
    """What an instruction does."""

    operation: int
    depth: int
    """How deep on the stack the object is, 1 for the uppermost; or VARIABLE."""
    argument: int | None = None
    """It does so with this argument alone."""


_NAMED = {
    "LOAD_ATTR": Access(READ, 1),
    "STORE_ATTR": Access(WRITE, 1),
    "DELETE_ATTR": Access(WRITE, 1),
    "LOAD_GLOBAL": Access(READ, VARIABLE),
    "STORE_GLOBAL": Access(WRITE, VARIABLE),
    "DELETE_GLOBAL": Access(WRITE, VARIABLE),
    "LOAD_DEREF": Access(READ, VARIABLE),
    "STORE_DEREF": Access(WRITE, VARIABLE),
    "DELETE_DEREF": Access(WRITE, VARIABLE),
    "BINARY_SLICE": Access(LOOK, 3),
    "STORE_SLICE": Access(CHANGE, 3),
    "STORE_SUBSCR": Access(CHANGE, 2),
    "DELETE_SUBSCR": Access(CHANGE, 2),
    "CONTAINS_OP": Access(LOOK, 1),
    "GET_ITER": Access(LOOK, 1),
    "LOAD_METHOD": Access(CHANGE, 1),
    "BEFORE_WITH": Access(CHANGE, 1),
    # Of the two methods of `with` it loads __exit__ first.
    "LOAD_SPECIAL": Access(CHANGE, 1, 1),
}
_ACCESSES = {
    # Numbers above are for compilers only.
    **{opmap[name]: access for name, access in _NAMED.items() if opmap.get(name, 256) < 256},
    SUBSCRIBE: Access(LOOK, 2, SUBSCRIBE_ARGUMENT),
    CALLS[0]: Access(LOOK, 1, 1),
}
_METHOD = Access(CHANGE, 1)
_LOAD_GLOBAL = opmap["LOAD_GLOBAL"]
_ACCESSING = re.compile(b"[" + re.escape(bytes(_ACCESSES)) + b"]")
_BUILTINS = frozenset(vars(builtins))


def choose_accesses(code: CodeType) -> dict[int, tuple[Site, int]]:
    """Return the accesses of a code object by offset, ascending: each site, and how deep its object is on the stack."""
    units = code.co_code
    opcodes = units[::2]
    positions = positions_of(code, opcodes)
    found = {}
    for match in _ACCESSING.finditer(opcodes):
        offset = start = match.start()
        argument, shift = units[offset * 2 + 1], 8
        while start and opcodes[start - 1] == EXTENDED_ARG:
            start -= 1
            argument |= units[start * 2 + 1] << shift
            shift += 8
        access = _access(code, opcodes[offset], argument)
        if access is not None and not (start and opcodes[start - 1] == KW_NAMES):
            found[start] = site_at(start, positions[offset], (), access.operation), access.depth
    return found


def _access(code: CodeType, opcode: int, argument: int) -> Access | None:
    access = _ACCESSES[opcode]
    if opcode == LOAD_METHOD and LOAD_METHOD_SHIFT and argument & 1:
        return _METHOD
    if access.argument not in (None, argument):
        return None
    if opcode == _LOAD_GLOBAL and code.co_names[argument >> 1] in _BUILTINS:
        return None
    return access

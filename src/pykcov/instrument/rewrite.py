"""A code object in, a probed code object out.

A probe is a constant, and `LOAD_CONST probe; UNARY_INVERT; POP_TOP` makes its event happen: no call, no argument, no
frame. On 3.11 the second is GET_AITER, cheaper there. Each step has a file: where control goes (controlflow.py,
exceptiontable.py), the blocks that it makes (blocks.py), where probes go (sites.py), what else is observed
(comparisons.py, accesses.py), what arcs need beside the code (evidence.py, beside.py), how deep the stack is there
(stacksize.py), and the new code with its jumps (layout.py), source positions (linetable.py) and exception ranges
(exceptiontable.py).
"""

from collections.abc import Callable, Collection, Sequence
from operator import itemgetter
from types import CodeType
from typing import TYPE_CHECKING

from pykcov._view import with_constants
from pykcov.instrument import exceptiontable, linetable, versions
from pykcov.instrument.blocks import Blocks
from pykcov.instrument.comparisons import METHOD_OPERATIONS, SEARCHES, Loads, choose_comparisons
from pykcov.instrument.controlflow import ControlFlow, control_flow
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.kind import GRANULARITIES, without_accesses
from pykcov.instrument.layout import Layout
from pykcov.instrument.opcodes import (
    BUILD_SLICE,
    CACHE,
    CACHES,
    COPY,
    DELETE_SUBSCR,
    EVENT,
    LOAD_CONST,
    LOAD_METHOD,
    METHOD_BELOW_OBJECT,
    POP_TOP,
    PUSH_NULL,
    RESUME,
    STACK_EFFECTS,
    STORE_SUBSCR,
    with_argument,
)
from pykcov.instrument.sites import Granularity, Site, choose
from pykcov.instrument.stacksize import Depths
from pykcov.instrument.versions import UnsupportedPythonError

if TYPE_CHECKING:
    from pykcov.instrument.beside import Beside

__all__ = ["Granularity", "MakeProbes", "Site", "UnsupportedPythonError", "rewrite"]

MakeProbes = Callable[[CodeType, Sequence[Site]], Sequence[object]]


def rewrite(
    code: CodeType, make_probes: MakeProbes, *, granularity: Granularity = "block", compare: bool = False
) -> CodeType:
    """Put probes into a code object and into all code objects nested in it.

    `make_probes(code, sites)` is called once for each code object, the outer before those nested in it, with the
    original code object and its sites in ascending order of offset (never empty). It returns one object a site, to
    stand in `co_consts` behind the constants of the code: executing the site applies the unary operator `~` to it, on
    3.11 what `async for` does first, and drops the result. Code that has probes already gets further ones.

    With `compare` there are also sites of comparisons (their `operation` is not 0; of two sites with one offset they
    are the second): executing one does `probe[b] = a` with the operands of what is compared, and compares then. So with
    granularity "access" and accesses, the last of the sites with one offset: `del probe[object]`, and the access then.

    Raises UnsupportedPythonError on a Python whose bytecode is not known, ValueError for an unknown granularity and
    for a wrong number of probes.
    """
    if versions.VERSION is None:
        raise UnsupportedPythonError
    if granularity not in GRANULARITIES:
        known = ", ".join(map(repr, GRANULARITIES[:-2]))
        raise ValueError(f"granularity must be {known} or 'access', not {granularity!r}")
    return _rewrite(code, make_probes, granularity, compare)


def laid_out(
    code: CodeType, *, granularity: Granularity, compare: bool, left_out: Collection[int] = ()
) -> tuple[bytes, dict[int, int]]:
    """Return the co_code that rewrite(), or thinned(), gives a code object, and how many code units before which."""
    found: list[tuple[bytes, dict[int, int]]] = []
    _rewrite(code, _no_probes, granularity, compare, left_out, found)
    return found[0]


def thinned(
    code: CodeType, constants: tuple[object, ...], left_out: Collection[int], *, granularity: Granularity, compare: bool
) -> CodeType:
    """Return what rewrite() makes of one code object, but with these constants, and without some of the events.

    `left_out`: which, by the index of the site. The probes stay where they are among the constants.
    """
    return with_constants(_rewrite(code, _no_probes, granularity, compare, left_out), constants)


def _no_probes(_: CodeType, sites: Sequence[Site]) -> Sequence[object]:
    return [None] * len(sites)


def _rewrite(
    code: CodeType,
    make_probes: MakeProbes,
    granularity: Granularity,
    compare: bool,
    left_out: Collection[int] | None = None,
    only_layout: "list[tuple[bytes, dict[int, int]]] | None" = None,
) -> CodeType:
    """`left_out`: of which sites nothing is put in; then nested code stays as it is."""
    original = code.co_code
    opcodes = original[::2]
    flow = control_flow(original)
    handled = exceptiontable.parse(code.co_exceptiontable)
    entry = opcodes.find(RESUME) + 1 + CACHES[RESUME]
    blocks = Blocks(opcodes, flow, handled, entry)
    plain = without_accesses(granularity)
    observed = _accesses(code) if plain != granularity else {}
    has_beside = plain in ("arc", "condition")
    beside = _beside(code, opcodes, flow, blocks, handled, plain == "condition") if has_beside else None
    sites = beside.before if beside else choose(code, opcodes, blocks, plain)
    # Where an instruction pushes something, the stack has room for the probe.
    tight = [
        site.offset for site in sites if STACK_EFFECTS[opcodes[site.offset] | original[site.offset * 2 + 1] << 8] < 1
    ]
    if beside:
        tight += beside.pads_at
    depths = Depths(original, flow, handled, entry) if tight or compare or observed else None
    stack_size = code.co_stacksize
    if depths and tight:
        stack_size = max(stack_size, depths.deepest(tight) + 1)
    loads: list[int] = []
    arguments: dict[int, Loads] = {}
    if depths and compare:
        comparisons, loads, arguments = choose_comparisons(code, flow, handled, depths)
        if comparisons:
            stack_size = max(stack_size, depths.deepest([site.offset for site in comparisons]) + 3)
            # Stable: code is reached before it compares.
            sites = sorted(sites + comparisons, key=_offset)
    if depths and observed:
        stack_size = max(stack_size, depths.deepest(observed) + 2)
        sites = sorted([*sites, *(site for site, _ in observed.values())], key=_offset)
    first = len(code.co_consts)
    event = _event if not left_out else _events_but(left_out, first)
    pieces = _pieces(sites, original, first, loads, arguments, event, observed)
    entries: dict[int, int] = {}
    if beside:
        first += len(sites)
        sites = sites + beside.behind
        pads, entries = beside.pads(first, event, {jump.start: jump.target for jump in flow.jumps})
        pieces = dict(sorted({**pieces, **{at: pad + pieces.get(at, b"") for at, pad in pads.items()}}.items()))
        handled = beside.handled(first, event)
        stack_size = max(stack_size, beside.stack_size) + beside.states
    probes = make_probes(code, sites)
    if len(probes) != len(sites):
        raise ValueError(f"{len(probes)} probes for the {len(sites)} sites of {code.co_qualname}")

    if left_out:
        pieces = {offset: piece for offset, piece in pieces.items() if piece}
    layout = Layout(pieces, flow.jumps + flow.references, entries)
    behind = beside.detours(first, event, layout.moved) if beside else b""
    written = layout.code(_with_plain_loads(original, loads)) + behind
    if only_layout is not None:
        only_layout.append((written, layout.units))
        return code
    nested = [
        _rewrite(constant, make_probes, granularity, compare)
        if left_out is None and isinstance(constant, CodeType)
        else constant
        for constant in code.co_consts
    ]
    return code.replace(
        co_code=written,
        co_consts=(*nested, *probes),
        co_stacksize=stack_size,
        co_linetable=linetable.grown(code.co_linetable, layout.units, len(opcodes), len(behind) // 2),
        co_exceptiontable=exceptiontable.moved(handled, layout.moved),
    )


def _accesses(code: CodeType) -> dict[int, tuple[Site, int]]:
    from pykcov.instrument.accesses import choose_accesses  # Not before: see below.

    return choose_accesses(code)


def _beside(
    code: CodeType, opcodes: bytes, flow: ControlFlow, blocks: Blocks, handled: list[Handled], finest: bool
) -> "Beside":
    from pykcov.instrument.beside import Beside  # Not before: most runs ask for lines alone.

    return Beside(code, opcodes, flow, blocks, handled, finest)


_offset = itemgetter(0)
_EVENT = bytes((EVENT, 0, POP_TOP, 0))
_SHORT_EVENTS = [bytes((LOAD_CONST, constant)) + _EVENT for constant in range(256)]
_OBJECT = 2 if METHOD_BELOW_OBJECT else 1  # below the arguments of a call: the object, or the method that knows it
_COPY_LEFT = bytes((COPY, 2))
_COPY_OBJECT = bytes((COPY, 1))
_WITH_START = bytes((BUILD_SLICE, 2))
_STORE = bytes((STORE_SUBSCR, 0)) + bytes((CACHE, 0)) * CACHES[STORE_SUBSCR]
_ASSIGN = bytes((COPY, 3)) + _STORE
_DELETE = bytes((DELETE_SUBSCR, 0)) + bytes((CACHE, 0)) * CACHES[DELETE_SUBSCR]
_NULL = bytes((PUSH_NULL, 0))


def _pieces(
    sites: Sequence[Site],
    original: bytes,
    first: int,
    loads: list[int],
    arguments: dict[int, Loads],
    event_of: Callable[[int], bytes],
    observed: dict[int, tuple[Site, int]],
) -> dict[int, bytes]:
    """Return what to put before instructions, ascending. `first` is the index of the first probe in co_consts."""
    behind = 1 + CACHES[LOAD_METHOD]
    pieces = dict.fromkeys([offset + behind for offset in loads], _NULL)
    for constant, site in enumerate(sites, first):
        offset = site.offset
        if not site.operation:
            event = event_of(constant)
        elif offset in observed and site is observed[offset][0]:
            event = _load(constant) + bytes((COPY, observed[offset][1] + 1)) + _DELETE
        elif offset in arguments:
            operand, start = arguments[offset]
            event = _COPY_OBJECT + (start and start + _WITH_START) + _load(constant) + operand + _STORE
        elif site.operation in METHOD_OPERATIONS:
            event = _call_event(constant, site.operation, original[offset * 2 + 1])
        else:
            event = _COPY_LEFT + _load(constant) + _ASSIGN
        pieces[offset] = pieces[offset] + event if offset in pieces else event
    return dict(sorted(pieces.items())) if loads else pieces


def _event(constant: int) -> bytes:
    """Return the code that makes the event of a probe happen, given the index of the probe in co_consts."""
    return _SHORT_EVENTS[constant] if constant < 256 else _load(constant) + _EVENT


def _events_but(left_out: Collection[int], first: int) -> Callable[[int], bytes]:
    """Return _event(), but with nothing for some probes; `first` as for _pieces()."""
    return lambda constant: b"" if constant - first in left_out else _event(constant)


def _call_event(constant: int, operation: int, count: int) -> bytes:
    """Return the code that observes a call with `count` arguments."""
    event = bytes((COPY, count + _OBJECT))
    if count > 1 and operation in SEARCHES:
        event += bytes((COPY, count)) + _WITH_START
    return event + _load(constant) + bytes((COPY, count + 2)) + _STORE


def _load(constant: int) -> bytes:
    return with_argument(LOAD_CONST, constant)


def _with_plain_loads(original: bytes, loads: list[int]) -> bytes:
    """Return the code with method loads made loads of an attribute."""
    if not loads:
        return original
    code = bytearray(original)
    for offset in loads:
        code[offset * 2 + 1] &= ~1
    return bytes(code)

"""A code object in, a probed code object out.

A probe is a constant, and `LOAD_CONST probe; UNARY_INVERT; POP_TOP` makes its event happen: no call, no argument, no
frame. Each step has a file: where control goes (controlflow.py, exceptiontable.py), the blocks that it makes
(blocks.py), where probes go (sites.py), how deep the stack is there (stacksize.py), and the new code with its jumps
(layout.py), source positions (linetable.py) and exception ranges (exceptiontable.py).
"""

from collections.abc import Callable, Sequence
from types import CodeType

from pykcov.instrument import exceptiontable, linetable, versions
from pykcov.instrument.blocks import Blocks
from pykcov.instrument.controlflow import control_flow
from pykcov.instrument.layout import Layout
from pykcov.instrument.opcodes import EXTENDED_ARG, LOAD_CONST, POP_TOP, RESUME, STACK_EFFECTS, UNARY_INVERT
from pykcov.instrument.sites import Granularity, Site, choose
from pykcov.instrument.stacksize import deepest
from pykcov.instrument.versions import UnsupportedPythonError

__all__ = ["Granularity", "MakeProbes", "Site", "UnsupportedPythonError", "rewrite"]

MakeProbes = Callable[[CodeType, Sequence[Site]], Sequence[object]]


def rewrite(code: CodeType, make_probes: MakeProbes, *, granularity: Granularity = "block") -> CodeType:
    """Put probes into a code object and into all code objects nested in it.

    `make_probes(code, sites)` is called once for each code object, the outer before those nested in it, with the
    original code object and its sites in ascending order of offset (never empty). It returns one object a site, to
    stand in `co_consts` behind the constants of the code: executing the site applies the unary operator `~` to it and
    drops the result. Code that has probes already gets further ones.

    Raises UnsupportedPythonError on a Python whose bytecode is not known, ValueError for an unknown granularity and
    for a wrong number of probes.
    """
    if versions.VERSION is None:
        raise UnsupportedPythonError
    if granularity not in ("block", "line"):
        raise ValueError(f"granularity must be 'block' or 'line', not {granularity!r}")
    return _rewrite(code, make_probes, granularity)


def _rewrite(code: CodeType, make_probes: MakeProbes, granularity: Granularity) -> CodeType:
    original = code.co_code
    opcodes = original[::2]
    flow = control_flow(original)
    handled = exceptiontable.parse(code.co_exceptiontable)
    entry = opcodes.find(RESUME) + 1
    sites = choose(code, opcodes, Blocks(opcodes, flow, handled, entry), granularity)
    probes = make_probes(code, sites)
    if len(probes) != len(sites):
        raise ValueError(f"{len(probes)} probes for the {len(sites)} sites of {code.co_qualname}")

    first = len(code.co_consts)
    offsets = [site.offset for site in sites]
    layout = Layout({offset: _event(first + number) for number, offset in enumerate(offsets)}, flow.jumps)
    # Where an instruction pushes something, the stack has room for the probe.
    tight = [offset for offset in offsets if STACK_EFFECTS[opcodes[offset] | original[offset * 2 + 1] << 8] < 1]
    stack_size = code.co_stacksize
    if tight:
        stack_size = max(stack_size, deepest(original, flow, handled, entry, tight) + 1)
    nested = [
        _rewrite(constant, make_probes, granularity) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    ]
    return code.replace(
        co_code=layout.code(original),
        co_consts=(*nested, *probes),
        co_stacksize=stack_size,
        co_linetable=linetable.grown(code.co_linetable, layout.units),
        co_exceptiontable=exceptiontable.moved(handled, layout.moved),
    )


_EVENT = bytes((UNARY_INVERT, 0, POP_TOP, 0))
_SHORT_EVENTS = [bytes((LOAD_CONST, constant)) + _EVENT for constant in range(256)]


def _event(constant: int) -> bytes:
    """Return the code that makes the event of a probe happen, given the index of the probe in co_consts."""
    if constant < 256:
        return _SHORT_EVENTS[constant]
    prefix = [bytes((EXTENDED_ARG, octet)) for octet in constant.to_bytes(4, "big")[:-1].lstrip(b"\0")]
    return b"".join(prefix) + _SHORT_EVENTS[constant & 0xFF]

"""What differs between the bytecodes of CPython versions: one table, and for each line of it a snippet that proves it.

Everything else that the rewriter knows of bytecode it reads from `opcode` (opcodes.py) or is the same in all of these
versions. A test runs the proofs.
"""

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple


class UnsupportedPythonError(RuntimeError):
    """The bytecode of this Python is not known to the rewriter."""

    def __init__(self) -> None:
        """Say which Python this is, and which would do."""
        known = ", ".join(f"{major}.{minor}" for major, minor in sorted(MAGIC_NUMBERS.values()))
        super().__init__(
            f"no probes can be put into the bytecode of {sys.implementation.name} {sys.version.split()[0]} (magic "
            f"number {MAGIC_NUMBER}): this pykcov knows CPython {known}"
        )


class Fact(NamedTuple):
    """One line of the table."""

    says: str
    values: Mapping[tuple[int, int], Any]
    """By version of CPython."""
    proof: str
    """Python source that fails unless `value` holds. It also gets `trace(source)`, which gives the names of the
    instructions that run when the function `f` of that source is called, and `names(code)`."""


ALL = ((3, 11), (3, 12), (3, 13), (3, 14), (3, 15))
_UNFAILING = ("NOP", "POP_TOP", "PUSH_NULL", "COPY", "SWAP", "LOAD_CONST", "STORE_FAST")
_UNFAILING_SINCE_313 = (
    *(*_UNFAILING, "LOAD_FAST", "LOAD_FAST_AND_CLEAR", "LOAD_FAST_LOAD_FAST"),
    *("STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST"),
)
_UNFAILING_SINCE_314 = (
    *(*_UNFAILING_SINCE_313, "LOAD_FAST_BORROW", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"),
    *("LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT", "NOT_TAKEN"),
)

MAGIC_NUMBERS = {3495: (3, 11), 3531: (3, 12), 3571: (3, 13), 3627: (3, 14), 3666: (3, 15)}
"""The magic number of .pyc files: CPython changes it with the bytecode, and not within the releases of a version."""

FACTS = {
    "event": Fact(
        "What makes the event of a probe happen. The interpreter calls the slot of GET_AITER itself, that of the other "
        "by way of a function: on 3.11 a tenth of a dormant probe. Elsewhere it makes no difference.",
        {
            (3, 11): "GET_AITER",
            (3, 12): "UNARY_INVERT",
            (3, 13): "UNARY_INVERT",
            (3, 14): "UNARY_INVERT",
            (3, 15): "UNARY_INVERT",
        },
        """
import dis
class Probe:
    def __invert__(self): hits.append("UNARY_INVERT")
    def __aiter__(self): hits.append("GET_AITER"); return self
    def __anext__(self): pass
hits = []
code = compile("~x", "", "eval")
inverting, hitting = (bytes((dis.opmap[name], 0)) for name in ("UNARY_INVERT", value))
assert code.co_code.count(inverting) == 1
eval(code.replace(co_code=code.co_code.replace(inverting, hitting)), {"x": Probe()})
assert hits == [value]
""",
    ),
    "for_iter_exit": Fact(
        "FOR_ITER's jump out of the loop names the first of these and lands behind it or behind the last; a generator "
        "that ends runs them. Nothing may stand before or between them.",
        {
            (3, 11): (),
            (3, 12): ("END_FOR",),
            (3, 13): ("END_FOR", "POP_TOP"),
            (3, 14): ("END_FOR", "POP_ITER"),
            (3, 15): ("END_FOR", "POP_ITER"),
        },
        """
source = "def f():\\n for x in y: pass\\n return 1"
exec(source, {}, space := {})
found = names(space["f"].__code__)
behind = found.index("JUMP_BACKWARD") + 1
assert tuple(found[behind : behind + len(value)]) == value
assert found[behind + len(value)] in ("LOAD_CONST", "RETURN_CONST", "LOAD_SMALL_INT")
assert "END_FOR" not in trace("y = [1, 2]\\n" + source)
""",
    ),
    "send_exit": Fact(
        "SEND's jump out of an await names this; it belongs to the await as a call's instructions do to the call.",
        {
            (3, 11): (),
            (3, 12): ("END_SEND",),
            (3, 13): ("END_SEND",),
            (3, 14): ("END_SEND",),
            (3, 15): ("END_SEND",),
        },
        """
def f(): yield from f
found = names(f.__code__)
behind = found.index("JUMP_BACKWARD_NO_INTERRUPT") + 1
if found[behind] == "CLEANUP_THROW":
    behind += 1
assert tuple(found[behind : behind + len(value)]) == value
assert found[behind + len(value)] == "POP_TOP"
""",
    ),
    "pairs": Fact(
        "Pairs that the interpreter takes as one: it jumps over the second, or looks for the first next to it.",
        {
            (3, 11): (("PRECALL", "CALL"), ("SEND", "YIELD_VALUE")),
            (3, 12): (("SEND", "YIELD_VALUE"),),
            (3, 13): (("SEND", "YIELD_VALUE"), ("END_FOR", "POP_TOP")),
            (3, 14): (("SEND", "YIELD_VALUE"), ("END_FOR", "POP_ITER")),
            (3, 15): (("SEND", "YIELD_VALUE"), ("END_FOR", "POP_ITER")),
        },
        """
def f():
    yield from g(1)
    for x in f: pass
found = names(f.__code__)
pairs = set(zip(found, found[1:]))
for first, second in value:
    assert (first, second) in pairs
    # If either is always the neighbour of the other, the compiler makes them together.
    assert found.count(first) == sum(pair == (first, second) for pair in zip(found, found[1:]))
""",
    ),
    "behind_untaken": Fact(
        "A conditional jump that does not jump goes on with these, and sys.monitoring and code.co_branches() look for "
        "them right behind it; also behind the await of an async for. They do nothing.",
        {(3, 11): (), (3, 12): (), (3, 13): (), (3, 14): ("NOT_TAKEN",), (3, 15): ("NOT_TAKEN",)},
        """
def f(x):
    if x: return 1
    while x is None: pass
found = names(f.__code__)
conditional = [at for at, name in enumerate(found) if name.startswith("POP_JUMP")]
assert conditional
for at in conditional:
    assert tuple(found[at + 1 : at + 1 + len(value)]) == value
    assert "NOT_TAKEN" not in found[at + 1 + len(value)]
async def f(x):
    async for y in x: pass
found = names(f.__code__)
behind = found.index("END_SEND") + 1 if "END_SEND" in found else found.index("JUMP_BACKWARD_NO_INTERRUPT") + 1
assert tuple(found[behind : behind + len(value)]) == value
assert found[behind + len(value)] == "STORE_FAST"
""",
    ),
    "end_async_for_refers": Fact(
        "END_ASYNC_FOR's argument names the END_SEND of its loop, though it never goes there.",
        {(3, 11): False, (3, 12): False, (3, 13): False, (3, 14): True, (3, 15): True},
        """
import dis
async def f(x):
    async for y in x: pass
end = [i for i in dis.get_instructions(f) if i.opname == "END_ASYNC_FOR"][0]
assert (end.opcode in dis.hasjrel) is value
if value:
    assert [i.opname for i in dis.get_instructions(f) if i.offset == end.argval] == ["END_SEND"]
    assert end.argval == end.offset + 2 - end.arg * 2
else:
    assert not end.arg
""",
    ),
    "generator_is_made_late": Fact(
        "A generator expression first runs as a function that takes the iterator, with a RESUME of its own.",
        {(3, 11): False, (3, 12): False, (3, 13): False, (3, 14): False, (3, 15): True},
        """
found = names((x for x in ()).gi_code)
assert (found.index("RESUME") < found.index("RETURN_GENERATOR")) is value
assert "GET_ITER" in found or not value  # some releases of 3.13 have it, too
def f(): yield
found = names(f.__code__)
assert found.index("RESUME") > found.index("RETURN_GENERATOR")
""",
    ),
    "small_ints": Fact(
        "Integers from 0 to 255 are the argument of an instruction instead of a constant.",
        {(3, 11): False, (3, 12): False, (3, 13): False, (3, 14): True, (3, 15): True},
        """
import dis
def f(): return x(0), y(255), z(256)
loads = [i for i in dis.get_instructions(f) if i.argval in (0, 255, 256) and i.opname.startswith("LOAD")]
loads = [i for i in loads if i.opname in ("LOAD_CONST", "LOAD_SMALL_INT")]
assert len(loads) == 3
for number, load in zip((0, 255, 256), loads):
    small = value and number < 256
    assert load.opname == ("LOAD_SMALL_INT" if small else "LOAD_CONST")
    assert (load.arg if small else f.__code__.co_consts[load.arg]) == number
""",
    ),
    "subscript": Fact(
        "What subscribes: an instruction, and its argument if it does other things with another one.",
        {
            (3, 11): ("BINARY_SUBSCR", None),
            (3, 12): ("BINARY_SUBSCR", None),
            (3, 13): ("BINARY_SUBSCR", None),
            (3, 14): ("BINARY_OP", 26),
            (3, 15): ("BINARY_OP", 26),
        },
        """
import dis
name, argument = value
def f(x, y): return x[y]
found = [i for i in dis.get_instructions(f) if i.opname == name]
assert len(found) == 1
assert argument is None or found[0].arg == argument
def f(x, y): return x + y
assert argument not in [i.arg for i in dis.get_instructions(f) if i.opname == name]
""",
    ),
    "yield_then_resume": Fact(
        "Generators look for RESUME right behind the YIELD_VALUE at which they stand (gi_yieldfrom, throw()).",
        dict.fromkeys(ALL, True),
        """
import types
@types.coroutine
def awaited(): yield
async def f(): await awaited()
found = names(f.__code__)
assert found[found.index("YIELD_VALUE") + 1] == "RESUME"
running = f()
running.send(None)
assert (running.cr_await is not None) is value
""",
    ),
    "handlers": Fact(
        "An except, finally or with starts with the first, the end of an async for with the second; any other "
        "exception handler is the compiler's own clearing up.",
        dict.fromkeys(ALL, ("PUSH_EXC_INFO", "END_ASYNC_FOR")),
        """
import dis
async def f():
    try: pass
    except* A as e: [x async for x in [z for z in y if z]]
    except* B: yield
    finally:
        async with a as b, c: await d
        try: pass
        except A as e: pass
        async for x in y: pass
    with a: pass
unnamed = set()
for code in [f.__code__, *(const for const in f.__code__.co_consts if hasattr(const, "co_code"))]:
    at = {i.offset: i for i in dis.get_instructions(code)}
    for entry in dis.Bytecode(code).exception_entries:
        if at[entry.target].opname not in value:
            unnamed.add(at[entry.target].opname)
clearing = {"COPY", "CLEANUP_THROW", "CALL_INTRINSIC_1", "SWAP", "LOAD_CONST", "LOAD_COMMON_CONSTANT", "LIST_APPEND"}
assert unnamed <= clearing, unnamed
""",
    ),
    "unfailing": Fact(
        "Instructions that cannot raise. Before 3.12 LOAD_FAST is not among them: there is no LOAD_FAST_CHECK for "
        "variables that may be unbound.",
        {
            (3, 11): _UNFAILING,
            (3, 12): (*_UNFAILING, "LOAD_FAST", "LOAD_FAST_AND_CLEAR", "KW_NAMES"),
            (3, 13): _UNFAILING_SINCE_313,
            (3, 14): _UNFAILING_SINCE_314,
            (3, 15): _UNFAILING_SINCE_314,
        },
        """
import dis
def f(x):
    if x: y = 1
    return y
load = [name for name, i in zip(names(f.__code__), dis.get_instructions(f)) if i.argval == "y"][-1]
assert load in ("LOAD_FAST", "LOAD_FAST_CHECK")
assert load not in value
assert set(value) <= set(dis.opmap)
""",
    ),
    "compare_shift": Fact(
        "How far to shift the argument of COMPARE_OP to the right for the index into dis.cmp_op.",
        {(3, 11): 0, (3, 12): 4, (3, 13): 5, (3, 14): 5, (3, 15): 5},
        """
import dis
for index, operator in enumerate(("<", "<=", "==", "!=", ">", ">=")):
    for source in (f"x = y {operator} z", f"if y {operator} z: pass"):
        code = compile(source, "", "exec")
        assert [i.arg >> value for i in dis.get_instructions(code) if i.opname == "COMPARE_OP"] == [index]
""",
    ),
    "load_method": Fact(
        "Methods are loaded by an instruction of their own; else by LOAD_ATTR with bit 0 of its argument set.",
        {(3, 11): True, (3, 12): False, (3, 13): False, (3, 14): False, (3, 15): False},
        """
import dis
def f(x): return x.find(1)
load = [i for i in dis.get_instructions(f) if i.argrepr.find("find") >= 0][0]
assert (load.opname == "LOAD_METHOD") is value
assert f.__code__.co_names[load.arg if value else load.arg >> 1] == "find"
assert value or load.arg & 1
""",
    ),
    "method_below_object": Fact(
        "What a method load pushes: the method and its object, or what to call and NULL; else NULL and what to call.",
        {(3, 11): False, (3, 12): False, (3, 13): True, (3, 14): True, (3, 15): True},
        """
def f(x): return x(1)
found = names(f.__code__)
assert found[1].startswith("LOAD_FAST") is value
assert (found[2] == "PUSH_NULL") is value
""",
    ),
    "plain_co_code": Fact(
        "co_code gives the instructions as compiled, also of a function that is specialised or monitored.",
        dict.fromkeys(ALL, True),
        """
import sys
def f(x): return [x + y for y in (1, 2, 3)]
before = f.__code__.co_code
for _ in range(1000): f(1)
assert (f.__code__.co_code == before) is value
sys.settrace(lambda *_: None)
f(1)
sys.settrace(None)
assert (f.__code__.co_code == before) is value
""",
    ),
    "jumps_have_positions": Fact(
        "A conditional jump has the source position of what it tests, not of the statement.",
        {(3, 11): False, (3, 12): True, (3, 13): True, (3, 14): True, (3, 15): True},
        """
def f(a, b):
    if a.x and b.y: pass
positions = [place.positions for place in __import__("dis").get_instructions(f) if "POP_JUMP" in place.opname]
assert all(place.end_col_offset - place.col_offset == len("a.x") for place in positions) is value
""",
    ),
    "inlines_any": Fact(
        "any(), all() and tuple() of a generator expression become loops, which have jumps of their own.",
        {(3, 11): False, (3, 12): False, (3, 13): False, (3, 14): True, (3, 15): True},
        """
def f(a): return any(b for b in a)
assert ("FOR_ITER" in names(f.__code__)) is value
""",
    ),
    "replace_keeps_hidden_locals": Fact(
        "code.replace() keeps the variables of inlined comprehensions out of locals() of modules and classes.",
        dict.fromkeys(ALL, True),
        """
import marshal
code = compile("x = [y for y in (lambda: z for z in w)]", "", "exec")
assert (marshal.dumps(code, 2) == marshal.dumps(code.replace(co_stacksize=code.co_stacksize), 2)) is value
""",
    ),
}

MAGIC_NUMBER = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")
VERSION = MAGIC_NUMBERS.get(MAGIC_NUMBER) if sys.implementation.name == "cpython" else None
"""The version of CPython whose bytecode this is; None if it is not known."""


def fact(name: str) -> Any:
    """Return what the table says for this Python; for an unknown one, what it says for the newest known."""
    return FACTS[name].values[VERSION or max(MAGIC_NUMBERS.values())]

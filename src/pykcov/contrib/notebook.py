"""In notebooks: `%load_ext pykcov`, then `%%trace` in a cell shows which of its lines ran, and what they compared."""

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import CodeType
from typing import Any

from pykcov import _core
from pykcov._core import Probe
from pykcov._view import constants
from pykcov.counted import counted
from pykcov.device import Device
from pykcov.htmltables import source_table
from pykcov.instrument.code import instrument_code
from pykcov.traces.records import Comparison, comparisons, entries
from pykcov.traces.records import array as as_array

_PAIRS = 3
"""Of a line: so many pairs of operands are shown."""
_OPERAND_MAX = 40


def load_ipython_extension(shell: Any) -> None:
    """Add the magic; `%load_ext pykcov` calls this."""
    shell.register_magic_function(lambda line, cell: trace_cell(shell, line, cell), "cell", "trace")


def unload_ipython_extension(shell: Any) -> None:
    """Take the magic away; `%unload_ext pykcov` calls this."""
    shell.magics_manager.magics["cell"].pop("trace", None)


def trace_cell(shell: Any, line: str, cell: str) -> None:
    """Run a cell as IPython does, and show its lines: green those that ran, red those that did not."""
    if line.strip():
        raise ValueError(f"%%trace takes no arguments, and got {line.strip()!r}")
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
    try:
        codes = _compiled(source, name, shell.display_formatter is not None and not cell.rstrip().endswith(";"))
    except SyntaxError:
        shell.showsyntaxerror(name)
        return
    probed = [instrument_code(code, "__main__", granularity="line", compare=True) for code in codes]
    device = Device()
    device.set_buffer_size(_core.BUFFER_WORDS_MAX)
    counters = device.set_counters()
    buffer = device.mmap()
    device.enable(_core.TRACE_CMP | _core.CMP_BYTES)
    try:
        for code in probed:
            exec(code, shell.user_ns)
    except BaseException:
        device.disable()
        shell.showtraceback()
    else:
        device.disable()
    known, ran = _lines(probed, memoryview(counters))
    found = _compared(comparisons(entries(as_array(buffer.words))), name)
    dropped = device.dropped
    device.close()
    # By name: there is no IPython anywhere else.
    shown = import_module("IPython.display")

    beside = {line: _beside(pairs) for line, pairs in found.items()}
    note = f"{counted(dropped, 'entry', 'entries')} of comparisons did not fit into the buffer" if dropped else ""
    shown.display(shown.HTML(source_table(cell, known, ran, beside, note)))


def _compiled(source: str, name: str, shows: bool) -> list[CodeType]:
    """Return the code of a cell; an expression at its end is shown, as at the prompt."""
    tree = ast.parse(source, name)
    last = [tree.body.pop()] if shows and tree.body and isinstance(tree.body[-1], ast.Expr) else []
    codes = [compile(tree, name, "exec")]
    return [*codes, compile(ast.Interactive(list(last)), name, "single")] if last else codes


def _lines(codes: Sequence[CodeType], counters: memoryview) -> tuple[set[int], set[int]]:
    """Return the lines of code, and those that ran."""
    # Not before: few programs have a use for it.
    from pykcov.traces.locations import implied

    known: set[int] = set()
    ran: set[int] = set()
    todo = list(codes)
    while todo:
        for constant in constants(todo.pop()):
            if type(constant) is CodeType:
                todo.append(constant)
            elif type(constant) is Probe:
                lines = {line for line in implied(constant.pc)[1] if line > 0}
                known |= lines
                if constant.number < len(counters) and counters[constant.number]:
                    ran |= lines
    return known, ran


def _compared(found: Sequence[Comparison], name: str) -> Mapping[int, Counter[tuple[str, str, str, bool]]]:
    """Return what was compared, by line."""
    # Not before: see above.
    from pykcov.native.locations import symbolize

    by_line: dict[int, Counter[tuple[str, str, str, bool]]] = {}
    for place, one in zip(symbolize([one.pc for one in found]), found, strict=True):
        if place.file == name:
            pair = (_cut(repr(one.left)), one.op, _cut(repr(one.right)), one.operand1 == one.operand2)
            by_line.setdefault(place.line, Counter())[pair] += 1
    return by_line


def _cut(text: str) -> str:
    return text if len(text) <= _OPERAND_MAX else f"{text[: _OPERAND_MAX - 1]}…"


def _beside(found: Counter[tuple[str, str, str, bool]]) -> str:
    shown = [
        f"{left} {op} {right}" + (f" ({times} times)" if times > 1 else "")
        for (left, op, right, _), times in found.most_common(_PAIRS)
    ]
    more = [f"and {len(found) - _PAIRS} more pairs"] if len(found) > _PAIRS else []
    never = "" if any(equal for *_, equal in found) else "never equal: "
    return never + "; ".join([*shown, *more])

"""Instruments functions that exist already, by giving them other code."""

from collections.abc import Iterable
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import TypeVar

from pykcov._exec import Unrecorded
from pykcov._vanish import set_code
from pykcov.instrument import alive
from pykcov.instrument.code import check, is_instrumented
from pykcov.instrument.holders import functions_in, is_c_function, type_name
from pykcov.instrument.registered import register_again
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.rewriter import Rewriter
from pykcov.instrument.selection import Selection, module_name, namespace_of
from pykcov.instrument.skips import skip

Holder = TypeVar("Holder")

# CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR of inspect, which is not imported for them.
_SUSPENDABLE = 0x20 | 0x80 | 0x200
# CO_OPTIMIZED: functions have it, the code of modules has not.
_OF_FUNCTIONS = 0x1


def instrument(obj: Holder, *, granularity: Granularity = "block", compare: bool = False) -> Holder:
    """Put probes into an object's Python code and return the object, so that this is also a decorator.

    Functions keep their identity: only their `__code__` changes. Calls that are running continue without probes. Code
    that has probes already keeps them, and gets those that it lacks. skipped() lists what could not be instrumented.

    Args:
        obj: a function or method, or what wraps one (staticmethod, classmethod, property, partial, cached_property,
            functools.wraps): each function of a chain of wrappers is instrumented. A class: the functions defined in
            its body, and nested classes, but not what it inherits. A module: all of its functions that are alive,
            wherever they are stored, but not those of its submodules.
        granularity: 'block', 'line', 'arc', 'condition' or 'branch' (docs/branches.md).
        compare: also observe what the code compares (docs/comparisons.md).

    Raises:
        TypeError: there is nothing in the object that could be instrumented; the message says why.
        ValueError: the granularity is unknown.
        UnsupportedPythonError: this Python is not supported.
    """
    check(granularity)
    with Unrecorded():
        functions = [function for function in functions_in(obj) if not _is_ours(function)]
        done = instrument_functions(functions, granularity, compare)
    if not done:
        raise TypeError(f"cannot instrument {_description(obj)}: {_why_not(obj, functions)}")
    return obj


def instrument_all(granularity: Granularity = "block", compare: bool = False) -> int:
    """Put probes into every Python function that is alive, except those of pykcov.

    Args:
        granularity: as for instrument().
        compare: as for instrument().

    Returns:
        The number of functions that have probes now.

    Raises:
        ValueError: the granularity is unknown.
        UnsupportedPythonError: this Python is not supported.
    """
    return instrument_selected(Selection(own=False), granularity, compare)


def instrument_selected(selection: Selection, granularity: Granularity, compare: bool = False) -> int:
    """Put probes into the functions that are alive and chosen by `selection`; return how many have probes now."""
    check(granularity)
    with Unrecorded():
        chosen = [
            function
            for function in alive.functions()
            if selection.matches(module_name(function.__globals__), function.__code__.co_filename)
        ]
        return instrument_functions(chosen, granularity, compare, thorough=True)


def instrument_functions(
    functions: Iterable[FunctionType], granularity: Granularity, compare: bool = False, *, thorough: bool = False
) -> int:
    """Give functions probed code; return how many have it now, however they came by it.

    thorough: look for all that is registered by their code, see traces/registered.py, and use the cache.
    """
    functions = list(functions)
    # By the code before and the module. The values keep that code alive, so that ids stay its own.
    codes: dict[tuple[int, str], tuple[CodeType, str]] = {}
    for function in functions:
        code, module = function.__code__, module_name(function.__globals__)
        codes[id(code), module] = code, module
    rewrite = Rewriter(granularity, compare)
    rewritten = (
        rewrite.all(codes.values()) if thorough else [rewrite.one(code, module) for code, module in codes.values()]
    )
    probed_codes = dict(zip(codes, rewritten, strict=True))
    exchanged = [
        (code, probed, module)
        for (code, module), probed in zip(codes.values(), rewritten, strict=True)
        if probed is not code
    ]
    register_again([(code, probed) for code, probed, _ in exchanged], thorough)
    done = 0
    for function in functions:
        code, module = function.__code__, module_name(function.__globals__)
        probed = probed_codes.get((id(code), module), code)  # another thread may have changed it
        if probed is not code:
            set_code(function, probed)
        # CPython keeps one for each module while its code runs, which will not run again.
        done += bool(code.co_flags & _OF_FUNCTIONS) and is_instrumented(probed)
    _note_running([(code, module) for code, _, module in exchanged])
    return done


def _note_running(originals: list[tuple[CodeType, str]]) -> None:
    running = alive.running_in_threads() if originals else []
    if any(code.co_flags & _SUSPENDABLE for code, _ in originals):
        running += alive.suspended()
    ids = {id(code) for code in running}
    for code, module in originals:
        if id(code) in ids:
            skip(
                f"{module}.{code.co_qualname}",
                "was running: calls that began before, and functions that they define, go on as they are",
            )


def _is_ours(function: FunctionType) -> bool:
    return module_name(function.__globals__).partition(".")[0] == "pykcov"


def _description(obj: object) -> str:
    name = None
    if issubclass(type(obj), ModuleType):
        name = namespace_of(obj).get("__name__")  # type: ignore[arg-type]
    elif issubclass(type(obj), type):
        name = type.__dict__["__qualname__"].__get__(obj)
    elif type(obj) is FunctionType:
        name = obj.__qualname__
    return f"{type_name(obj)} {name}" if type(name) is str else f"an object of type {type_name(obj)}"


def _why_not(obj: object, functions: list[FunctionType]) -> str:
    if functions:
        return "its code cannot be rewritten, see pykcov.skipped()"
    if functions_in(obj):
        return "pykcov does not instrument itself"
    if is_c_function(obj):
        return "it is not Python code"
    if type(obj) is CodeType:
        return "use instrument_code()"
    if type(obj) in (GeneratorType, CoroutineType, AsyncGeneratorType, FrameType):
        return "it is running already; instrument its function before it is called"
    if type(obj) is str:
        return "it is a name; instrument_imports(include=[...]) takes names"
    if issubclass(type(obj), ModuleType):
        if type_name(obj) == "_LazyModule":
            return "it is loaded lazily and is not loaded yet; use instrument_imports()"
        return "it has no Python functions (an extension module, or one whose code ran when it was imported)"
    if issubclass(type(obj), type):
        return "no Python functions are defined in its body"
    return "expected a function, a method, a wrapper of one, a class or a module"

"""Runs a program as `__main__` the way that the interpreter's own start does: script, module, folder or zip file.

Its code runs through the exec() that an open import hook (instrument/imports.py) makes instrument what it has chosen.
"""

import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, SourcelessFileLoader
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

from pykcov import _exec, _outermost

# Called when all is ready, right before the first instruction that a bare Python would run, too.
Begin = Callable[[], object]


class NotCompiledError(Exception):
    """The script is no valid Python. A bare Python has the words for it."""


def run_script(path: str, arguments: Sequence[str], begin: Begin) -> None:
    """Run a .py or .pyc file, a folder or a zip file, as `python path arguments...` does. What it raises comes out."""
    # As Python's start does: argv as given, everything else absolute.
    script = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    sys.argv[:] = [path, *arguments]
    if _is_importable(script):
        _prepare_main()
        sys.path.insert(0, script)
        _run_by_runpy("__main__", False, begin)
        return
    if not sys.flags.safe_path:
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    loader, code = _load(script)
    attributes = {"__file__": script, "__cached__": None, "__loader__": loader}
    # That of this process, which began with a script too: not every version gives it all of these.
    started = sys.modules["__main__"].__dict__
    namespace = _prepare_main(**{name: value for name, value in attributes.items() if name in started})
    begin()
    _outermost.call(_exec.exec, code, namespace)


def run_module(name: str, arguments: Sequence[str], begin: Begin) -> None:
    """Run a module as `python -m name arguments...` does. What it raises comes out."""
    sys.argv[:] = ["-m", *arguments]
    if not sys.flags.safe_path:
        sys.path.insert(0, os.getcwd())
    _prepare_main()
    _run_by_runpy(name, True, begin)


def _load(script: str) -> tuple[object, CodeType]:
    with open(script, "rb") as file:
        data = file.read()
    compiled = script.endswith(".pyc") or data[:2] == MAGIC_NUMBER[:2]
    loader = SourcelessFileLoader if compiled else SourceFileLoader
    try:
        if not compiled:
            code = compile(data, script, "exec", dont_inherit=True)
        elif data[:4] == MAGIC_NUMBER:
            code = marshal.loads(data[16:])
        else:
            raise ValueError("made by another Python")
    except (SyntaxError, ValueError, EOFError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise NotCompiledError(script) from error
    if not isinstance(code, CodeType):
        raise NotCompiledError(script)
    return loader("__main__", script), code


def _is_importable(path: str) -> bool:
    """Whether a finder of sys.path_hooks takes the path: then it holds a __main__ module."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _prepare_main(**attributes: Any) -> dict[str, Any]:
    """Make the namespace of __main__ what the interpreter's start leaves there."""
    namespace = sys.modules["__main__"].__dict__
    fresh = {
        "__name__": "__main__",
        "__doc__": None,
        "__package__": None,
        "__loader__": namespace["__loader__"],
        "__spec__": None,
        "__builtins__": namespace["__builtins__"],
    }
    # Since 3.14 it is there when it is first asked for.
    if "__annotations__" in namespace:
        fresh["__annotations__"] = {}
    namespace.clear()
    namespace.update(fresh, **attributes)
    return namespace


def _run_by_runpy(name: str, alter_argv: bool, begin: Begin) -> None:
    begin()  # from here Python's own start is as much traced as the program
    import runpy

    _outermost.call(runpy._run_module_as_main, name, alter_argv)  # type: ignore[attr-defined]

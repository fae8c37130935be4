"""Runs a program as `__main__` the way that the interpreter's own start does.

It may be a script, a module, a folder, a zip file, or code from the command line or standard input.

Its code runs through the exec() that an open import hook (instrument/imports.py) makes instrument what it has chosen.
"""

import marshal
import os
import sys
from _frozen_importlib import BuiltinImporter
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, SourcelessFileLoader
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

from pykcov import _exec, _first_folder, _outermost

# Called when all is ready, right before the first instruction that a bare Python would run, too.
Begin = Callable[[], object]


first_folder = ""
"""What sys.path began with when the process began; '' where it began with none."""


class NotCompiledError(Exception):
    """The program is no valid Python. A bare Python has the words for it."""


def run_script(path: str, arguments: Sequence[str], begin: Begin, skip_first_line: bool = False) -> None:
    """Run a .py or .pyc file, a folder or a zip file, as `python path arguments...` does. What it raises comes out.

    skip_first_line: as with Python's option -x, of a .py file.
    """
    # As Python's start does: argv as given, everything else absolute.
    script = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    sys.argv[:] = [path, *arguments]
    if _is_importable(script):
        _prepare_main()
        _put_first(script)
        _run_by_runpy("__main__", False, begin)
        return
    if not sys.flags.safe_path:
        _put_first(os.path.dirname(os.path.realpath(script)))
    loader, code = _load(script, skip_first_line)
    namespace = _prepare_main(**_known({"__file__": script, "__cached__": None, "__loader__": loader}))
    begin()
    _outermost.call(_exec.exec, code, namespace)


def run_module(name: str, arguments: Sequence[str], begin: Begin) -> None:
    """Run a module as `python -m name arguments...` does. What it raises comes out."""
    sys.argv[:] = ["-m", *arguments]
    if not sys.flags.safe_path:
        _put_first(os.getcwd())
    _prepare_main()
    _run_by_runpy(name, True, begin)


def run_code(source: str, arguments: Sequence[str], begin: Begin) -> None:
    """Run code as `python -c source arguments...` does. What it raises comes out."""
    sys.argv[:] = ["-c", *arguments]
    _run_in_current_folder(_compile(source, "<string>"), source, begin)


def run_input(name: str, arguments: Sequence[str], begin: Begin) -> None:
    """Run the code on standard input as `python - arguments...` does; name: '-', or '' for `python` alone.

    What it raises comes out.
    """
    sys.argv[:] = [name, *arguments]
    begin()  # which lets signals through: who writes there may take long
    data = _standard_input()
    try:
        code = _compile(data, "<stdin>")
    except NotCompiledError:
        _give_back(data)
        raise
    _run_in_current_folder(code, None, lambda: None, __file__="<stdin>", __cached__=None)


def _run_in_current_folder(code: CodeType, source: str | None, begin: Begin, **attributes: Any) -> None:
    if not sys.flags.safe_path:
        _put_first("")
    namespace = _prepare_main(__loader__=BuiltinImporter, **_known(attributes))
    if source is not None and sys.version_info >= (3, 13):
        # As Python's start does, so that tracebacks show the lines.
        import linecache

        # CPython 3.13.0 keeps them by file name, later releases by code.
        key: Any = code if hasattr(linecache, "_interactive_cache") else "<string>"
        linecache._register_code(key, source, "<string>")  # type: ignore[attr-defined]
    begin()
    _outermost.call(_exec.exec, code, namespace)


def _standard_input() -> bytes:
    """Read all of it, past Python's own object: the program finds that as it would, at the end of the file."""
    pieces = []
    try:
        while piece := os.read(0, 1 << 16):
            pieces.append(piece)
    except OSError:
        pass  # closed, or a folder: a bare Python takes that for the end as well
    return b"".join(pieces)


def _give_back(data: bytes) -> None:
    """Let standard input be read again."""
    descriptor = os.memfd_create("stdin")
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.dup2(descriptor, 0)
    os.close(descriptor)


def _load(script: str, skip_first_line: bool) -> tuple[object, CodeType]:
    with open(script, "rb") as file:
        data = file.read()
    if skip_first_line and not script.endswith(".pyc"):
        # Its end stays: the other lines keep their numbers.
        data = data[data.find(b"\n") :] if b"\n" in data else b""
    compiled = script.endswith(".pyc") or data[:2] == MAGIC_NUMBER[:2]
    loader = SourcelessFileLoader if compiled else SourceFileLoader
    if not compiled:
        return loader("__main__", script), _compile(data, script)
    if data[:4] != MAGIC_NUMBER:
        raise NotCompiledError(script)
    try:
        code = marshal.loads(data[16:])
    except _NO_CODE as error:
        raise NotCompiledError(script) from error
    if not isinstance(code, CodeType):
        raise NotCompiledError(script)
    return loader("__main__", script), code


_NO_CODE = (SyntaxError, ValueError, EOFError, TypeError, MemoryError, RecursionError, OverflowError)


def _compile(source: str | bytes, name: str) -> CodeType:
    try:
        return compile(source, name, "exec", dont_inherit=True)
    except (*_NO_CODE, Warning) as error:  # Warning: one that the program's filters make an error
        raise NotCompiledError(name) from error


def _is_importable(path: str) -> bool:
    """Whether a finder of sys.path_hooks takes the path: then it holds a __main__ module."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _put_first(folder: str) -> None:
    """Put a folder first in sys.path, here and in the interpreters that the program makes."""
    global first_folder
    sys.path.insert(0, folder)
    if first_folder and _first_folder.replace(first_folder, folder):
        first_folder = folder


def _known(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return those that this version of Python gives a script: this process began with one, too."""
    started = sys.modules["__main__"].__dict__
    return {name: value for name, value in attributes.items() if name in started}


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

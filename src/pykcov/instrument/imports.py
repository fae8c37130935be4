"""Instruments modules as they are imported.

Importing ends in a call `exec(code, namespace)`, in a handful of modules: importlib's (for sources, .pyc files, zip
files, frozen modules, lazy loaders and reloads), runpy, and pytest's assertion rewriting. While a hook is open, the
name `exec` means in those modules a function that instruments the code first. So finders, loaders and caches are
untouched; and as it is a C function, no frame of pykcov is in the program's tracebacks.

Before that, importlib makes a code object of what a .pyc file holds. There the same code with probes comes from the
cache, if it is to be executed and not merely looked at.
"""

import _frozen_importlib
import _frozen_importlib_external
import os
import sys
from _frozen_importlib import ModuleSpec
from _imp import extension_suffixes
from _thread import RLock
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType, TracebackType
from typing import Any, NamedTuple, Self

from pykcov import _exec, _load
from pykcov._exec import Unrecorded
from pykcov.instrument import cache
from pykcov.instrument.code import check, instrument_code, is_instrumented
from pykcov.instrument.functions import instrument_selected
from pykcov.instrument.holders import type_name
from pykcov.instrument.kind import Kind, finest
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection, module_name, namespace_of
from pykcov.instrument.skips import Skipped, noted, skip

# Modules that run the code of others and may be imported later than a hook is opened.
_RUNNERS = ("runpy", "_pytest.assertion.rewrite", "pyimod02_importers")
_EXTENSIONS = tuple(extension_suffixes())
# PyInstaller has put this program together.
_PACKAGED = hasattr(sys, "_MEIPASS")


class ImportHook:
    """Instruments the chosen modules when their code runs, from its making until close(). A context manager."""

    def __init__(self, selection: Selection, granularity: Granularity, compare: bool = False) -> None:
        """Open the hook. Raises UnsupportedPythonError, and ValueError for an unknown granularity."""
        check(granularity)
        self.selection = selection
        self.granularity: Granularity = granularity
        self.compare = compare
        self.modules: dict[str, None] = {}
        """Names of the modules instrumented when they were imported, in order."""
        self.noted: set[str] = set()
        """Names of those of which skipped() tells."""
        with _lock:
            _open.append(self)
            _install()

    def __enter__(self) -> Self:
        """Return the hook, which is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Instrument no further modules; those instrumented stay so. Twice is once."""
        with _lock:
            try:
                _open.remove(self)
            except ValueError:
                return
            if not _open:
                _uninstall()
        self.note_skipped()

    def unmatched(self) -> list[str]:
        """Return the patterns of `include` that have matched no module so far."""
        self.note_skipped()
        return self.selection.unmatched()

    def note_skipped(self) -> None:
        """Note in skipped() the modules that `include` names whose code did not come by."""
        if not self.selection.has_names:
            return
        with Unrecorded():
            for module in _imported():
                namespace = namespace_of(module)
                name = module_name(namespace)
                if name in self.modules or name in self.noted or not self._chooses(namespace):
                    continue
                reason = _why_no_code(module)
                if reason:
                    self.noted.add(name)
                    skip(name, reason)

    def instrument_imported(self) -> int:
        """Put probes into the functions of the chosen modules that were imported before; return how many have them."""
        functions = instrument_selected(self.selection, self.granularity, self.compare)
        with Unrecorded():
            for module in _imported():
                namespace = namespace_of(module)
                if self._chooses(namespace) and not _is_extension(namespace):
                    name = module_name(namespace)
                    self.noted.add(name)
                    skip(name, "was imported before: its functions have probes, its module level ran without")
        return functions

    def _chooses(self, namespace: dict[str, object]) -> bool:
        file = namespace.get("__file__")
        return self.selection.matches(module_name(namespace), file if type(file) is str else "")


def instrument_imports(
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    granularity: Granularity = "block",
    compare: bool = False,
) -> ImportHook:
    """Put probes into modules as they are imported, from now on until close(); also a context manager.

    If a module that `include` names is imported already, its functions are instrumented at once; skipped() notes that
    its module level ran unseen. If several open hooks select a module, granularity 'line' wins, and so does `compare`.

    Args:
        include: patterns for the names of modules, as in fnmatch; a package stands for everything in it. By default
            everything that is imported, except pykcov.
        exclude: patterns for the names of modules to leave out; they win.
        granularity: as for instrument().
        compare: as for instrument().

    Raises:
        TypeError: include or exclude is not a collection of strings.
        ValueError: the granularity is unknown.
        UnsupportedPythonError: this Python is not supported.
    """
    hook = ImportHook(Selection(include, exclude, own=False), granularity, compare)
    if hook.selection.has_names:
        hook.instrument_imported()
    return hook


_told: tuple[Callable[[object], object], ...] = ()


def tell_imported(listener: Callable[[object], object]) -> None:
    """Have `listener(namespace)` called when the code of a module has run, while a hook is open.

    Modules that it has imported itself may not be complete then.
    """
    global _told
    _told = (*(one for one in _told if one != listener), listener)
    _exec.set_after(_tell)


def tell_imported_no_longer(listener: Callable[[object], object]) -> None:
    """Undo tell_imported()."""
    global _told
    _told = tuple(one for one in _told if one != listener)
    _exec.set_after(_tell if _told else None)


def _tell(namespace: object) -> None:
    with Unrecorded():
        for listener in _told:
            listener(namespace)


def skipped() -> list[Skipped]:
    """Return what was to be instrumented and was not, or not completely, by name and reason; the oldest first."""
    for hook in tuple(_open):
        hook.note_skipped()
    return noted()


class _Change(NamedTuple):
    """A name that means something of ours."""

    namespace: dict[str, Any]
    name: str
    value: object
    before: object
    """None: it was not there."""


# Reentrant: a signal handler may open and close hooks while its thread is in the middle of that.
_lock = RLock()
_open: list[ImportHook] = []
# By module: code from the cache that is about to be executed, and the hooks that had chosen it.
_ready: dict[str, tuple[CodeType | None, list[ImportHook]]] = {}
_changed: list[_Change] = []


def _install() -> None:
    _exec.set_transform(_transform)
    external = _frozen_importlib_external.__dict__
    compile_bytecode = external["_compile_bytecode"]
    if compile_bytecode is not _load.compile_bytecode:
        _load.set_find(_cached, compile_bytecode)
        _change(external, "_compile_bytecode", _load.compile_bytecode)
    _change_exec(_frozen_importlib.__dict__)
    _change_exec(external)
    for name in _RUNNERS:
        module = sys.modules.get(name)
        if module is not None and issubclass(type(module), ModuleType):
            _change_exec(namespace_of(module))


def _change_exec(namespace: dict[str, Any]) -> None:
    # Whoever has put an exec of his own there shall keep it.
    if "exec" not in namespace:
        _change(namespace, "exec", _exec.exec)


def _change(namespace: dict[str, Any], name: str, value: object) -> None:
    before = namespace.get(name)
    if before is not value:
        namespace[name] = value
        _changed.append(_Change(namespace, name, value, before))


def _uninstall() -> None:
    while True:
        try:
            namespace, name, value, before = _changed.pop()
        except IndexError:
            break
        if namespace.get(name) is not value:
            continue
        if before is None:
            namespace.pop(name, None)
        else:
            namespace[name] = before
    _exec.set_transform(None)
    if _open:
        _install()  # a signal handler has opened a hook meanwhile


def _wanted(module: str, file: str) -> tuple[list[ImportHook], Kind]:
    """Return the hooks that choose a module, and which probes they want in it."""
    hooks = [hook for hook in list(_open) if hook.selection.matches(module, file)]
    wanted = finest(hook.granularity for hook in hooks) if hooks else "block"
    return hooks, Kind(wanted, any(hook.compare for hook in hooks))


def _cached(
    data: memoryview, name: str | None = None, bytecode_path: str | None = None, source_path: str | None = None
) -> CodeType | None:
    """Return the probed code of a module that is about to be executed, if the cache has it."""
    with Unrecorded():
        # Whoever else asks a loader for code may want to do with it what cannot be done with probes. What __main__
        # goes by is known only when it runs.
        if not name or not bytecode_path or not source_path or name == "__main__" or not _is_executing():
            return None
        try:
            hooks, kind = _wanted(name, source_path)
            code = cache.load(data, name, bytecode_path, source_path, kind) if hooks else None
            if code is not None:
                _ready[name] = code, hooks
            return code
        except Exception as error:
            skip(name, f"the cache could not be read: {type(error).__name__}: {error}")
            return None


_EXEC_MODULE = _frozen_importlib_external.SourceFileLoader.exec_module.__code__


def _is_executing() -> bool:
    """Return whether the loader that asks _cached() for code executes it: exec_module() calls get_code()."""
    frame = sys._getframe(2).f_back
    return frame is not None and frame.f_code is _EXEC_MODULE


def _transform(code: CodeType, namespace: object) -> CodeType:
    """Return the code to run in the place of `code`."""
    if type(namespace) is not dict:
        return code
    with Unrecorded():
        name = module_name(namespace)
        if name in _RUNNERS:
            _change_exec(namespace)
        try:
            probed, hooks = _ready.pop(name, (None, []))
            if probed is not code:
                hooks, kind = _wanted(name, code.co_filename)
                if not hooks:
                    return code
                probed = _packaged(code, name, namespace, kind)
                if probed is None:
                    probed = instrument_code(code, name, granularity=kind.granularity, compare=kind.compare)
                    if not is_instrumented(code):
                        _store(code, probed, name, namespace, kind)
        except Exception as error:
            skip(name, f"{type(error).__name__}: {error}")
            for hook in tuple(_open):
                hook.noted.add(name)
            return code
        for hook in hooks:
            hook.modules[name] = None
        return probed


def _store(code: CodeType, probed: CodeType, name: str, namespace: dict[str, object], kind: Kind) -> None:
    path = _bytecode_path(namespace)
    if path is not None and _PACKAGED:
        cache.store_codes([(code, probed)], name, path, kind, what="")
    elif path is not None:
        cache.store(code, probed, name, path, kind)


def _packaged(code: CodeType, name: str, namespace: dict[str, object], kind: Kind) -> CodeType | None:
    """Return the probed code of a module from the cache, where modules do not come from .pyc files."""
    path = _bytecode_path(namespace) if _PACKAGED and not is_instrumented(code) else None
    found = cache.load_codes([code], name, path, kind, what="") if path is not None else None
    return found[0] if found is not None else None


def _bytecode_path(namespace: dict[str, object]) -> str | None:
    specification = namespace.get("__spec__")
    if type(specification) is not ModuleSpec or not specification.has_location:
        return None
    return specification.cached if type(specification.cached) is str else None


def _imported() -> list[ModuleType]:
    return [module for module in list(sys.modules.values()) if issubclass(type(module), ModuleType)]


def _is_extension(namespace: dict[str, object]) -> bool:
    # Not by its name: that of the built-in module _io is "io".
    if namespace.get("__loader__") is _frozen_importlib.BuiltinImporter:
        return True
    file = namespace.get("__file__")
    return module_name(namespace) in sys.builtin_module_names or (type(file) is str and file.endswith(_EXTENSIONS))


def _why_no_code(module: ModuleType) -> str:
    """Return why no code of an imported module came by, '' if it may yet or there is none."""
    namespace = namespace_of(module)
    if _is_extension(namespace):
        return "an extension module: it has no Python code"
    specification = namespace.get("__spec__")
    is_being_imported = type(specification) is ModuleSpec and specification.__dict__.get("_initializing")
    is_namespace_package = "__path__" in namespace and type(namespace.get("__file__")) is not str
    if is_being_imported or is_namespace_package or type_name(module) == "_LazyModule":
        return ""
    return "its code did not come by: its loader runs it itself, or the module was made in another way"


def _forget_lock() -> None:
    global _lock
    _lock = RLock()


# A thread that holds the lock does not exist in the child of a fork.
os.register_at_fork(after_in_child=_forget_lock)

"""Instruments modules as they are imported.

Importing ends in a call `exec(code, namespace)`, in a handful of modules: importlib's (for sources, .pyc files, zip
files, frozen modules, lazy loaders and reloads), runpy, and pytest's assertion rewriting. While a hook is open, the
name `exec` means in those modules a function that instruments the code first. So finders, loaders and caches are
untouched; and as it is a C function, no frame of pykcov is in the program's tracebacks.
"""

import _frozen_importlib
import _frozen_importlib_external
import os
import sys
from _frozen_importlib import ModuleSpec
from _imp import extension_suffixes
from _thread import allocate_lock
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType, TracebackType
from typing import Any, Self

from pykcov import _exec
from pykcov._exec import Unrecorded
from pykcov.instrument.code import check, instrument_code
from pykcov.instrument.functions import instrument_selected
from pykcov.instrument.holders import type_name
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection, module_name, namespace_of
from pykcov.instrument.skips import Skipped, noted, skip

# Modules that run the code of others and may be imported later than a hook is opened.
_RUNNERS = ("runpy", "_pytest.assertion.rewrite")
_EXTENSIONS = tuple(extension_suffixes())


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
            if self not in _open:
                return
            _open.remove(self)
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
    """Put probes into modules as they are imported, from now on until close(); usable as a context manager.

    `include` and `exclude` are patterns for the names of modules as in fnmatch; a package stands for everything in it.
    Without `include`: all that is imported, except pykcov. Modules that `include` names and that are imported
    already have their functions instrumented at once; that their module level ran unseen is in skipped().
    Of several open hooks that choose a module, granularity 'line' wins, and so does `compare`, with which comparisons
    are observed too. Raises UnsupportedPythonError, TypeError for
    what is not a collection of strings, ValueError for an unknown granularity.
    """
    hook = ImportHook(Selection(include, exclude, own=False), granularity, compare)
    if hook.selection.has_names:
        hook.instrument_imported()
    return hook


def tell_imported(listener: Callable[[object], object] | None) -> None:
    """Have `listener(namespace)` called when the code of a module has run, while a hook is open; or no longer (None).

    Modules that it has imported itself may not be complete then.
    """

    def tell(namespace: object) -> None:
        if listener is not None:
            with Unrecorded():
                listener(namespace)

    _exec.set_after(None if listener is None else tell)


def skipped() -> list[Skipped]:
    """Return what was to be instrumented and was not, or not wholly, by name and reason; the oldest first."""
    for hook in tuple(_open):
        hook.note_skipped()
    return noted()


_lock = allocate_lock()
_open: list[ImportHook] = []
# The namespaces in which `exec` is ours.
_changed: list[dict[str, Any]] = []


def _install() -> None:
    _exec.set_transform(_transform)
    _change(_frozen_importlib.__dict__)
    _change(_frozen_importlib_external.__dict__)
    for name in _RUNNERS:
        module = sys.modules.get(name)
        if module is not None and issubclass(type(module), ModuleType):
            _change(namespace_of(module))


def _change(namespace: dict[str, Any]) -> None:
    # Whoever has put an exec of his own there shall keep it.
    if "exec" not in namespace:
        namespace["exec"] = _exec.exec
        _changed.append(namespace)


def _uninstall() -> None:
    while _changed:
        namespace = _changed.pop()
        if namespace.get("exec") is _exec.exec:
            del namespace["exec"]
    _exec.set_transform(None)


def _transform(code: CodeType, namespace: object) -> CodeType:
    """Return the code to run in the place of `code`."""
    if type(namespace) is not dict:
        return code
    with Unrecorded():
        name = module_name(namespace)
        if name in _RUNNERS:
            _change(namespace)
        try:
            hooks = [hook for hook in list(_open) if hook.selection.matches(name, code.co_filename)]
            if not hooks:
                return code
            finest: Granularity = "line" if any(hook.granularity == "line" for hook in hooks) else "block"
            compare = any(hook.compare for hook in hooks)
            probed = instrument_code(code, name, granularity=finest, compare=compare)
        except Exception as error:
            skip(name, f"{type(error).__name__}: {error}")
            for hook in tuple(_open):
                hook.noted.add(name)
            return code
        for hook in hooks:
            hook.modules[name] = None
        return probed


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
    _lock = allocate_lock()


# A thread that holds the lock does not exist in the child of a fork.
os.register_at_fork(after_in_child=_forget_lock)

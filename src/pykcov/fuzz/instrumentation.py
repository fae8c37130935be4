"""What a harness has instrumented, and what it imports later: nothing that belongs to it stays without probes.

Atheris instruments what is imported inside `with instrument_imports()`. What the same packages import later, when an
input needs it, is instrumented here, too; and what was imported too early can be named.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from types import MethodType, TracebackType
from typing import Self, TypeVar

from pykcov import _core
from pykcov.instrument.functions import instrument, instrument_selected
from pykcov.instrument.functions import instrument_all as instrument_everything
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection, module_name, namespace_of
from pykcov.traces.locations import files

F = TypeVar("F", bound=Callable[..., object])

granularity: Granularity = "branch"
"""Which probes code gets: for fuzzing the fewest. Set to "block" where it matters which code exactly has run."""


class InstrumentImports:
    """`with instrument_imports():` of Atheris."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Take top-level packages to instrument, all if there are none, and modules not to."""
        self._include = [name.partition(".")[0] for name in include]
        self._exclude = list(exclude)
        self._hook: ImportHook | None = None

    def __enter__(self) -> Self:
        """Instrument what is imported from now on."""
        self._hook = ImportHook(Selection(self._include, self._exclude, own=False), granularity, compare=True)
        if self._include:
            self._hook.instrument_imported()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """No longer."""
        assert self._hook is not None
        self._hook.close()
        _packages.update(dict.fromkeys(name.partition(".")[0] for name in self._hook.modules))
        _packages.update(dict.fromkeys(self._include))
        _excluded.update(dict.fromkeys(self._exclude))


_packages: dict[str, None] = {}
_excluded: dict[str, None] = {}
_everything = False
_late: ImportHook | None = None


def instrument_imports(include: Iterable[str], exclude: Iterable[str]) -> InstrumentImports:
    """Return the context manager. TypeError and ValueError as Atheris raises them."""
    names = [*include], [*exclude]
    for name in names[0] + names[1]:
        if not isinstance(name, str):
            raise TypeError(f"instrument_imports() takes names of modules, not {name!r}")
        if not name:
            raise ValueError("instrument_imports(): the name of a module is empty")
        if name.startswith("."):
            raise ValueError(f"instrument_imports(): {name!r} is relative; name modules from the top")
    return InstrumentImports(*names)


def instrument_func(function: F) -> F:
    """Put probes into a function, which is returned, so that this is a decorator, too."""
    instrument(
        function.__func__ if isinstance(function, MethodType) else function, granularity=granularity, compare=True
    )
    return function


def instrument_all() -> int:
    """Put probes into all Python functions that are alive, and into all that is imported later."""
    global _everything
    _everything = True
    return instrument_everything(granularity, compare=True)


def choose(selection: Selection) -> ImportHook:
    """Instrument what is chosen and imported, now and from now on."""
    hook = ImportHook(selection, granularity, compare=True)
    instrument_selected(selection, granularity, compare=True)
    return hook


def watch_late_imports() -> None:
    """Instrument what the instrumented packages import from now on."""
    global _late
    if _late is None and (_packages or _everything):
        include = () if _everything else tuple(_packages)
        _late = ImportHook(Selection(include, tuple(_excluded), own=False), granularity, compare=True)


def imported_late() -> list[str]:
    """Return the modules that watch_late_imports() has instrumented so far."""
    return list(_late.modules) if _late is not None else []


def without_probes() -> list[str]:
    """Return the top-level packages that are imported and of whose modules none has probes: installed ones, or own."""
    probed = {module.partition(".")[0] for module in files().values()}
    places = Selection(own=True)
    found: dict[str, None] = {}
    for module in list(sys.modules.values()):
        namespace = namespace_of(module) if isinstance(module, type(sys)) else {}
        name, file = module_name(namespace).partition(".")[0], namespace.get("__file__")
        if not name or name in probed or not isinstance(file, str) or name in sys.stdlib_module_names:
            continue
        if name in ("pykcov", "__main__", "atheris", "sitecustomize") or name.startswith(("_", "pyimod0")):
            continue
        # Of extension modules only their makers know.
        if places.matches_name(name) and file.endswith(".py"):
            found[name] = None
    return sorted(found)


def probes() -> int:
    """Return how many probes there are."""
    return _core.probe_count()

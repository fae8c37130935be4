"""Which code has probes: the program's own, or the library that a test is of."""

import os
import sys
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType

from pykcov._exec import Unrecorded
from pykcov.contrib.hypothesis.example import Value
from pykcov.contrib.hypothesis.words import words
from pykcov.instrument.functions import instrument_selected
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection, module_name, namespace_of

_OWN = Selection()

# What tests are written with; they are not what is tested, unless somebody says so.
_TOOLS = frozenset(("hypothesis", "pytest", "_pytest", "pluggy", "pykcov", "hypothesis_pykcov", "unittest"))

_explicit: Selection | None = None
_watched: dict[tuple[str, Granularity], ImportHook] = {}
_words: dict[str, dict[type, list[Value]]] = {}


def choose(
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    source: Iterable[str | os.PathLike[str]] = (),
    stdlib: bool = False,
) -> None:
    """Select the code that the backend watches. Call it in a conftest.py, before the first test.

    By default the backend watches the program's own code. If nothing of that is imported except tests, it watches the
    installed packages that the module of the test has imported.

    Args:
        include: as for pykcov.trace().
        exclude: as for pykcov.trace().
        source: as for pykcov.trace().
        stdlib: as for pykcov.trace().

    Raises:
        TypeError: include, exclude or source is not a collection of strings.
        FileNotFoundError: a folder of source does not exist.
    """
    global _explicit
    _explicit = Selection(include, exclude, source, stdlib)


def watch(test: Callable[..., object]) -> dict[type, list[Value]]:
    """Put probes into what is chosen for this test, now and as it is imported later; return the words it knows.

    Done before, it costs little.
    """
    selection = _explicit or _selection_for(test)
    _watch(selection, "branch")
    key = str(selection)
    if key not in _words:
        _words[key] = words(selection)
    return _words[key]


def watch_lines() -> None:
    """Put probes into the program's own code, for each of its lines."""
    _watch(_OWN, "line")


def _watch(selection: Selection, granularity: Granularity) -> None:
    key = str(selection), granularity
    if key not in _watched:
        with Unrecorded():
            hook = ImportHook(selection, granularity, compare=True)
            instrument_selected(selection, granularity, compare=True)
            _watched[key] = hook


def _selection_for(test: Callable[..., object]) -> Selection:
    own = Selection()
    module = sys.modules.get(test.__module__)
    for other in list(sys.modules.values()):
        namespace = namespace_of(other) if isinstance(other, ModuleType) else {}
        file = namespace.get("__file__")
        if other is module or not isinstance(file, str) or _is_of_tests(file):
            continue
        if own.matches(module_name(namespace), file):
            return own
    packages = _packages_of(namespace_of(module)) if isinstance(module, ModuleType) else []
    return Selection([*packages, test.__module__]) if packages else own


def _is_of_tests(file: str) -> bool:
    name = os.path.basename(file)
    return name.startswith(("test_", "conftest.")) or name.endswith("_test.py") or "/tests/" in file


def _packages_of(namespace: dict[str, object]) -> list[str]:
    """Return the top-level packages, installed ones, from which a module has names."""
    names: dict[str, None] = {}
    for value in list(namespace.values()):
        if isinstance(value, ModuleType):
            names[module_name(namespace_of(value)).partition(".")[0]] = None
        elif type(value) in (type, FunctionType):
            origin = vars(value).get("__module__") if type(value) is type else value.__module__
            if isinstance(origin, str):
                names[origin.partition(".")[0]] = None
    return sorted(name for name in names if name and name not in _TOOLS and name not in sys.stdlib_module_names)

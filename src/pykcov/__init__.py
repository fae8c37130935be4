"""pykcov: kcov(4) for Python.

The first public name that is asked for brings them all (pykcov/_public.py); a part of the package, as pykcov.remote, is
imported when it is asked for. Commands, and processes that trace or fuzz a program, need few of them, and start in half
the time. Only the core is there at once: native code looks for it.

PYTEST_DONT_REWRITE: pytest wants to rewrite the assertions of all that comes with a plugin, and warns of what it finds
imported already, as under `pykcov run -m pytest`.
"""

import os
import sys
from _thread import RLock

from pykcov import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pykcov._public import *

__all__ = [
    "BUFFER_WORDS_MAX",
    "CMP_BYTES",
    "KIODISABLE",
    "KIOENABLE",
    "KIOREMOTEATTACH",
    "KIOSETBUFSIZE",
    "REMOTE_COMMON",
    "TRACE_CMP",
    "TRACE_PC",
    "TRACE_UNIQUE_PC",
    "Buffer",
    "Comparison",
    "Counters",
    "Device",
    "DeviceBusyError",
    "DeviceNotReadyError",
    "FollowedTrace",
    "Group",
    "InvalidValueError",
    "KcovError",
    "Location",
    "NoMemoryError",
    "NotOwnerError",
    "OnceTrace",
    "Production",
    "PykcovWarning",
    "Skipped",
    "Trace",
    "Tracer",
    "UnknownRequestError",
    "UnsupportedPythonError",
    "current_group",
    "fuzz_test",
    "get_include",
    "group",
    "halt",
    "instrument",
    "instrument_all",
    "instrument_code",
    "instrument_imports",
    "is_device",
    "load_ipython_extension",
    "open",
    "production",
    "skipped",
    "symbolize",
    "trace",
    "unload_ipython_extension",
]

_lock = RLock()  # held while names are loaded
_loaded = False


class _Package(type(sys)):  # type: ignore[misc]
    def __getattr__(self, name: str) -> object:
        with _lock:
            found = _public_name(name) if name in __all__ else _import_part(name)
        if found is None:
            raise AttributeError(f"module 'pykcov' has no attribute {name!r}", name=name, obj=self)
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})

    @property
    def instrument(self) -> object:
        """The function: the import of the package of the same name would put that here."""
        # Not before: see above.
        from pykcov.instrument.functions import instrument

        return instrument

    @instrument.setter
    def instrument(self, package: object) -> None:
        self._instrument_package = package


def _public_name(name: str) -> object:
    """Put all public names into this package; return the one that was asked for."""
    global _loaded
    if not _loaded:
        from pykcov import _public  # not before: see above

        if not vars(_public).keys() >= set(__all__):
            raise ImportError(
                f"pykcov.{name} is not there yet: the import of pykcov's parts was interrupted, by a signal handler, "
                "in which this was asked for. Use pykcov once before a handler can need it"
            )
        globals().update({name: vars(_public)[name] for name in __all__})
        _loaded = True
    return globals().get(name)


def _import_part(name: str) -> object:
    """Return a part of this package, None if there is none of this name."""
    part = f"{__name__}.{name}"
    try:
        __import__(part)
    except ModuleNotFoundError as error:
        if error.name != part:
            raise
        return None
    return sys.modules[part]


def _come_back(package: object) -> None:
    """Put a package and its parts back where a program has taken them away, and imports them again."""
    if isinstance(package, type(sys)) and sys.modules.get(package.__name__) is not package:
        sys.modules[package.__name__] = package
        for part in list(vars(package).values()):
            if isinstance(part, type(sys)) and part.__name__.startswith(f"{package.__name__}."):
                _come_back(part)


# There is one of it in a process: probes, hooks and devices know no other. So whoever drops it from sys.modules and
# imports it again gets the first one.
_first = vars(_core).setdefault("package", sys.modules[__name__])
if _first is sys.modules[__name__]:
    # A process that is forked while another thread loads would wait for that thread.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
    sys.modules[__name__].__class__ = _Package
else:
    _come_back(_first)

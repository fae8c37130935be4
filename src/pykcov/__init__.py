"""pykcov: kcov(4) for Python.

PYTEST_DONT_REWRITE: pytest wants to rewrite the assertions of all that comes with a plugin, and warns of what it finds
imported already, as under `pykcov run -m pytest`.
"""

from pykcov._core import (
    BUFFER_WORDS_MAX,
    CMP_BYTES,
    KIODISABLE,
    KIOENABLE,
    KIOREMOTEATTACH,
    KIOSETBUFSIZE,
    REMOTE_COMMON,
    TRACE_CMP,
    TRACE_PC,
    TRACE_UNIQUE_PC,
    Group,
    current_group,
    halt,
    is_device,
)
from pykcov.device import (
    Buffer,
    Counters,
    Device,
    DeviceBusyError,
    DeviceNotReadyError,
    InvalidValueError,
    KcovError,
    NoMemoryError,
    NotOwnerError,
    UnknownRequestError,
    get_include,
    open,
)
from pykcov.fuzz.regression import fuzz_test
from pykcov.instrument import (
    Skipped,
    UnsupportedPythonError,
    instrument,
    instrument_all,
    instrument_code,
    instrument_imports,
    skipped,
)
from pykcov.locations import Location
from pykcov.native.locations import symbolize
from pykcov.records import Comparison
from pykcov.remote import group
from pykcov.session import Trace, trace
from pykcov.tracer import FollowedTrace, Tracer
from pykcov.warnings import PykcovWarning

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
    "open",
    "skipped",
    "symbolize",
    "trace",
]

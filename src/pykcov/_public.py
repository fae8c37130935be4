"""The public names of pykcov, from where they are defined."""

from pykcov._core import (
    BUFFER_WORDS_MAX as BUFFER_WORDS_MAX,
    CMP_BYTES as CMP_BYTES,
    KIODISABLE as KIODISABLE,
    KIOENABLE as KIOENABLE,
    KIOREMOTEATTACH as KIOREMOTEATTACH,
    KIOSETBUFSIZE as KIOSETBUFSIZE,
    REMOTE_COMMON as REMOTE_COMMON,
    TRACE_CMP as TRACE_CMP,
    TRACE_PC as TRACE_PC,
    TRACE_UNIQUE_PC as TRACE_UNIQUE_PC,
    Group as Group,
    current_group as current_group,
    halt as halt,
    is_device as is_device,
)
from pykcov.contrib.notebook import (
    load_ipython_extension as load_ipython_extension,
    unload_ipython_extension as unload_ipython_extension,
)
from pykcov.device import (
    Buffer as Buffer,
    Counters as Counters,
    Device as Device,
    DeviceBusyError as DeviceBusyError,
    DeviceNotReadyError as DeviceNotReadyError,
    InvalidValueError as InvalidValueError,
    KcovError as KcovError,
    NoMemoryError as NoMemoryError,
    NotOwnerError as NotOwnerError,
    UnknownRequestError as UnknownRequestError,
    get_include as get_include,
)
from pykcov.fuzz.regression import fuzz_test as fuzz_test
from pykcov.instrument.code import instrument_code as instrument_code
from pykcov.instrument.functions import instrument as instrument, instrument_all as instrument_all
from pykcov.instrument.imports import instrument_imports as instrument_imports, skipped as skipped
from pykcov.instrument.skips import Skipped as Skipped
from pykcov.instrument.versions import UnsupportedPythonError as UnsupportedPythonError
from pykcov.traces.locations import Location as Location
from pykcov.native.locations import symbolize as symbolize
from pykcov.once.production import Production as Production, production as production
from pykcov.once.trace import OnceTrace as OnceTrace
from pykcov.opening import open as open
from pykcov.traces.records import Comparison as Comparison
from pykcov.remote import group as group
from pykcov.session import Trace as Trace, trace as trace
from pykcov.tracer import FollowedTrace as FollowedTrace, Tracer as Tracer
from pykcov.warnings import PykcovWarning as PykcovWarning

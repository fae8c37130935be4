"""The typed face of the C core. Read `pykcov.device` and `pykcov.remote` first: they are what programs use."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Literal, Self, final, overload

TRACE_PC: Final = 1
TRACE_CMP: Final = 2
TRACE_UNIQUE_PC: Final = 0x101
TRACE_ACCESS: Final = 0x801
"""Each hit, and each access of code of granularity 'access', with its thread: 2 words an entry (kcov.h)."""
ACCESS_OBJECT_BITS: Final[int]
"""Of the second word of such an entry: what is accessed. Above them is the thread."""
CMP_BYTES: Final = 0x200
CMP_SAMPLED: Final = 0x400
"""With TRACE_CMP | CMP_BYTES: of what a place of Python code compares in a round, the first 8, then fewer and fewer."""
REMOTE_COMMON: Final = 0
BUFFER_WORDS_MAX: Final = 262144
PROBES_MAX: Final = 1 << 24

# Requests of Device.ioctl(), made with _IOW and _IO as in OpenBSD's <sys/kcov.h>.
KIOSETBUFSIZE: Final[int]
KIOENABLE: Final[int]
KIODISABLE: Final[int]
KIOREMOTEATTACH: Final[int]

class KcovError(OSError):
    """What every refused operation raises: an OSError with the errno that kcov(4) gives, and a sentence."""

class DeviceBusyError(KcovError):
    """EBUSY: it has a buffer, a handle or an owner already, or the caller is attached already."""

class DeviceNotReadyError(KcovError):
    """ENXIO: closed, without a buffer, or not in the state that the operation needs."""

class InvalidValueError(KcovError):
    """EINVAL: a number of words, a mode, an offset or a handle that the operation does not take."""

class NotOwnerError(KcovError, PermissionError):
    """EPERM: only the thread that enabled a device may disable it; or the buffer is mapped read-only."""

class NoMemoryError(KcovError):
    """ENOMEM: no memory for a buffer, a section or a map."""

class UnknownRequestError(KcovError):
    """ENOTTY: Device.ioctl() does not know the request."""

class Device:
    """One kcov descriptor. `pykcov.open()` makes them; every method may be called from every thread.

    Integers of any size are taken (one that is out of range is EINVAL in its turn); anything else is a TypeError.
    """

    def __new__(cls) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    @classmethod
    def borrow(cls, fd: int, /) -> Self:
        """Return a device that appends to the buffer of another process's device, given that device's descriptor.

        The new device is 'ready'; its events come after what is there. `fd` remains the caller's.
        EINVAL: the descriptor does not belong to a device with a buffer. EBUSY: the other device traces its owner, and
        was enabled before anybody wanted to borrow it: enable it again, then retry.
        """

    def set_buffer_size(self, nmemb: int) -> None:
        """Give the device a buffer of `nmemb` 64-bit words, from 1 to BUFFER_WORDS_MAX, all 0.

        ENXIO: closed. EBUSY: it has a buffer. EINVAL: `nmemb` is out of range. ENOMEM.
        """

    def share_buffer(self, buffer: Buffer, /) -> None:
        """Append to `buffer`, which a kernel's device also writes; takes the place of set_buffer_size().

        ENXIO: closed. EBUSY: it has a buffer. EINVAL: the buffer is not a kernel's.
        """

    @overload
    def set_counters(self, size: None) -> None: ...
    @overload
    def set_counters(self, size: int | Counters = 16777216) -> Counters:
        """Count, in any mode, how often each place is reached, in a map of `size` bytes, from 1 to PROBES_MAX.

        `size` may also be the Counters of another device, to share them, or None to stop counting. Returns the map.
        ENXIO: closed. EBUSY: in 'trace' or 'stopping'. EINVAL: `size` is out of range. ENOMEM.
        """

    def enable(self, mode: int = TRACE_PC) -> None:
        """Start recording the calling thread or, if a handle is attached, every thread in a section of it.

        `mode` is TRACE_PC, TRACE_UNIQUE_PC, TRACE_CMP or TRACE_CMP | CMP_BYTES. ENXIO: closed, or not 'ready'.
        EBUSY: the caller is attached to a device already. EINVAL: there is no such mode.
        """

    def disable(self, wait: bool = True) -> None:
        """Stop recording. A remote device waits for its open sections unless `wait` is false.

        ENXIO: closed, or not in 'trace'. EPERM: neither remote nor owned by the calling thread.
        """

    def remote_attach(
        self, subsystem: int = REMOTE_COMMON, id: int | Group | None = None, *, follow: bool = False
    ) -> None:
        """Record the sections of a handle instead of one thread.

        With subsystem REMOTE_COMMON, `id` is ignored: the handle is that of the caller's current group. With
        `follow`, threads also work for it, without a section, while their context names that group; a thread
        that is traced already may enable such a device. ENXIO: closed or not 'ready'. EINVAL: the handle is
        not registered, or `follow` is set for another subsystem. EBUSY: the device has a handle, or the handle
        has a device.
        """

    def ioctl(self, request: int, arg: int | tuple[int, int | Group] = 0) -> int:
        """Perform the operation with this number; `arg` of KIOREMOTEATTACH is (subsystem, id).

        ENXIO: closed. ENOTTY: the request is unknown. Otherwise the errors of the operation.
        """

    def mmap_offset(self, offset: int, /) -> int:
        """Return `offset`, in bytes, if the buffer can be mapped there.

        ENXIO: closed. EINVAL: it cannot, or there is no buffer.
        """

    def fileno(self) -> int:
        """Return the descriptor of the sealed memfd that holds the buffer and its information page (ENXIO: closed)."""

    def close(self, wait: bool = True) -> None:
        """Close the device. A remote device waits for its open sections unless `wait` is false. Idempotent."""

    @property
    def dropped(self) -> int:
        """Entries that found the buffer full, and hits of places beyond the counters, since the last enable."""

    @property
    def counters(self) -> Counters | None:
        """The map that set_counters() gave the device; None if there is none, or the device is closed."""

    @property
    def state(self) -> str:
        """'none' (no buffer), 'ready', 'trace', 'stopping' (disabled, sections still open) or 'closed'."""

    @property
    def mode(self) -> int:
        """The mode while the state is 'trace', else 0."""

    @property
    def nmemb(self) -> int:
        """Number of words in the buffer; 0 before set_buffer_size()."""

    @property
    def handle(self) -> tuple[int, int, bool] | None:
        """The attached handle, as in handles(), or None.

        It is a tuple (subsystem, id, whether the id is the number of a group).
        """

    @property
    def inherited(self) -> bool:
        """Whether another process has the device too, because it forked from this one or lent the device."""

    @property
    def serial(self) -> int:
        """A number that no other device of this process has or had; handles() and attached() use it."""

class Buffer:
    """The words of a device, mapped. The memory stays valid as long as this object or a view of it lives."""

    def __new__(cls, device: Device, /) -> Self:
        """Map the buffer of `device` for reading and writing (ENXIO: closed, EINVAL: no buffer yet)."""

    @classmethod
    def from_fd(cls, fd: int, writable: bool = False) -> Self:
        """Map the buffer of a device of any process, given its descriptor, which may be closed afterwards.

        `writable`: allow changes through this object. EINVAL: the descriptor does not belong to a device with a buffer.
        """

    @classmethod
    def from_driver(cls, fd: int, nmemb: int) -> Self:
        """Map all `nmemb` words of a kernel's own kcov device; errors are the driver's. `fd` may be closed then."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def reset(self) -> None:
        """Set the count to 0 (EPERM: the buffer is mapped read-only)."""

    @property
    def count(self) -> int:
        """Word 0, the number of entries. It belongs to the user, so it may hold any value."""

    @property
    def words(self) -> memoryview:
        """All nmemb words, as a memoryview of format 'Q'."""

    @property
    def nmemb(self) -> int:
        """Number of words, including word 0."""

    @property
    def mode(self) -> int:
        """Mode of the last successful enable, 0 if there was none. It determines how to read the entries."""

    @property
    def dropped(self) -> int:
        """The same as Device.dropped."""

    @property
    def pid(self) -> int:
        """The process of the last successful enable, 0 if there was none."""

    @property
    def tid(self) -> int:
        """Native id of the thread that was enabled last; 0 if there was none or the device is remote."""

    @property
    def writable(self) -> bool:
        """Whether words and count may be changed through this object."""

@final
class Counters:
    """How often each place was reached: a byte each, by number, at most 255. Device.set_counters() makes it.

    A place is a probe, or an address of native code that calls back (native_numbers()).


    The memory stays valid as long as this object, a view of it, or a device that counts there lives.
    """

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...
    def reset(self) -> None:
        """Set the counters of all places to 0. A counter that is incremented meanwhile may keep its value."""

    def reach(self, seen: bytearray | memoryview, /) -> int:
        """Merge what was reached into `seen`, a writable buffer with a byte for each counter; return how much is new.

        A byte has a bit for each range of hits, the lowest first: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128-255. The
        result is the number of new bits.
        """

@final
class Group:
    """The party that work belongs to (kcov: the process). Numbers are never reused, and equal no plain number."""

    def __new__(cls) -> Self: ...
    @property
    def number(self) -> int:
        """The number that handles() shows for this group."""

    @property
    def carried(self) -> int:
        """Number of jobs carried for the group so far, done or not."""

    @property
    def pending(self) -> int:
        """Number of carried jobs of the group that are not done, because they are in a queue or running."""

group_variable: ContextVar[Group | None]
"""The context variable that carries the group along. Without a value, or None: the group of the process."""

def follow() -> None:
    """Look at once whose work the calling thread does: `group_variable` was set in the context that it is in."""

@final
class Carried:
    """A job and the group that it is done for. Called, or in a with statement, it is done for that group."""

    @property
    def job(self) -> Any:
        """The job itself."""

    @property
    def __wrapped__(self) -> Any: ...
    @property
    def group(self) -> Group | None:
        """The group that the job is done for."""

    @property
    def pending(self) -> bool:
        """Whether the job counts as unfinished work of the group."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the job."""

    def finish(self, *unused: object) -> None:
        """Count the job as done, or abandoned. Arguments are ignored."""

    def __enter__(self) -> Any:
        """Work for the group from now on; give the job. RuntimeError: it is being done already."""

    def __exit__(self, *unused: object) -> None:
        """Work for whom the thread worked before."""

def carry(job: Any, /) -> Carried:
    """Tie a job to the caller's group: called, or in `with carry(job) as job:`, it is done for that group.

    This holds in any thread. A job that is carried already stays as it is.
    """

def handed(job: Any, taken: Callable[[], object], /) -> Carried:
    """Return a job before which taken() is called, in whatever thread does it."""

def carrier(
    kind: Literal["carry", "start", "nobody", "callback", "hand", "argument", "result"],
    function: Callable[..., Any],
    index: int = 0,
    keyword: str | None = None,
    hook: Callable[..., object] | None = None,
    /,
) -> Callable[..., Any]:
    """Return what can stand in the place of `function`, which hands work to somebody. ValueError: no such kind.

    'carry': its argument at `index`, or by the name `keyword`, is work, and is given the caller's group;
    hook(carried, result) is called afterwards, if given; 'start': the same, and so is the context of a thread whose
    method it is; 'nobody': it works for no group; 'callback': as 'carry', but it does not count as work that is not
    done; 'argument': hook(that argument) takes its place; 'hand': the same for what can be called, and tracers do not
    see it; 'result': hook(result) takes the place of the result.
    """

def set_nobody(group: Group | None, /) -> None:
    """Have threads work for this group, from when they look next, whose context names none or one whose device has
    stopped. None: for no group."""

def intercept_signals() -> None:
    """From now on handlers are wrapped as they are set, and signals noted as they are sent. ValueError: a function is
    not the one that it was.
    """

def wrap_handlers() -> None:
    """Wrap the handlers that are set already, after intercept_signals(). In the main thread only, and once."""

def intercept_collect() -> None:
    """From now on tell collections that gc.collect() begins from others. ValueError: there is another such function."""

def collection_begin() -> bool:
    """A collection begins in the calling thread; return whether it barges in, and needs collection_end()."""

def collection_end() -> None:
    """End what collection_begin() began, if anything."""

def set_interrupt_groups(signals: Group | None, collector: Group | None, /) -> None:
    """Name the groups of signal handlers and collections that barge in on a thread. None: they are its own."""

def current_group() -> Group:
    """Return the caller's group: that of `group_variable`, else that of the process, which differs after a fork."""

@final
class Probe:
    """A constant for bytecode: `~probe` records that its place was reached. Only probes() makes them."""

    @property
    def pc(self) -> int:
        """The 64-bit name of the place."""

    @property
    def number(self) -> int:
        """Dense, from 0, never reused."""

    def __invert__(self) -> None: ...
    def __reduce__(self) -> tuple[Callable[[int], Probe], tuple[int]]: ...

def probes(pcs: Sequence[int], /) -> list[Probe]:
    """Make probes for `pcs`, numbered consecutively. No more than PROBES_MAX in a process (OverflowError)."""

@final
class CompareProbe:
    """A constant for bytecode: `probe[b] = a` records that a and b are compared, `del probe[b]` that b is accessed.

    Only compare_probes() makes them. Never fails, and never runs code of the program's: only exact builtin types are
    looked at.
    """

    @property
    def pc(self) -> int:
        """The 64-bit name of the place."""

    @property
    def operation(self) -> int:
        """KCOV_CMP_EQ, ... of kcov.h, or one of an access; also the index into records.OPERATIONS."""

    @property
    def const(self) -> int:
        """Which operand is a constant of the code: 1 the left, 2 the right, 0 none."""

    def __setitem__(self, b: object, a: object, /) -> None: ...
    def __delitem__(self, b: object, /) -> None: ...
    def __reduce__(self) -> tuple[Callable[[int, int, int], CompareProbe], tuple[int, int, int]]: ...

def compare_probes(sites: Sequence[tuple[int, int, int]], /) -> list[CompareProbe]:
    """Make probes for comparisons and accesses, each a (pc, operation, const). EINVAL for one of these unknown."""

def environment() -> dict[str, str]:
    """The environment that a program started now gets, with what C code has put there."""

def probe_count() -> int:
    """How many numbers were given so far: to probes, and to addresses that were counted."""

def probes_awake() -> bool:
    """Whether a device records, or an adopter is set: every hit may matter to somebody."""

def once_open(buffer: object, /) -> int:
    """Write into `buffer` the first hit of each probe in the process from now on, of whatever thread.

    Word 0 is the number of entries, each of them 2 words of 64 bits, the pc and the seconds of time(). An entry without
    a pc was not finished. Where the buffer is full, places are entered later, when there is room (once_grow()).

    Returns the number of the log. DeviceBusyError (EBUSY): 8 are open. ValueError: less than 3 words.
    """

def once_grow(log: int, buffer: object, /) -> None:
    """Write into another buffer from now on, which has the same entries already (ValueError: no such log)."""

def once_close(log: int, /) -> None:
    """End a log (ValueError: it is not open)."""

def once_hits() -> memoryview:
    """How often each probe was hit, by number, up to 255, while all logs had it already."""

def set_once_callables(exchange: Callable[[], int] | None, restore: Callable[[], object] | None, /) -> None:
    """Call exchange() when many hits were of no use to any log.

    It returns how many more of these there are to be before it is called again. An Exception goes to
    sys.unraisablehook. restore() is called before a device is enabled and before a log is opened.
    """

def set_adopter(adopter: Callable[[], object] | None, /) -> None:
    """Call `adopter` once in every thread, at its first probe event while it is not attached.

    During the call the thread records nothing; the event that led to it is recorded into whatever the call enabled.
    An Exception goes to sys.unraisablehook. A new adopter is called in every thread again. Off in a forked child.
    """

# Handles and sections. `id` is an integer of 0..2**64-1 or a Group; None with REMOTE_COMMON is the current group.

def register(subsystem: int, id: int | Group | None = None) -> None:
    """Make the handle known. If it is known already, nothing happens; if it is being removed, wait until it is gone."""

def unregister(subsystem: int, id: int | Group | None = None, wait: bool = True) -> None:
    """Remove the handle and stop its device; wait for open sections unless `wait` is false.

    Removing an unknown handle does nothing.
    """

def enter(subsystem: int = REMOTE_COMMON, id: int | Group | None = None, /) -> None:
    """Begin a section: the calling thread works for the device of this handle, if that traces (ENOMEM)."""

def leave(subsystem: int = REMOTE_COMMON, id: int | Group | None = None, /) -> None:
    """End the section that was begun last, if it belongs to this handle; otherwise do nothing."""

def interrupt_enter() -> None:
    """The calling thread is interrupted: until interrupt_leave() its events and sections are the interrupt's."""

def interrupt_leave() -> None:
    """End what interrupt_enter() began. Without one: nothing happens."""

def thread_exit() -> None:
    """Do what the end of the thread does: leave all sections, give up the own device. The thread may go on."""

def halt(on: bool, /, debugger: bool = False) -> None:
    """Stop all recording in the process, or allow it again.

    There are two switches, chosen by `debugger`; nothing is recorded while either is on.
    """

def begin_round(number: int, /) -> None:
    """Begin a round for all devices with CMP_SAMPLED: each place is recorded often again. 0: no comparisons.

    Rounds are numbered from 1, each with another number than the one before; there is none at first.
    """

def is_device(fd: Any, /) -> bool:
    """Return whether a descriptor, or an object with fileno(), is a kcov device, of any process."""

# Events from instrumentation of other making, into what the calling thread is attached to.

def record_pc(pc: int, count: int = 1) -> None:
    """Record `pc`, `count` times. Not recorded under TRACE_UNIQUE_PC, which knows places by probe number."""

def record_cmp(size: int, const: bool, a: int, b: int, pc: int, count: int = 1) -> None:
    """Record a comparison of `size` (1, 2, 4, 8) bytes; `const`: the first operand is a constant of the code."""

def record_switch(bits: int, value: int, cases: Sequence[int], pc: int, count: int = 1) -> None:
    """Record a comparison of `value` with each case. `bits` is 8, 16, 32 or 64; others record nothing."""

# Native code.

def image_log() -> tuple[bytes, int]:
    """Look at what is loaded; return the log of images (core/images.h) and how many lines did not fit into it."""

def share_image_log() -> int:
    """Have the log written to a memfd from now on; return its descriptor, the caller's. Once (EBUSY, ENOMEM)."""

def native_numbers() -> list[tuple[int, int]]:
    """The addresses that were counted in a counter map, each with its number, which is no probe's."""

def callbacks_owner() -> tuple[str | None, bool]:
    """Whose callbacks native code finds by name: the path of the object, None for nobody; whether that is the core."""

# What is there, for tests and tools.

def thread_number() -> int:
    """The number of the calling thread under TRACE_ACCESS: from 1, and no other thread of the process gets it."""

def handles() -> list[tuple[int, int, bool, str, int, int | None]]:
    """All handles: subsystem, id, id is a group's number, state ('none', 'ready', 'dying'), sections, device serial."""

def live() -> tuple[int, int]:
    """(devices that are not freed, handles that are registered)."""

def attached() -> int | None:
    """Serial of the device that the calling thread is attached to in thread context (maybe closed), or None."""

def in_interrupt_section() -> bool:
    """Whether the calling thread is in an effective interrupt section."""

def followed() -> int:
    """Devices that follow their group and trace, for which every event looks whom its thread follows."""

def sleepers() -> int:
    """Operations asleep. Raised just before a wait; lowered by the waker, in the step that wakes."""

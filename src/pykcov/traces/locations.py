"""pc <-> location: every probe of the process, and what its pc stands for.

A pc has bit 63 set, 47 bits that name the code object (and the segment of it, for code of more than 65536 code units),
and 16 bits of offset (pykcov.traces.registered).
"""

import os
from _operator import index
from _thread import RLock
from _warnings import warn
from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from types import CodeType
from typing import NamedTuple, SupportsIndex

from pykcov import _core
from pykcov._core import CompareProbe, Probe
from pykcov.traces.facts import Fact
from pykcov.traces.pcs import PYTHON_PC
from pykcov.traces.records import OPERATIONS
from pykcov.traces.registered import OFFSET_BITS, Copies, Hasher, RegisteredCode, Site, Stored, pack
from pykcov.warnings import PykcovWarning


class Location(NamedTuple):
    """What a pc stands for."""

    pc: int
    """The pc itself."""
    file: str
    """The code's `co_filename`; '' if this process does not know the pc."""
    line: int
    """First line of the instruction at the pc, from 1; 0 if the compiler gave it none."""
    end_line: int
    """Last line of that instruction; 0 if unknown."""
    column: int
    """First column, in UTF-8 bytes from 0; -1 if unknown."""
    end_column: int
    """Column after the last one; -1 if unknown."""
    function: str
    """Qualified name of the code, such as 'Class.method' or '<module>'."""
    module: str
    """Name of the module that the code belongs to."""
    lines: tuple[int, ...]
    """All source lines that a hit implies, ascending; empty for a comparison, which another hit shows to be reached."""
    comparison: str = ""
    """The operation of a comparison, as in `Comparison.op`; '' if nothing is compared, or in native code.

    In code of granularity 'access', how something that threads may share is accessed: 'read', 'write', 'look' or
    'change' (docs/interleavings.md).
    """
    arcs: tuple[tuple[int, int], ...] = ()
    """Pairs of lines that ran one after the other, ascending, in code of granularity 'arc' or 'condition'.

    A negative number is the way into a function or out of it. An arc counts only if the line that it leads to has run
    as well (pykcov.traces.arcs).
    """
    conditions: tuple[Fact, ...] = ()
    """What a hit implies about conditions, ascending, in code of granularity 'condition' (pykcov.traces.facts)."""

    @property
    def known(self) -> bool:
        """Whether this process knows the pc."""
        return self.function != ""

    def __str__(self) -> str:
        """Return 'file:line function'."""
        if not self.known:
            return f"unknown pc {self.pc:#x}"
        return f"{self.file}:{self.line} {self.function}"


Implied = tuple[str, tuple[int, ...], tuple[tuple[int, int], ...]]
"""A file, lines and arcs of it."""
Listener = Callable[[list[Location]], object]

# Guards all that follows. Reentrant: a garbage-collector callback may import a module while this thread registers one.
_lock = RLock()
_codes: dict[int, RegisteredCode | Stored] = {}  # by base
_copies: dict[bytes, Copies] = {}  # by identity: of code that is there more than once
_strangers: dict[int, Probe] = {}  # by pc: probes that came in a pickle from elsewhere and whose code is not known here
_implied: dict[int, Implied] = {}
_listeners: list[Listener] = []
_learned: dict[int, Location] = {}  # by pc: of code that other processes have registered
_teacher: Callable[[], Iterable[Location]] | None = None


def register(code: CodeType, module: str, sites: Sequence[Site]) -> Sequence[Probe | CompareProbe]:
    """Return the probes for the sites of a code object (ascending by offset, as in the rewriter), making them if new.

    The same code with the same sites from the same file has the same probes, however often it is registered.
    """
    hasher = Hasher(code, module)
    numbers = pack(sites)
    segments = range((sites[-1][0] >> OFFSET_BITS) + 1)
    collision = None
    with _lock:
        salt = 0
        while True:
            bases = tuple(hasher.base(segment, salt) for segment in segments)
            found = next((known for base in bases if (known := _code_at(base)) is not None), None)
            if found is None:
                break
            salt += 1
            if found.identity != hasher.identity:
                collision = found
            elif found.file == code.co_filename and found.numbers == numbers:
                return found.probes
            else:
                # A copy of the code in another file, or the same code with other sites: it has pcs of its own.
                copies = _copies.setdefault(hasher.identity, Copies())
                if (copy := copies.find(code.co_filename, numbers)) is not None:
                    return copy.probes
                salt = max(salt, copies.salt)
        made = RegisteredCode(
            hasher.identity, code.co_filename, code.co_qualname, module, numbers, len(sites), bases, salt
        )
        made.probes = _make_probes(made.pcs(), made.comparisons())
        if _codes.setdefault(bases[0], made) is not made:
            # A signal handler, or a callback of the garbage collector, has registered the same code meanwhile.
            return register(code, module, sites)
        _codes.update(dict.fromkeys(bases, made))
        if salt and (copies_of_it := _copies.get(hasher.identity)) is not None:
            copies_of_it.add(made)
        listeners = list(_listeners)
    if collision is not None:
        warn(
            f"{module}.{code.co_qualname} and {collision.module}.{collision.function} have the same hash: the pcs of "
            "the former depend on which of them was registered first",
            PykcovWarning,
            stacklevel=2,
        )
    if listeners:
        _tell(listeners, locations_of(made))
    return made.probes


def register_stored(stored: Stored, pcs: Sequence[int], probes: Sequence[Probe | CompareProbe]) -> bool:
    """Register the probes of code that register() knew in another process; False: some of the pcs are taken here."""
    with _lock:
        if not _codes.keys().isdisjoint(stored.bases) or (_strangers and not _strangers.keys().isdisjoint(pcs)):
            return False
        _codes.update(dict.fromkeys(stored.bases, stored))
        listeners = list(_listeners)
        codes = _codes_of(stored.bases) if listeners else []
    if codes:
        _tell(listeners, [location for code in codes for location in locations_of(code)])
    return True


def described(probe: Probe | CompareProbe) -> tuple[bytes, str, bytes, int, tuple[int, ...]] | None:
    """Return what there is to store of the code that a probe stands in; None if its pcs hold in this process only."""
    code = _code_at(probe.pc >> OFFSET_BITS)
    if code is None or code.salt:
        return None
    return code.identity, code.function, code.numbers.tobytes(), code.count, code.bases


def stored_with(pc: int) -> Stored | None:
    """Return what register_stored() was given for the code of a pc; None if it was registered in another way."""
    found = _codes.get(pc >> OFFSET_BITS)
    return found.stored if isinstance(found, RegisteredCode) else found


def symbolize(pcs: Iterable[SupportsIndex]) -> list[Location]:
    """Return what each pc stands for, in the order given (an array of numpy will do).

    A pc that this process does not know gives a Location whose `known` is false. TypeError if something is no integer.
    """
    cache: dict[int, Location] = {}
    result = []
    for number in pcs:
        pc = index(number)
        location = cache.get(pc)
        if location is None:
            location = cache[pc] = _locate(pc)
        result.append(location)
    return result


def implied(pc: int) -> Implied:
    """Return the file, the lines and the arcs that a hit of a Python pc implies; ('', (), ()) of one that is not known.

    Quick, as each test or request of many asks for the same ones: what was found once is remembered.
    """
    found = _implied.get(pc)
    if found is None:
        location = _locate(pc)
        found = location.file, location.lines, location.arcs
        if location.known:
            _implied[pc] = found
    return found


def unknown(pc: int) -> Location:
    """Return the Location of a pc of which nothing is known."""
    return Location(pc, "", 0, 0, -1, -1, "", "", ())


def owner(pc: int) -> tuple[str, str] | None:
    """Return the module and the file (co_filename) of the code that a pc belongs to; None if that is not known here.

    All pcs that agree in all but their lowest 16 bits belong to the same code.
    """
    owner = _codes.get(pc >> OFFSET_BITS) or _learn(pc)
    return None if owner is None else (owner.module, owner.file)


def files() -> dict[str, str]:
    """Return the files of all code that has probes (co_filename), and the module of each."""
    with _lock:
        known = {code.file: code.module for code in _codes.values()}
    return known | {location.file: location.module for location in learned()}


def codes(files: Collection[str] | None = None) -> list[RegisteredCode]:
    """Return all code that has probes, or that of some files (co_filename)."""
    with _lock:
        return _codes_of([base for base, code in list(_codes.items()) if files is None or code.file in files])


def learned() -> list[Location]:
    """Return all that other processes have told."""
    _ask()
    return list(_learned.values())


def numbered(first: int, end: int) -> list[tuple[int, bool]]:
    """Return the pc of each place with a number of `first` to `end` - 1, and whether a function begins there.

    0 for one that is not known here, as it came in a pickle. Of native code nobody knows where a function begins.
    """
    found = [(0, False)] * (end - first)
    missing = end - first
    # The newest first: what is asked for was made last.
    known = codes()
    while known and missing:
        probes = [probe for probe in known.pop().probes if type(probe) is Probe]
        for probe in probes:
            if first <= probe.number < end:
                found[probe.number - first] = (probe.pc, probe is probes[0])
                missing -= 1
    if missing:
        for pc, number in _core.native_numbers():
            if first <= number < end:
                found[number - first] = (pc, False)
    return found


def probe(pc: int) -> Probe:
    """Return the probe of a pc; a new one if this process does not know it. Pickles of probed code call this."""
    with _lock:
        code = _code_at(pc >> OFFSET_BITS)
        row = code.row(pc) if code is not None else None
        if code is not None and row is not None and type(found := code.probes[row]) is Probe:
            return found
        if pc not in _strangers:
            _strangers[pc] = _core.probes([pc])[0]
        return _strangers[pc]


def compare_probe(pc: int, operation: int, const: int) -> CompareProbe:
    """Return a probe of a comparison. Pickles of probed code call this."""
    return _core.compare_probes([(pc, operation, const)])[0]


def add_listener(listener: Listener, existing: bool = True) -> None:
    """Have `listener(locations)` called for all locations that exist, now, and for new ones before they can be hit.

    With existing=False, only for new ones.

    It is called in the thread that registers, perhaps in several at once. What it raises becomes a PykcovWarning.
    """
    with _lock:
        _listeners.append(listener)
        known = codes() if existing else []
    if known:
        _tell([listener], [location for code in known for location in locations_of(code)])


def remove_listener(listener: Listener) -> None:
    """Undo add_listener()."""
    with _lock:
        _listeners.remove(listener)


def set_teacher(teacher: Callable[[], Iterable[Location]]) -> None:
    """Have `teacher()` asked for what other processes have told, when there is a Python pc that is not known here."""
    global _teacher
    _teacher = teacher


def _code_at(base: int) -> RegisteredCode | None:
    """Return what has a base, read if it was not yet."""
    found = _codes.get(base)
    if found is None or isinstance(found, RegisteredCode):
        return found
    with _lock:
        for identity, function, numbers, count, bases, probes in found.read():
            code = RegisteredCode(identity, found.file, function, found.module, array("i", numbers), count, bases)
            code.probes = probes
            code.stored = found
            _codes.update(dict.fromkeys(bases, code))
        read = _codes[base]
    assert isinstance(read, RegisteredCode)
    return read


def _codes_of(bases: Iterable[int]) -> list[RegisteredCode]:
    """Return what has these bases, each once."""
    return list(dict.fromkeys(code for base in bases if (code := _code_at(base)) is not None))


def _make_probes(pcs: list[int], comparisons: "array[int]") -> tuple[Probe | CompareProbe, ...]:
    if not any(comparisons):
        return tuple(_reach_probes(pcs))
    pairs = list(zip(pcs, comparisons, strict=True))
    reaching = iter(_reach_probes([pc for pc, comparison in pairs if not comparison]))
    comparing = iter(_core.compare_probes([(pc, number & 0xFF, number >> 8) for pc, number in pairs if number]))
    return tuple(next(comparing) if comparison else next(reaching) for _, comparison in pairs)


def _reach_probes(pcs: list[int]) -> list[Probe]:
    if not _strangers:
        return _core.probes(pcs)
    new = iter(_core.probes([pc for pc in pcs if pc not in _strangers]))
    return [_strangers.pop(pc) if pc in _strangers else next(new) for pc in pcs]


def _locate(pc: int) -> Location:
    code = _code_at(pc >> OFFSET_BITS)
    row = code.row(pc) if code is not None else None
    if code is not None and row is not None:
        return _location(code, row)
    return _learn(pc) or unknown(pc)


def _location(code: RegisteredCode, row: int) -> Location:
    _, line, end_line, column, end_column, lines, _, _, arcs, conditions = code.site(row)
    return Location(
        code.probes[row].pc,
        code.file,
        line,
        end_line,
        column,
        end_column,
        code.function,
        code.module,
        lines,
        OPERATIONS[code.operation(row)],
        arcs,
        conditions,
    )


def locations_of(code: RegisteredCode) -> list[Location]:
    """Return one location a pc: a comparison that code begins with shares that of the code."""
    offsets = code.offsets()
    return [_location(code, row) for row in range(code.count) if not row or offsets[row] != offsets[row - 1]]


def _learn(pc: int) -> Location | None:
    if pc not in _learned and pc >= PYTHON_PC:
        _ask()
    return _learned.get(pc)


def _ask() -> None:
    if _teacher is not None:
        # Under the lock: another thread may be told this at the same time, and nothing is told twice.
        with _lock:
            _learned.update((location.pc, location) for location in _teacher())


def _tell(listeners: list[Listener], locations: list[Location]) -> None:
    for listener in listeners:
        try:
            listener(locations)
        except Exception as error:
            warn(f"a listener for locations failed: {error!r}", PykcovWarning, stacklevel=3)


def _forget_lock() -> None:
    global _lock
    _lock = RLock()


# A thread that holds the lock does not exist in the child of a fork.
os.register_at_fork(after_in_child=_forget_lock)

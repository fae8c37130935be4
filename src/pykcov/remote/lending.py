"""Lends the devices of open traces to other processes, so that what a job does there is in the trace, too.

The memory of a device can be mapped by whoever opens its descriptor. A *ticket* says where that is found, and what has
to have probes. It goes along with a job that is pickled, or in the environment of a program that is started; who works
by it has a device of its own with the same memory (`_core.Device.borrow()`), and a group. A device that was lent is
not used for another trace afterwards: nobody knows how long the borrowers write there.
"""

import os
from _thread import RLock
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple, Self
from warnings import warn

from pykcov import _core
from pykcov._core import Carried, Device, Group, carry
from pykcov._exec import Unrecorded
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.remote import carriers, places
from pykcov.remote.places import Descriptor
from pykcov.warnings import PykcovWarning


class Chosen(NamedTuple):
    """What has probes: plain values, which go from process to process."""

    granularity: Granularity
    compare: bool
    arguments: tuple[tuple[str, tuple[str, ...] | bool], ...]
    """Of the Selection."""

    @classmethod
    def by(cls, selection: Selection, granularity: Granularity, compare: bool) -> "Chosen":
        """Describe a selection."""
        arguments = selection.arguments().items()
        return cls(granularity, compare, tuple((name, _hashable(value)) for name, value in arguments))

    @classmethod
    def read(cls, granularity: Granularity, compare: bool, arguments: Iterable[tuple[str, list[str] | bool]]) -> Self:
        """Return what JSON has made lists of."""
        return cls(granularity, compare, tuple((name, _hashable(value)) for name, value in arguments))

    def selection(self) -> Selection:
        """Choose the same here."""
        return Selection(**dict(self.arguments))  # type: ignore[arg-type]


def _hashable(value: list[str] | bool) -> tuple[str, ...] | bool:
    return value if isinstance(value, bool) else tuple(value)


class Ticket(NamedTuple):
    """Leads another process to the device of a trace."""

    device: Descriptor
    mode: int
    chosen: Chosen
    places: Descriptor
    """Where to tell what the pcs of that process stand for."""


class _Offer:
    def __init__(self, group: Group, device: Device, mode: int, chosen: Chosen) -> None:
        self.group = group
        self.device = device
        self.mode = mode
        self.chosen = chosen
        self.lent = False


# By number of the group: it and its device are known in this process alone, or in forked children.
_offers: dict[int, _Offer] = {}


def offer(group: Group, device: Device, mode: int, chosen: Chosen) -> None:
    """Let other processes work for the group, whose device this is, until withdraw()."""
    _offers[group.number] = _Offer(group, device, mode, chosen)


def withdraw(group: Group) -> bool:
    """End offer(); return is_elsewhere()."""
    elsewhere = is_elsewhere(group)
    _offers.pop(group.number, None)
    return elsewhere


def ticket(group: Group | None = None) -> Ticket | None:
    """Return what leads to the trace that is open for a group, by default the current one; None without one."""
    if group is None:
        group = _core.group_variable.get(None)
    offered = None if group is None else _offers.get(group.number)
    if offered is None:
        return None
    with Unrecorded(), suppress(OSError):  # closed meanwhile: the trace has ended
        device = Descriptor.of(offered.device.fileno())
        offered.lent = True
        return Ticket(device, offered.mode, offered.chosen, places.share())
    return None


def is_lent(group: Group) -> bool:
    """Return whether the device of a group was lent by a ticket."""
    offered = _offers.get(group.number)
    return offered is not None and offered.lent


def is_elsewhere(group: Group) -> bool:
    """Return whether other processes have the device of a group: it was lent to them, or they were forked."""
    offered = _offers.get(group.number)
    return offered is not None and (offered.lent or offered.device.inherited)


def is_offered() -> bool:
    """Return whether the current group has a trace that could be lent."""
    group = _core.group_variable.get(None)
    return group is not None and group.number in _offers


def reduce(carried: Carried) -> tuple[object, tuple[object, ...]]:
    """Return what a Carried is in a pickle."""
    leading = ticket(carried.group)
    return (_itself, (carried.job,)) if leading is None else (_carried_here, (carried.job, leading))


def _itself(job: object) -> object:
    return job


def _carried_here(job: object, ticket: Ticket) -> object:
    group = borrow(ticket)
    if group is None:
        return job
    token = _core.group_variable.set(group)
    try:
        return carry(job)
    finally:
        _core.group_variable.reset(token)


def work_for(ticket: Ticket) -> None:
    """Do all that the calling thread does from now on, and what that causes, for the trace that a ticket leads to."""
    group = borrow(ticket)
    if group is not None:
        _core.group_variable.set(group)
        _core.follow()


class _Borrowed(NamedTuple):
    group: Group
    device: Device


_BORROWED_KEPT = 16

_lock = RLock()
_borrowed: dict[Descriptor, _Borrowed] = {}
_hooks: dict[Chosen, ImportHook] = {}
_told: set[str] = set()


def borrow(ticket: Ticket) -> Group | None:
    """Return the group that works in this process for the trace that a ticket leads to; None if that has ended."""
    with Unrecorded(), _lock:
        if ticket.device.pid == os.getpid():
            return _own_group(ticket.device)
        known = _borrowed.get(ticket.device)
        if known is not None:
            return known.group
        try:
            _give_back_ended()
            return _borrow(ticket)
        except (FileNotFoundError, ProcessLookupError):
            return None  # it has ended
        except (OSError, ValueError) as error:
            _say_once(
                f"what process {os.getpid()} does for a trace of process {ticket.device.pid} is not in it: {error}"
            )
            return None


def _own_group(lent: Descriptor) -> Group | None:
    for offered in list(_offers.values()):
        with suppress(OSError):
            if Descriptor.of(offered.device.fileno()) == lent:
                return offered.group
    return None


def _borrow(ticket: Ticket) -> Group:
    places.tell(ticket.places)
    _instrument(ticket.chosen)
    descriptor = ticket.device.open()
    try:
        device = Device.borrow(descriptor)
    finally:
        os.close(descriptor)
    group = Group()
    token = _core.group_variable.set(group)
    try:
        device.remote_attach(follow=True)
        device.enable(ticket.mode)
    except BaseException:
        device.close(wait=False)
        raise
    finally:
        _core.group_variable.reset(token)
    borrowed = _borrowed.setdefault(ticket.device, _Borrowed(group, device))
    if borrowed.group is not group:
        device.close(wait=False)  # a signal handler has borrowed the same one meanwhile
        return borrowed.group
    offer(group, device, ticket.mode, ticket.chosen)
    return group


def _instrument(chosen: Chosen) -> None:
    if chosen in _hooks:
        return
    hook = ImportHook(chosen.selection(), chosen.granularity, chosen.compare)
    hook.instrument_imported()
    if _hooks.setdefault(chosen, hook) is hook:
        carriers.install()
    else:
        hook.close()  # a signal handler has done the same meanwhile


def _give_back_ended() -> None:
    """Close the devices of traces that have ended, and the oldest ones of too many."""
    surplus = max(len(_borrowed) - _BORROWED_KEPT, 0)
    for number, (lender, (group, device)) in enumerate(list(_borrowed.items())):
        if not group.pending and (number < surplus or not lender.exists()):
            del _borrowed[lender]
            withdraw(group)
            device.close(wait=False)


def _say_once(message: str) -> None:
    reason = message.rpartition(": ")[2]
    if reason not in _told:
        _told.add(reason)
        warn(message, PykcovWarning, stacklevel=4)


def _before_fork() -> None:
    if _offers:
        with Unrecorded(), suppress(OSError):
            places.share()


def _in_forked_child() -> None:
    global _lock
    # A thread that holds the lock does not exist here.
    _lock = RLock()
    if _offers:
        with Unrecorded():
            places.tell_after_fork()


os.register_at_fork(before=_before_fork, after_in_child=_in_forked_child)

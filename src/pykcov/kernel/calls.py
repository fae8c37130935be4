"""Which calls into the kernel a trace holds: system calls, told by the functions that every one of them begins with.

In one buffer the entries of a program and those of the kernel that works for it stand in order. So each call has a
caller: what the program recorded last.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pykcov.kernel.locations import KernelLocator
from pykcov.kernel.system_calls import name_of_function

PAGE_FAULT = "page fault"
"""The name of what the kernel does when a thread touches memory that is not there yet."""

OTHER = "other"
"""The name of what is neither: signals, the scheduler, the end of a process."""

_SYSTEM_CALL = re.compile(r"(?:__(?:x64|ia32|arm64|riscv|s390x?|se|do)_(?:compat_)?)?sys_(\w+)")
_FAULTS = re.compile(
    r"(exc_page_fault|do_user_addr_fault|do_page_fault|handle_page_fault|segv|find_vma|mt_find|handle_mm_fault)$"
)


class Call(NamedTuple):
    """One call into the kernel."""

    name: str
    """Of the system call, without 'sys_'; PAGE_FAULT or OTHER."""
    caller: int | None
    """The pc that the program recorded last; None if there was none."""
    pcs: list[int]
    """What the kernel ran, in order."""


def system_call(function: str) -> str:
    """Return the system call that a function of the kernel is the beginning of, '' if of none."""
    found = _SYSTEM_CALL.fullmatch(function)
    return name_of_function.get(found[1], found[1]) if found else ""


def is_fault(function: str) -> bool:
    """Return whether a page fault begins with this function of the kernel."""
    return _FAULTS.match(function) is not None


def split(pcs: Iterable[int], locator: KernelLocator) -> list[Call]:
    """Return the calls in a trace, in order.

    A fault within a system call belongs to it, as does one after it that no entry of the program stands before.
    """
    pcs = list(pcs)
    names = {pc: symbol.name for pc in set(pcs) if (symbol := locator.symbol(pc)) is not None}
    entries = _entries(names, locator)
    calls: list[Call] = []
    caller: int | None = None
    current: Call | None = None
    for pc in pcs:
        if pc not in names:
            caller, current = pc, None
            continue
        begun = system_call(names[pc]) if pc in entries else ""
        # One that begins in two functions, __x64_sys_read and __se_sys_read, begins once.
        again = begun and current is not None and begun == current.name and entries.issuperset(current.pcs)
        if current is None or (begun and not again):
            name = begun or (PAGE_FAULT if is_fault(names[pc]) else OTHER)
            current = Call(name, caller, [])
            calls.append(current)
        current.pcs.append(pc)
    return calls


def _entries(names: dict[int, str], locator: KernelLocator) -> frozenset[int]:
    """Return the first pc that was seen of each function that a system call begins with."""
    first: dict[int, int] = {}
    for pc, name in names.items():
        symbol = locator.symbol(pc)
        if symbol is not None and system_call(name):
            first[symbol.address] = min(pc, first.get(symbol.address, pc))
    return frozenset(first.values())

"""Calls into the kernel as a trace of the program shows them."""

from collections.abc import Iterable
from operator import index
from typing import NamedTuple, SupportsIndex

from pykcov.counted import counted
from pykcov.kernel.calls import split
from pykcov.kernel.locations import running
from pykcov.native.locations import symbolize
from pykcov.traces.locations import Location


class KernelCall(NamedTuple):
    """One call into the kernel, by the thread that was traced."""

    name: str
    """The system call, as 'read'; 'page fault', or 'other'."""
    caller: Location | None
    """The place that the program had reached last: of Python, or of native code. None before the first one."""
    locations: list[Location]
    """What the kernel ran for it, in order."""

    def __str__(self) -> str:
        """Return 'name, called at file:line function: how many places'."""
        return f"{self.name}, called at {self.caller or 'no known place'}: {counted(len(self.locations), 'place')}"


def kernel_calls(pcs: Iterable[SupportsIndex]) -> list[KernelCall]:
    """Return the calls in a trace of the program and the kernel in one."""
    calls = split((index(pc) for pc in pcs), running())
    distinct = {pc for call in calls for pc in (*call.pcs, call.caller) if pc is not None}
    places = dict(zip(distinct, symbolize(distinct), strict=True))
    return [
        KernelCall(call.name, None if call.caller is None else places[call.caller], [places[pc] for pc in call.pcs])
        for call in calls
    ]

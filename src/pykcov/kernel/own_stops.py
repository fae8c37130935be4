"""What a thread runs in the kernel only because it is stopped at its system calls: that is not the program's."""

import re
from collections.abc import Callable, Sequence

from pykcov.kernel.calls import system_call

# Behind a stop, and before one. The compiler may have appended what piece of the function it is.
_BEHIND = re.compile(
    r"(ptrace_\w+|get_signal|dequeue_signal|recalc_sigpending\w*|syscall_trace_\w+|syscall_exit_\w+)(\.\w+)*$"
)
_BEFORE = re.compile(
    r"(ptrace_(notify|do_notify|stop|event\w*|report\w*)|syscall_trace_\w+|do_notify_parent_cldstop|task_active_pid_ns"
    r"|__task_pid_nr_ns|nsec_to_clock_t|_*send_signal_locked|siginfo_layout|prepare_signal|__wake_up_parent"
    r"|child_wait_callback)(\.\w+)*$"
)
_NOTIFY = re.compile(r"ptrace_notify(\.\w+)*$")
_BEGINS_CALL, _IS_BEHIND, _IS_BEFORE, _NOTIFIES = 1, 2, 4, 8
# A stop is told to who traces, and wakes it: no more entries than this.
_MOST = 1000


class OwnStops:
    """Tells the entries of stops from others. Each pc is looked at once."""

    def __init__(self, function: Callable[[int], str]) -> None:
        """Take what tells the name of the kernel's function that a pc lies in."""
        self.function = function
        self._kinds: dict[int, int] = {}

    def without(self, pcs: Sequence[int], begins: bool) -> list[tuple[int, int]]:
        """Return which of the pcs between two stops are not those of the stops: spans of them, without their ends.

        begins: the first stop was that before a system call.
        """
        kind = self._kind
        first, last = 0, len(pcs)
        for index in range(last - 1, max(0, last - _MOST) - 1, -1):
            if kind(pcs[index]) & _NOTIFIES:
                last = index
                break
        while last > 0 and kind(pcs[last - 1]) & _IS_BEFORE:
            last -= 1
        if begins:
            first = next((index for index in range(min(last, _MOST)) if kind(pcs[index]) & _BEGINS_CALL), 0)
        while first < last and kind(pcs[first]) & _IS_BEHIND:
            first += 1
        # A stop first does what was left for the end of the system call: closing files, for one. That is the program's.
        edges = [index for index in range(first, last) if kind(pcs[index]) & _NOTIFIES]
        spans = zip([first, *(edge + 1 for edge in edges)], [*edges, last], strict=True)
        return [(start, end) for start, end in spans if start < end]

    def _kind(self, pc: int) -> int:
        found = self._kinds.get(pc)
        if found is None:
            name = self.function(pc)
            found = _BEGINS_CALL if system_call(name) else 0
            found |= _IS_BEHIND if _BEHIND.match(name) else 0
            found |= _IS_BEFORE if _BEFORE.match(name) else 0
            found |= _NOTIFIES if _NOTIFY.match(name) else 0
            self._kinds[pc] = found
        return found

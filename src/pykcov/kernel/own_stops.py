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
# A stop is told to who traces, and wakes it: no more entries than this.
_MOST = 1000


def without_stops(pcs: Sequence[int], function: Callable[[int], str], begins: bool) -> tuple[int, int]:
    """Return which of the pcs between two stops are not those of the stops: the first, and the one after the last.

    function: the name of the function of a pc. begins: the first stop was that before a system call.
    """
    first, last = 0, len(pcs)
    if begins:
        first = next((index for index in range(min(last, _MOST)) if system_call(function(pcs[index]))), 0)
    while first < last and _BEHIND.match(function(pcs[first])):
        first += 1
    for index in range(last - 1, max(first, last - _MOST) - 1, -1):
        if _NOTIFY.match(function(pcs[index])):
            last = index
            break
    while last > first and _BEFORE.match(function(pcs[last - 1])):
        last -= 1
    return first, last

"""Work for somebody else's device: handles, sections, and the group that work belongs to.

A handle is (subsystem, id). A device that is attached to one (`Device.remote_attach()`) takes the events of every
thread that is in a section of it. With subsystem `REMOTE_COMMON` the id is a group, by default the caller's:

    with pykcov.group():
        device.remote_attach()
        device.enable(pykcov.TRACE_PC)
        executor.submit(work, pykcov.current_group())

    def work(group):
        with pykcov.remote.section(pykcov.REMOTE_COMMON, group):
            ...

Who traces with `pykcov.trace(follow=True)` needs none of that: threads, thread pools and whatever keeps to contexts, as
event loops do, carry the group along. For queues of one's own, carry() ties a job to the group of who puts it there:

    queue.put(pykcov.remote.carry(job))

    with pykcov.remote.carry(queue.get()) as job:
        ...

or a FollowedQueue does that. environment() is for programs that are started in ways which are not followed.

Ids are integers of 0..2**64-1 or groups; what is no such integer is EINVAL, what is no integer a TypeError.
"""

from pykcov._core import REMOTE_COMMON, Carried, Group, carry, current_group, enter, leave, register, unregister
from pykcov.remote import processes as processes  # which brings its carriers
from pykcov.remote.queues import FollowedQueue
from pykcov.remote.sections import group, interrupt, section
from pykcov.remote.subprocesses import environment

__all__ = [
    "REMOTE_COMMON",
    "Carried",
    "FollowedQueue",
    "Group",
    "carry",
    "current_group",
    "enter",
    "environment",
    "group",
    "interrupt",
    "leave",
    "register",
    "section",
    "unregister",
]

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

Ids are integers of 0..2**64-1 or groups; what is no such integer is EINVAL, what is no integer a TypeError.
"""

from pykcov._core import REMOTE_COMMON, Group, current_group, enter, leave, register, unregister
from pykcov.remote.sections import group, interrupt, section

__all__ = [
    "REMOTE_COMMON",
    "Group",
    "current_group",
    "enter",
    "group",
    "interrupt",
    "leave",
    "register",
    "section",
    "unregister",
]

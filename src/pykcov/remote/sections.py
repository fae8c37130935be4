"""Sections, groups and interrupts as `with` blocks."""

from collections.abc import Iterator
from contextlib import contextmanager

from pykcov import _core
from pykcov._core import REMOTE_COMMON, Group


class section:
    """`with section(subsystem, id):` - the calling thread works for the device of this handle, if that traces.

    Sections nest; when one ends, the device of the outer one records again. If the handle is not known, or has no
    device that traces, the section has no effect.
    """

    def __init__(self, subsystem: int = REMOTE_COMMON, id: int | Group | None = None) -> None:
        """Name the handle.

        Args:
            subsystem: an integer; REMOTE_COMMON for groups.
            id: an integer or a Group. None with REMOTE_COMMON is the group that is current now.
        """
        self._subsystem = subsystem
        self._id = _core.current_group() if id is None and subsystem == REMOTE_COMMON else id

    def __enter__(self) -> None:
        """Begin the section.

        Raises:
            InvalidValueError: EINVAL: there can be no such handle.
            NoMemoryError: ENOMEM.
        """
        _core.enter(self._subsystem, self._id)

    def __exit__(self, *unused: object) -> None:
        """End the section."""
        _core.leave(self._subsystem, self._id)


@contextmanager
def group(member: Group | None = None) -> Iterator[Group]:
    """Make `member`, or a new group, the current group for the block, and return it to `as`."""
    if member is None:
        member = Group()
    token = _core.group_variable.set(member)
    _core.follow()
    try:
        yield member
    finally:
        _core.group_variable.reset(token)
        _core.follow()


@contextmanager
def interrupt() -> Iterator[None]:
    """The block interrupts its thread: it is not recorded, unless it enters a section of its own."""
    _core.interrupt_enter()
    try:
        yield
    finally:
        _core.interrupt_leave()

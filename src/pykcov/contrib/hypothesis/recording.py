"""What an example ran and compared, in whatever thread or task."""

import mmap
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from pykcov import _core
from pykcov._core import CMP_BYTES, TRACE_CMP, Counters, Group
from pykcov._exec import Unrecorded
from pykcov._records import records
from pykcov.device import Buffer, Device
from pykcov.opening import open
from pykcov.remote import carriers

_NMEMB = 1 << 15


class Recording:
    """A device of a group of its own. Whoever works for an example works for that group."""

    def __init__(self, compare: bool = True) -> None:
        """Take a device. Raises OSError, as where no descriptor is left. compare: comparisons are recorded, too."""
        self._compare = compare
        self._group = Group()
        self._device = open()
        try:
            self._device.set_buffer_size(_NMEMB)
            self._buffer: Buffer = self._device.mmap()
            self.counters: Counters = self._device.set_counters()
            token = _core.group_variable.set(self._group)
            try:
                self._device.remote_attach(follow=True)
            finally:
                _core.group_variable.reset(token)
            self._device.enable(TRACE_CMP | CMP_BYTES | _core.CMP_SAMPLED)
        except BaseException:
            self._device.close(wait=False)
            raise
        # Not a bytearray: clearing 16 MiB, of which few are touched, takes longer than 20 examples.
        self._seen = memoryview(mmap.mmap(-1, len(self.counters)))
        self._rounds = 0
        carriers.install()
        # Hypothesis does not say when it needs a provider no longer.
        self.close = weakref.finalize(self, _close, self._device, self._group)

    @contextmanager
    def example(self) -> Iterator[None]:
        """Record the block anew."""
        self._buffer.reset()
        self.counters.reset()
        self._rounds = self._rounds % 0xFFFFFFFF + 1
        _core.begin_round(self._rounds if self._compare else 0)
        token = _core.group_variable.set(self._group)
        _core.follow()
        try:
            yield
        finally:
            _core.group_variable.reset(token)
            _core.follow()

    def reached(self) -> int:
        """Return how many places the last example reached, or reached in another order of magnitude, that were new."""
        return self.counters.reach(self._seen)

    def records(self, most: int, closed: set[int]) -> dict[bytes, None]:
        """Return the records of at most so many comparisons of the last example, each once; none of `closed` pcs."""
        return records(self._buffer.words, most, closed)


def is_traced() -> bool:
    """Return whether somebody traces the calling thread already, who would miss what an example runs."""
    return _core.attached() is not None


def _close(device: Device, group: Group) -> None:
    with Unrecorded():
        carriers.remove()
        _core.unregister(_core.REMOTE_COMMON, group, wait=False)
        device.close(wait=False)

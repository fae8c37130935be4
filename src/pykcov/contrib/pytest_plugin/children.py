"""What forked children hand over: pytest-forked runs each test in one."""

import os
from collections.abc import Iterator

from pykcov.coverage.contexts import Ran

_LENGTH_BYTES = 8


class Children:
    """A file in memory, which children inherit and write to."""

    def __init__(self) -> None:
        """Make the file."""
        self._fd = os.memfd_create("pykcov-children")

    def write(self, ran: Ran) -> None:
        """In a child: hand over what ran. One child at a time."""
        data = ran.dumps()
        left = memoryview(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
        os.lseek(self._fd, 0, os.SEEK_END)
        while left:
            left = left[os.write(self._fd, left) :]

    def read(self) -> Iterator[Ran]:
        """Yield what children have handed over since the last time."""
        size = os.fstat(self._fd).st_size
        at = 0
        while at + _LENGTH_BYTES <= size:
            end = at + _LENGTH_BYTES + int.from_bytes(os.pread(self._fd, _LENGTH_BYTES, at), "little")
            if end > size:  # it died while it wrote
                break
            yield Ran.loads(os.pread(self._fd, end - at - _LENGTH_BYTES, at + _LENGTH_BYTES))
            at = end
        if size:
            os.ftruncate(self._fd, 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

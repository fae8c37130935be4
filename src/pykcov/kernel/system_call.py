"""SystemCall: what all calls of one name ran, or compared. Kept small: programs make millions of them."""

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pykcov.kernel.locations import KernelLocator

# Bytes that are gathered before what is there twice is put together.
_GATHERED = 1 << 24


class SystemCall:
    """The calls of one name, and each distinct entry of theirs."""

    def __init__(self, name: str, width: int) -> None:
        """Take a name, and the words of an entry: 1 for pcs, 4 for comparisons."""
        self.name = name
        self.times = 0
        """How many calls there were."""
        self._width = width
        self._new: list[bytes] = []
        self._size = 0
        self._rows: NDArray[np.uint64] | None = None
        self._counts: NDArray[np.int64] | None = None

    def add(self, entries: bytes) -> None:
        """Add entries of one call."""
        self._new.append(entries)
        self._size += len(entries)
        if self._size > _GATHERED:
            self._put_together()

    @property
    def rows(self) -> "NDArray[np.uint64]":
        """The distinct entries, ascending: n rows of 1 or 4 words. The last word is the pc."""
        self._put_together()
        assert self._rows is not None
        return self._rows

    @property
    def counts(self) -> "NDArray[np.int64]":
        """How often each of `rows` was recorded."""
        self._put_together()
        assert self._counts is not None
        return self._counts

    @property
    def pcs(self) -> list[int]:
        """The distinct pcs, ascending."""
        # Not before: see below.
        import numpy as np

        return [int(pc) for pc in np.unique(self.rows[:, -1])]

    def _put_together(self) -> None:
        # Not before: numpy starts threads, and what is forked before that is smaller.
        import numpy as np

        if self._rows is not None and not self._new:
            return
        new = np.frombuffer(b"".join(self._new), "u8").reshape(-1, self._width)
        rows, counts = np.unique(new, axis=0, return_counts=True)
        if self._rows is not None and self._counts is not None:
            both = np.concatenate([self._rows, rows])
            weights = np.concatenate([self._counts, counts])
            rows, inverse = np.unique(both, axis=0, return_inverse=True)
            counts = np.bincount(inverse.reshape(-1), weights, len(rows)).astype("i8")
        self._rows, self._counts, self._new, self._size = rows, counts, [], 0


def calls_in(threads: "Iterable[Iterable[int]]", locator: "KernelLocator") -> list[SystemCall]:
    """Return the system calls among the pcs of threads that ran Python and the kernel, in the order of first calls."""
    # Not before: it takes time.
    from pykcov.kernel.calls import split

    found: dict[str, SystemCall] = {}
    for pcs in threads:
        for call in split(pcs, locator):
            one = found.setdefault(call.name, SystemCall(call.name, 1))
            one.times += 1
            one.add(array("Q", call.pcs).tobytes())
    return list(found.values())

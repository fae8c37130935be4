"""What was recorded, of a device that traces or of one that has stopped."""

from typing import TYPE_CHECKING

from pykcov import _core
from pykcov.device import Buffer
from pykcov.instrument.code import Unrecorded
from pykcov.locations import Location
from pykcov.native.locations import lines_of, symbolize
from pykcov.records import Comparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Results:
    """What a trace has recorded so far: of its buffer, and when that is given up, of a copy of it."""

    def __init__(self, mode: int) -> None:
        """Begin without anything; `mode` is that of the device."""
        self._compares = mode & _core.TRACE_CMP != 0
        self._buffer: Buffer | None = None
        self._words = _NOTHING
        self._lost = 0

    @property
    def pcs(self) -> "NDArray[np.uint64]":
        """The pcs recorded so far, in order; in mode 'unique' each once. Of comparisons, where each was made."""
        with Unrecorded():
            from pykcov import records

            if not self._compares:
                return records.pcs(records.array(self._words))
            import numpy as np

            return np.array([one.pc for one in self.comparisons()], np.uint64)

    def comparisons(self) -> list[Comparison]:
        """Return what was compared so far, in order; nothing in the modes that record which code ran."""
        with Unrecorded():
            from pykcov import records

            return records.comparisons(records.entries(records.array(self._words))) if self._compares else []

    @property
    def dropped(self) -> int:
        """How many entries did not fit into the buffer so far."""
        return self._lost if self._buffer is None else self._buffer.dropped

    def locations(self) -> list[Location]:
        """Return what each of `pcs` stands for, in the same order."""
        with Unrecorded():
            return symbolize(self.pcs)

    def lines(self) -> dict[str, list[int]]:
        """Return the source lines that have run so far: sorted, by file. None if comparisons are recorded instead."""
        with Unrecorded():
            return {} if self._compares else lines_of(self.pcs)

    def raw(self) -> bytes:
        """Return the entries recorded so far as they are in the buffer: 8 bytes a pc, 32 an entry of a comparison."""
        width = 4 if self._compares else 1
        return bytes(self._words[1 : min(1 + width * self._words[0], len(self._words))])

    def _show(self, buffer: Buffer) -> None:
        """Take the results from a buffer from now on."""
        self._buffer = buffer
        self._words = buffer.words

    def _keep(self) -> None:
        """Copy the results: the buffer may be used for something else."""
        if self._buffer is None:
            return
        raw = self.raw()
        count = len(raw) // (32 if self._compares else 8)
        self._lost = self._buffer.dropped
        self._words = memoryview(count.to_bytes(8, "little") + raw).cast("Q")
        self._buffer = None


_NOTHING = memoryview(bytes(8)).cast("Q")

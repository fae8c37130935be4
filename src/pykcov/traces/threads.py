"""What one thread recorded, and the columns of a trace file that hold all threads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pykcov.traces import npz, records
from pykcov.traces.records import COMPARISON_WORDS, Comparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Thread:
    """What one thread recorded."""

    name: str
    ident: int
    """The thread's `threading.get_ident()`; it may have been reused after the thread ended."""
    native_id: int
    """The thread's `threading.get_native_id()`."""
    dropped: int
    """Number of entries that did not fit into the buffer."""
    words: memoryview
    """What it recorded, in 64-bit words, 1 for each pc, or 4 for each entry in the modes of comparisons."""
    compares: bool = False
    """Whether the words are of comparisons."""
    process: int = 0
    """Which of the processes of the trace it belongs to."""

    @cached_property
    def entries(self) -> "NDArray[np.uint64]":
        """The words as a numpy array of type uint64.

        Its shape is (n,), the pcs in the order in which they were recorded; in mode 'unique' each once. In the modes of
        comparisons it is (n, 4), as in docs/comparisons.md.
        """
        flat = records.array(self.words)
        return flat.reshape(-1, COMPARISON_WORDS) if self.compares else flat

    @property
    def pcs(self) -> Sequence[int]:
        """The pc of each event, in order, which are the entries themselves or the places of the comparisons."""
        return self.entries[self._starts[0], 3].tolist() if self.compares else self.words

    @property
    def damage(self) -> str:
        """What is wrong with the first comparison that cannot be read, and those after it; '' if all can be read."""
        return self._starts[1] if self.compares else ""

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.words) // (COMPARISON_WORDS if self.compares else 1)

    def comparisons(self) -> Iterator[Comparison]:
        """Decode the comparisons, one for each of `pcs`."""
        return records.decode(self.entries, self._starts[0]) if self.compares else iter(())

    @cached_property
    def _starts(self) -> "tuple[NDArray[np.int64], str]":
        return records.starts(self.entries)


def columns_of(threads: list[Thread], comparing: bool) -> dict[str, npz.Array]:
    """Return the columns of a trace file, of comparisons or not."""
    lengths = [len(thread) for thread in threads]
    ends = list(accumulate(lengths, initial=0))
    words = memoryview(b"".join(thread.words for thread in threads)).cast("Q")
    return {
        "entries": npz.Array("u8", (ends[-1], COMPARISON_WORDS) if comparing else (ends[-1],), words),
        "thread_name": npz.row("U", [thread.name for thread in threads]),
        "thread_ident": npz.row("u8", [thread.ident for thread in threads]),
        "thread_native_id": npz.row("i8", [thread.native_id for thread in threads]),
        "thread_dropped": npz.row("u8", [thread.dropped for thread in threads]),
        "thread_offset": npz.row("i8", ends[:-1]),
        "thread_length": npz.row("i8", lengths),
        "thread_process": npz.row("i4", [thread.process for thread in threads]),
    }


def from_columns(values: Mapping[str, Sequence[Any]], comparing: bool) -> list[Thread]:
    """Return the threads of a trace file, whose columns were checked."""
    entries = values["entries"]
    assert isinstance(entries, memoryview)
    width = COMPARISON_WORDS if comparing else 1
    rows = [values[f"thread_{name}"] for name in ("name", "ident", "native_id", "dropped", "offset", "length")]
    processes = values.get("thread_process", [0] * len(rows[0]))
    return [
        Thread(name, ident, native_id, dropped, entries[width * offset : width * (offset + length)], comparing, process)
        for name, ident, native_id, dropped, offset, length, process in zip(*rows, processes, strict=True)
    ]

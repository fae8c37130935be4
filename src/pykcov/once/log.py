"""A log of what ran at all in this process: the first hit of each probe, which may vanish then (vanish.py)."""

import os

from pykcov import _core

ENTRIES = 1 << 21
"""Places that a log has room for, unless told otherwise. Only what is used becomes memory."""

_ENTRY_WORDS = 2


def read_log(words: memoryview) -> dict[int, int]:
    """Return the pcs in the words of a log, in the order of their first hits, and the seconds of time() of each."""
    count = min(words[0], room_of(words))
    entries = words[1 : 1 + count * _ENTRY_WORDS].tolist()
    found: dict[int, int] = {}
    for pc, seconds in zip(entries[::2], entries[1::2], strict=True):
        if pc:  # else the process was killed in the middle of it
            found.setdefault(pc, seconds)
    return found


class Log:
    """The first hits of all probes of this process, from its making until close()."""

    def __init__(self, descriptor: int = -1, entries: int = ENTRIES, *, with_children: bool = False) -> None:
        """Write into a file that is large enough, or into memory of its own. DeviceBusyError: too many are open.

        with_children: forked children write into it, too. Otherwise it is closed in them.
        """
        # Not before: what pykcov imports, a traced program finds imported already.
        from mmap import MAP_ANONYMOUS, MAP_SHARED, mmap

        # Not before: who only reads logs needs no rewriter.
        from pykcov.instrument import vanish

        vanish.install()
        flags = MAP_SHARED | (MAP_ANONYMOUS if descriptor == -1 else 0)
        self.is_mapped = descriptor != -1
        """Whether it is written into a file."""
        self._words = memoryview(mmap(descriptor, size_of(entries), flags)).cast("Q")
        self._log: int | None = _core.once_open(self._words)
        self._with_children = with_children
        _open_logs.append(self)

    def grow(self, descriptor: int, entries: int) -> None:
        """Go on in a larger file, which has the same entries already: the same one, for instance."""
        from mmap import MAP_SHARED, mmap  # not before: see above

        if self._log is not None:
            words = memoryview(mmap(descriptor, size_of(entries), MAP_SHARED)).cast("Q")
            _core.once_grow(self._log, words)
            self._words = words

    @property
    def entries(self) -> int:
        """For how many places there is room."""
        return room_of(self._words)

    @property
    def is_full(self) -> bool:
        """Whether there is no room left."""
        return self._words[0] >= self.entries

    def used_words(self) -> memoryview:
        """Return the words so far: what a file of the log would have in it."""
        return self._words[: 1 + _ENTRY_WORDS * min(self._words[0], self.entries)]

    def first_hits(self) -> dict[int, int]:
        """Return the pcs of the places that were reached so far, in order, and the seconds of time() of each."""
        return read_log(self._words)

    def close(self) -> None:
        """Write no more. Twice is once."""
        log, self._log = self._log, None
        if log is not None:
            _open_logs.remove(self)
            _core.once_close(log)


_open_logs: list[Log] = []


def _close_in_child() -> None:
    for log in tuple(_open_logs):
        if not log._with_children:
            log.close()


os.register_at_fork(after_in_child=_close_in_child)


def room_of(words: memoryview) -> int:
    """Return for how many places the words of a log have room."""
    return (len(words) - 1) // _ENTRY_WORDS


def size_of(entries: int) -> int:
    """Return how many bytes a log with room for so many places takes."""
    return 8 * (1 + _ENTRY_WORDS * entries)

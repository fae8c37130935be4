"""Where a traced process notes hand-overs: in a buffer that the process beside it reads, also if it is killed."""

from collections.abc import Iterator
from itertools import count

from pykcov import _core
from pykcov._core import Buffer

ROOM = (_core.BUFFER_WORDS_MAX - 1) // 2
"""Hand-overs of a process; later ones are not kept."""

Noted = tuple[int, int, int, int]
"""As traces/handovers.py has it, but by keys of threads instead of their indices."""


class Log:
    """The writer, which all threads of a process share."""

    def __init__(self, buffer: Buffer) -> None:
        """Begin with an empty buffer of BUFFER_WORDS_MAX words."""
        self._words = buffer.words
        self._numbers = count()

    def append(self, giver: int, given: int, taker: int, taken: int) -> None:
        """Note one; while there is room."""
        number = next(self._numbers)  # of no other thread
        if number < ROOM:
            at = 1 + 2 * number
            self._words[at] = giver << 32 | given
            # The key plus 1: no word of one that is noted is 0.
            self._words[at + 1] = (taker + 1) << 32 | taken


def read(buffer: Buffer) -> Iterator[Noted]:
    """Yield what was noted so far. A thread that was killed, or is at it, leaves a gap."""
    words = buffer.words[1:]
    for at in range(0, 2 * ROOM, 2):
        ours, theirs = words[at], words[at + 1]
        if theirs:
            yield ours >> 32, ours & 0xFFFFFFFF, (theirs >> 32) - 1, theirs & 0xFFFFFFFF


def is_full(buffer: Buffer) -> bool:
    """Return whether there may have been more than is noted."""
    return buffer.words[2 * ROOM] != 0

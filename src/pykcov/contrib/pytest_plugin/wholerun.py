"""Records what runs at all, where nobody asks which test ran it (--pykcov-context=none): probes vanish once hit."""

from array import array
from os import getpid

from pykcov.coverage.contexts import OUTSIDE
from pykcov.once.log import Log

_ended: list["WholeRun"] = []
"""Those whose session has ended: all but the last are closed."""


class WholeRun:
    """What the plugin needs of a Recorder, but with one context, which goes on until the interpreter ends.

    Children that are forked write into the same log, as they write into the buffers of a Recorder.
    """

    def __init__(self) -> None:
        """Begin."""
        while _ended:
            _ended.pop().end()
        self._log = Log(with_children=True)
        self._pid = getpid()
        self._told: set[int] = set()
        self.cut_off: dict[str, list[str]] = {}
        """Nothing: what threads run after a test is in the same context."""

    @property
    def in_child(self) -> bool:
        """Whether this is a forked copy of the process that records."""
        return getpid() != self._pid

    @property
    def pcs(self) -> dict[str, dict[bytes, None]]:
        """What ran since the last time: a set of pcs, 8 bytes each."""
        pcs = [pc for pc in self._log.first_hits() if pc not in self._told]
        self._told.update(pcs)
        return {OUTSIDE: {array("Q", pcs).tobytes(): None}}

    @property
    def dropped(self) -> dict[str, int]:
        """Whether there were more places than the log has room for: by how many is not known."""
        return {OUTSIDE: 1} if self._log.is_full else {}

    def forget(self) -> None:
        """In a forked child: what the parent has recorded is the parent's."""
        self._log.close()
        self._log = Log(with_children=True)
        self._told = set()

    def keep(self) -> None:
        """Do nothing: what is recorded is in the log."""

    def begin_exit(self) -> None:
        """Go on: the end of the interpreter is in the same context."""
        _ended.append(self)

    def close(self) -> None:
        """End, unless the session has come to its end, and that of the interpreter is recorded. Idempotent."""
        if self not in _ended:
            self.end()

    def end(self) -> None:
        """End. Idempotent."""
        self._log.close()

    def at_exit(self) -> tuple[str, bytes] | None:
        """Return the context of what ran since the last time, and its pcs; None for nothing."""
        ((name, sets),) = self.pcs.items()
        (pcs,) = sets
        return (name, pcs) if pcs else None

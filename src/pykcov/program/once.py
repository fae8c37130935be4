"""Mode once: one log for all threads of a process, in the place of a device for each."""

import os

from pykcov.once.log import ENTRIES, Log, size_of
from pykcov.program.channel import Sender


class AllThreads:
    """The log of this process. Its descriptor goes to the parent, which reads it whatever becomes of the process."""

    def __init__(self, sender: Sender) -> None:
        """Begin with nothing."""
        self._sender = sender

    def begin(self) -> None:
        """Record all threads of this process; in a forked child once more."""
        try:
            descriptor = os.memfd_create("pykcov-once", os.MFD_CLOEXEC)
            try:
                os.ftruncate(descriptor, size_of(ENTRIES))
                # First to the parent: nothing is recorded that nobody could read.
                if self._sender.send(("once",), descriptor):
                    Log(descriptor)
            finally:
                os.close(descriptor)
        except Exception as error:  # say it in the summary, not in the middle of the program's output
            self._sender.send(("untraced", "all threads", str(error)))

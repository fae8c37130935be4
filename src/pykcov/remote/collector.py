"""The garbage collector barges in on whoever allocates: its callbacks and the finalisers it runs are interrupts."""

import gc

from pykcov import _core


def install() -> None:
    """Take what runs within a collection out of all traces."""
    gc.callbacks.insert(0, _begin)
    gc.callbacks.append(_end)


def remove() -> None:
    """Undo install()."""
    for ours in (_begin, _end):
        if ours in gc.callbacks:
            gc.callbacks.remove(ours)


def _begin(phase: str, info: dict[str, int]) -> None:
    global _interrupted
    if phase != "start":
        return
    if gc.callbacks[-1] is not _end and _end in gc.callbacks:
        gc.callbacks.remove(_end)
        gc.callbacks.append(_end)
    _interrupted = True
    _core.interrupt_enter()


def _end(phase: str, info: dict[str, int]) -> None:
    global _interrupted
    if phase == "stop" and _interrupted:
        _interrupted = False
        _core.interrupt_leave()


# Only one collection runs at a time.
_interrupted = False

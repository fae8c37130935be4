"""The garbage collector barges in on whoever allocates: its callbacks and the finalisers it runs are interrupts."""

import gc

from pykcov import _core


def install() -> None:
    """Take what runs within a collection out of all traces."""
    gc.callbacks.insert(0, _begin)
    if _end not in gc.callbacks:
        gc.callbacks.append(_end)


def remove() -> None:
    """Undo install(): at once, or if a finaliser does this, at the end of the collection that it belongs to."""
    gc.callbacks.remove(_begin)
    if not _interrupted:
        gc.callbacks.remove(_end)


def _begin(phase: str, info: dict[str, int]) -> None:
    global _interrupted
    if phase != "start":
        return
    if gc.callbacks[-1] is not _end:
        gc.callbacks.remove(_end)
        gc.callbacks.append(_end)
    _interrupted = True
    _core.interrupt_enter()


def _end(phase: str, info: dict[str, int]) -> None:
    global _interrupted
    if phase == "stop" and _interrupted:
        _interrupted = False
        _core.interrupt_leave()
        if _begin not in gc.callbacks:
            gc.callbacks.remove(_end)


# Only one collection runs at a time.
_interrupted = False

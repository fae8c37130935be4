"""The collector barges in on whoever allocates: what it runs then, such as finalisers, works for a group of its own.

A collection that the program asks for, by gc.collect(), does not barge in: the core tells them apart
(core/python/collections.c).
"""

import gc
from contextlib import suppress

from pykcov import _core


def install() -> None:
    """Have what runs within a collection work for whom it should."""
    gc.callbacks.insert(0, _begin)
    if _end not in gc.callbacks:
        gc.callbacks.append(_end)


def remove() -> None:
    """Undo install(): at once, or if a finaliser does this, at the end of the collection that it belongs to."""
    _take_away(_begin)
    settle()
    if not _barges_in:
        _take_away(_end)


def settle() -> None:
    """End the collection that barged in on the calling thread, if it is over and nobody has told us.

    So it is if the program has emptied the list of callbacks within it.
    """
    global _barges_in
    if _barges_in and _is_over():
        _barges_in = False
        _core.collection_end()


def _is_over() -> bool:
    told: list[str] = []

    def note(phase: str, info: dict[str, int]) -> None:
        told.append(phase)

    gc.callbacks.append(note)
    gc.collect(0)  # which does nothing within another one
    _take_away(note)
    return bool(told)


def _begin(phase: str, info: dict[str, int]) -> None:
    global _barges_in
    if phase != "start":
        return
    if gc.callbacks[-1] is not _end:
        _take_away(_end)
        gc.callbacks.append(_end)
    _barges_in = _core.collection_begin()


def _end(phase: str, info: dict[str, int]) -> None:
    global _barges_in
    if phase == "stop" and _barges_in:
        _barges_in = False
        _core.collection_end()
        if _begin not in gc.callbacks:
            _take_away(_end)


def _take_away(callback: object) -> None:
    with suppress(ValueError):  # the program has emptied the list
        gc.callbacks.remove(callback)  # type: ignore[arg-type]


# Only one collection runs at a time.
_barges_in = False

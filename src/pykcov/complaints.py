"""What is to be said of a trace that lost something, or could see nothing."""

from pykcov import _core
from pykcov.counted import counted
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.selection import Selection


def full(dropped: int, nmemb: int) -> list[str]:
    """Return what is to be said of a buffer that was full."""
    if not dropped:
        return []
    return [
        f"the buffer of {nmemb} words was full: {counted(dropped, 'entry was', 'entries were')} dropped. Trace less, "
        f"or in mode 'unique', or with a larger nmemb (at most {_core.BUFFER_WORDS_MAX})"
    ]


def complaints(hook: ImportHook, functions: int, selection: Selection) -> list[str]:
    """Return what is to be said of a hook that found nothing to instrument."""
    unmatched = hook.unmatched()
    if unmatched:
        return [f"include: no module is named {', '.join(map(repr, unmatched))}"]
    if functions or hook.modules:
        return []
    if selection.names_main:
        return [
            "nothing could be traced: __main__ has no Python function. Code that stands in the block itself, at the "
            "prompt or in a cell of a notebook, is running already when the trace begins: put it into a function, and "
            "call that"
        ]
    return [
        f"nothing could be traced: there is no Python function in {selection}, and none was imported. "
        "Name modules in include, folders in source, or set stdlib=True. Code that is running already when "
        "the trace begins is not seen: put it into a function"
    ]

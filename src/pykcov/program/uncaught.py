"""Makes the interpreter print an uncaught exception of the program without our frames."""

import sys
from types import FrameType, TracebackType

_MISSING = object()


def hide_frames(files: frozenset[str]) -> None:
    """Have sys.excepthook called once with a traceback without frames of code in `files`.

    The exception then goes on to the interpreter, which does what it does without us: audit, SystemExit of a hook,
    death by SIGINT after KeyboardInterrupt. To be called when no code of the program will run before the hook.
    """
    hook = sys.__dict__.get("excepthook", _MISSING)

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if hook is _MISSING:
            del sys.excepthook
        else:
            sys.excepthook = hook
        traceback = without_frames(traceback, files)
        error.__traceback__ = sys.last_traceback = traceback
        if hook is _MISSING:
            _write("sys.excepthook is missing\n")
            sys.__excepthook__(kind, error, traceback)
            return
        try:
            hook(kind, error, traceback)
        except SystemExit:
            raise
        except BaseException as second:
            # As the interpreter says it; were it to go on to the interpreter, this frame would show.
            _write("Error in sys.excepthook:\n")
            second.__traceback__ = without_frames(second.__traceback__, files | {__file__})
            sys.__excepthook__(type(second), second, second.__traceback__)
            _write("\nOriginal exception was:\n")
            sys.__excepthook__(kind, error, traceback)

    sys.excepthook = excepthook


def without_frames(traceback: TracebackType | None, files: frozenset[str]) -> TracebackType | None:
    """Return a traceback without the entries of code in `files`; the others are changed in place."""
    kept = [entry for entry in _entries(traceback) if not _is_in(entry.tb_frame, files)]
    for entry, following in zip(kept, [*kept[1:], None], strict=True):
        entry.tb_next = following
    return kept[0] if kept else None


def _entries(traceback: TracebackType | None) -> list[TracebackType]:
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    return entries


def _is_in(frame: FrameType, files: frozenset[str]) -> bool:
    return frame.f_code.co_filename in files


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)

"""Names a finding by its stack: two inputs that fail at the same place in the same way are one finding."""

import os
import re
import sys
import traceback
from _blake2 import blake2b  # hashlib would load OpenSSL
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

_FRAMES = 3
"""The innermost that count, as in the tokens of sanitizers."""

# What frames say, which in a packaged target is not where a file lies.
OURS = os.path.dirname(os.path.dirname((lambda: None).__code__.co_filename)) + os.sep


class Frame(NamedTuple):
    """A call on a stack."""

    module: str
    function: str
    file: str
    line: int

    @property
    def name(self) -> str:
        """What goes into a token: no line, as lines move when code is changed elsewhere."""
        return f"{self.module}.{self.function}" if self.module else self.function


def _is_ours(file: str) -> bool:
    return file.startswith((OURS, "<frozen runpy>"))


def frames_of(error: BaseException) -> list[Frame]:
    """Return the calls of a traceback, the innermost last, without those of pykcov."""
    frames = []
    entry: TracebackType | None = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        module = entry.tb_frame.f_globals.get("__name__")
        module = module if isinstance(module, str) else ""
        if not _is_ours(code.co_filename):
            frames.append(Frame(module, code.co_qualname, code.co_filename, entry.tb_lineno))
        entry = entry.tb_next
    return frames


_DUMPED = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')


def frames_of_dump(dump: str) -> list[Frame]:
    """Return the calls of the thread that crashed from what faulthandler wrote: of the target, the innermost last."""
    if "Current thread" not in dump and "Stack (most recent" not in dump:
        # Another thread has written it. The one that fuzzes is the oldest, and comes last.
        begin = dump.rfind("Thread 0x")
        dump = f"Current thread{dump[begin:]}" if begin >= 0 else ""
    frames: list[Frame] = []
    current = False
    for line in dump.splitlines():
        if line.startswith(("Current thread", "Thread", "Stack (most recent call first)")):
            if current:
                break
            current = not line.startswith("Thread")
        elif current and (match := _DUMPED.match(line)):
            file = match["file"]
            if _is_ours(file):
                break  # behind it is who called us
            module = file.rpartition("/")[2].removesuffix(".py")
            frames.append(Frame(module, match["function"], file, int(match["line"])))
    return frames[::-1]


def _calls_tests(frame: Frame) -> bool:
    """Whether it is Hypothesis that calls the test here: that tells nothing of a finding."""
    # Its module for the signature of a test has a hash in its name.
    return f"{os.sep}hypothesis{os.sep}" in frame.file or frame.module.startswith("hypothesis_temporary_module_")


def token_of(kind: str, frames: Sequence[Frame]) -> str:
    """Return what two findings of the same making have in common: the kind, and the innermost functions."""
    frames = [frame for frame in frames if not _calls_tests(frame)] or frames
    if kind.endswith("RecursionError"):
        # Where the limit is reached is chance: what goes round is not.
        counts = Counter(frame.name for frame in frames)
        often = [name for name, count in counts.items() if count > len(frames) // 20] or list(counts)
        names = sorted(often)[:_FRAMES]
    else:
        names = [frame.name for frame in frames[: -_FRAMES - 1 : -1]]
    return "--".join([kind, *names])


def folder_name(token: str) -> str:
    """Return a short name for a file system: words that can be read, and a hash that tells tokens apart."""
    words = "-".join(re.sub(r"[^A-Za-z0-9_]+", "_", part).strip("_") for part in token.split("--")[:2])
    return f"{words[:60]}-{blake2b(token.encode('utf-8', 'backslashreplace'), digest_size=4).hexdigest()}"


def kind_of(error: BaseException) -> str:
    """Return the name of an exception's class, with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def report_of(error: BaseException) -> str:
    """Return the traceback as text, without the calls of pykcov; with its groups, notes and causes."""
    text = traceback.TracebackException.from_exception(error, lookup_lines=False)
    seen: dict[int, traceback.TracebackException] = {}
    pending: list[traceback.TracebackException] = [text]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        one.stack[:] = [frame for frame in one.stack if not _is_ours(frame.filename)]
        others = (one.__cause__, one.__context__, *(one.exceptions or ()))
        pending += [other for other in others if other is not None]
    try:
        try:
            return "".join(text.format())
        except OSError:  # no file can be opened: from 3.13.1 on, linecache needs one before it looks for lines
            for one in seen.values():
                one.stack[:] = [_without_line(frame) for frame in one.stack]
            return "".join(text.format())
    except Exception as failed:  # the exception's own __str__, or a cycle
        return f"{kind_of(error)}: its text cannot be had: {type(failed).__name__}\n"


def _without_line(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    return traceback.FrameSummary(frame.filename, frame.lineno, frame.name, line="")


def write_error(text: str) -> None:
    """Write to what is standard error at this moment, whatever characters the text has."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode("ascii"))
    except (OSError, ValueError):
        return
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        return

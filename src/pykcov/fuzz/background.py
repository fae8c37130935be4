"""Exceptions that do not come out of the target: in threads, tasks nobody awaits, finalisers, callbacks of C, forked
children, and results that nobody asks for.

Python tells each of them to a hook of its own, most of which print and go on. The hooks here stand before those of the
program, note what belongs to an input, by its group, and let the program's go on. What belongs to no input, or is to be
no finding, is printed once; so is what is a finding already.
"""

import gc
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov.fuzz import roads
from pykcov.fuzz.jobs import is_open
from pykcov.fuzz.stacks import frames_of, kind_of, report_of, token_of, write_error

_GROUPS_LEFT = 256
"""Inputs of which it is known that something they have started goes on."""

_SECONDS = 2
"""For what an input has started to end."""

_ENDINGS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Failure(NamedTuple):
    """An exception that nobody has caught."""

    kind: str
    token: str
    report: str
    group: int
    """The number of the group that it happened in, which stands for an input."""
    sure: bool
    """Whether it happened because of that group: a collection of garbage finds what others have left behind."""
    error: BaseException | None
    """None: it happened in another process."""


class Background:
    """The hooks, and what they have noted. One in a process."""

    def __init__(self, *, findings: bool = True, once: bool = False) -> None:
        """Begin with nothing noted.

        findings: False: nothing belongs to an input.
        once: what belongs to no input is printed once, not each time.
        """
        self._findings = findings
        self._once = once
        self._active = self._collecting = False
        self.failures: list[Failure] = []
        """What was noted and not taken yet; the engine looks at it after each input."""
        self._seen: set[str] = set()
        self._printed: set[str] = set()
        self._current = 0
        self._left: dict[int, bytes] = {}
        self.process = os.getpid()
        self._from_children = os.memfd_create("pykcov-background")
        self._status = os.fstat(self._from_children)
        self._read = 0
        self.told_by_child: Callable[[], object] = lambda: None
        """Called in a child process when there is something that its parent may take."""
        self._roads = roads.Roads(self)

    def install(self, *, audit: bool = False) -> None:
        """Put the hooks before those of the program, in what it imports later, too.

        audit: see to it that it cannot take that of sys.unraisablehook away; there is no way back.
        """
        self._active = True
        self._roads.install()
        if audit:
            self._roads.audit()

    def remove(self) -> None:
        """Undo install(), as far as that can be done: what is left does nothing."""
        self._active = False
        self._roads.remove()

    @property
    def hook(self) -> object:
        """What sys.unraisablehook is to be."""
        return self._roads.hook

    def renew(self) -> None:
        """Stand before the program's sys.unraisablehook, which it has set meanwhile."""
        self._roads.renew()

    def renew_process(self) -> None:
        """Take what happens in the calling process, which was forked, for its own."""
        self.process = os.getpid()

    def begin(self, group: int, left: int = 0, data: bytes = b"") -> None:
        """Take what happens in a group for what the present input has caused.

        left: the group of inputs before, the last of which, `data`, has left something that goes on.
        """
        self._current = group
        if left:
            self._left[left] = data
            if len(self._left) > _GROUPS_LEFT:
                del self._left[next(iter(self._left))]

    def input_of(self, failure: Failure, present: bytes) -> bytes:
        """Return the input that something belongs to. KeyError: it is not known any more."""
        return present if failure.group == self._current else self._left[failure.group]

    def forget(self, token: str) -> None:
        """Note it if it comes again: it could not be told which input it belongs to."""
        self._seen.discard(token)

    def take(self) -> list[Failure]:
        """Return what was noted since this was called last, here and in forked children."""
        taken = self.failures[:]
        del self.failures[: len(taken)]
        told = b""
        if is_open(self._from_children, self._status):
            told = os.pread(self._from_children, 1 << 24, self._read)
        told = told[: told.rfind(b"\n") + 1]
        self._read += len(told)
        for line in told.splitlines():
            failure = Failure._make([*json.loads(line), None])
            if failure.token not in self._seen:
                self._seen.add(failure.token)
                taken.append(failure)
        return taken

    def note(self, error: BaseException, where: str, group: int | None = None, sure: bool = True) -> bool:
        """Take note of an exception. Return whether whoever prints it by default need not do so.

        group: the number of the one that it belongs to; None: the caller's.
        """
        if not self._active or isinstance(error, _ENDINGS):
            return False
        if self._collecting:
            group, sure = self._current, True
        elif group is None:
            # A collection that barges in works for a group of its own, whoever has left what it finds.
            group = _core.current_group().number if sure else self._current
        kind = kind_of(error)
        token = token_of(kind, frames_of(error))
        if not self._findings or (group != self._current and group not in self._left):
            return self.is_printed(token)
        if token in self._seen:
            return True
        self._seen.add(token)
        failure = Failure(kind, token, f"{where}:\n{report_of(error)}", group, sure, error)
        if os.getpid() == self.process:
            self.failures.append(failure)
        else:
            self._tell_parent(failure)
        return True

    def run(self, target: Callable[[bytes], object], data: bytes) -> tuple[BaseException | None, list[Failure]]:
        """Run an input for a group of its own; return what the target raised, and what happened behind its back.

        Waits for what the input has started, but not for long.
        """
        with Unrecorded():
            gc.collect()  # of what others have left
        group = _core.Group()
        before, noted = (self._current, self._seen), self.failures[:]
        self._current, self._seen = group.number, set()
        self.failures.clear()
        children = _children()
        raised = None
        token = _core.group_variable.set(group)
        try:
            target(data)
        except BaseException as error:
            raised = error
        finally:
            _core.group_variable.reset(token)
        if os.getpid() != self.process:
            return raised, []
        with Unrecorded():
            _wait(lambda: not group.pending and _children() <= children)
            self.collect(2)
            found = [failure for failure in self.take() if failure.group == group.number]
        self.failures[:] = noted
        self._current, self._seen = before
        return raised, found

    def collect(self, generation: int = 1) -> None:
        """Collect garbage; take what that brings about for what the present input has left."""
        with Unrecorded():
            self._collecting = True
            gc.collect(generation)
            self._collecting = False

    def note_child(self, raised: BaseException | None) -> NoReturn:
        """End a forked child that has come back from the target, as Python ends one; tell its parent why."""
        code: object = 0
        if isinstance(raised, SystemExit):
            code = raised.code
        elif raised is not None:
            self.note(raised, "Exception in a forked child", self._current)
            code = 1
        os._exit(code if isinstance(code, int) else int(code is not None))

    @contextmanager
    def carried(self) -> Iterator[None]:
        """Have threads and jobs work for the group of who starts them, also those of modules imported meanwhile."""
        # Not before: reproduce.py and replays need none of it.
        from pykcov.instrument.imports import ImportHook
        from pykcov.instrument.selection import Selection
        from pykcov.remote import carriers

        with ImportHook(Selection(exclude=("*",), own=False), "branch"):
            carriers.install()
            try:
                yield
            finally:
                carriers.remove()

    def is_printed(self, words: str) -> bool:
        """Return whether something was printed before and need not be again; it is printed now."""
        if self._active and self._once and words in self._printed:
            return True
        self._printed.add(words)
        return False

    def _tell_parent(self, failure: Failure) -> None:
        line = json.dumps(failure[:-1]).encode() + b"\n"
        if not is_open(self._from_children, self._status):
            write_error(failure.report)
            return
        try:
            # A descriptor of its own, as the offset of this one is everybody's.
            descriptor = os.open(f"/proc/self/fd/{self._from_children}", os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError:
            write_error(failure.report)
        self.told_by_child()


_of_tests: Background | None = None


def replay(test: Callable[[], object]) -> object:
    """Run a test; raise what it raises, else what was first raised by what it has started. Return what it returns."""
    global _of_tests
    _of_tests = _of_tests or Background()
    result: list[object] = []
    _of_tests.install()
    try:
        with _of_tests.carried():
            raised, failures = _of_tests.run(lambda _: result.append(test()), b"")
    finally:
        _of_tests.remove()
    if os.getpid() != _of_tests.process:
        _of_tests.note_child(raised)
    if raised is not None:
        raise raised
    for failure in failures:
        raise failure.error or BackgroundError(f"{failure.kind} in another process: {failure.report}")
    return result[0]


class BackgroundError(Exception):
    """Something that a test has started has raised an exception, in another process: its traceback."""


def _children() -> set[str]:
    """Return the processes that this one has started and not waited for."""
    found: set[str] = set()
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                found.update(file.read().split())
        except OSError:
            continue  # it has ended
    return found


def _wait(done: Callable[[], bool]) -> None:
    from time import monotonic, sleep  # not needed where nothing is run again

    deadline = monotonic() + _SECONDS
    while not done() and monotonic() < deadline:
        sleep(0.005)

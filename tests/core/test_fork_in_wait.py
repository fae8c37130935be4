"""A Python signal handler runs while an operation waits, and forks: the child neither waits nor crashes."""

import contextvars
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

import pykcov
from pykcov import _core, remote

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of fork() with threads
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

HANDLE = (7, 1)


class Worker:
    """A thread that is in a section, or follows a group, until it may go."""

    def __init__(self, enter: Callable[[], object]) -> None:
        self.inside, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=[enter])
        self._thread.start()
        self.inside.wait()

    def _run(self, enter: Callable[[], object]) -> None:
        enter()
        self.inside.set()
        self._go.wait()

    def let_go(self) -> None:
        self._go.set()
        self._thread.join()


@pytest.fixture
def traced(device: pykcov.Device) -> Iterator[pykcov.Device]:
    remote.register(*HANDLE)
    device.remote_attach(*HANDLE)
    device.enable()
    yield device
    remote.unregister(*HANDLE)


def fork_while(wait: Callable[[], object], worker: Worker, outcome: str, check: Callable[[], bool]) -> None:
    """Call `wait`, which waits for `worker`, and fork in the middle; both processes see what they should."""

    class Alarm(Exception):
        pass

    children = []

    def ring(*_: object) -> None:
        assert _core.sleepers() == 1
        child = os.fork()
        children.append(child)
        if child:
            threading.Thread(target=worker.let_go).start()
            return
        signal.alarm(10)  # a child that hangs ends by this
        if outcome == "exits":
            os._exit(0 if _core.sleepers() == 0 else 1)
        if outcome == "raises":
            raise Alarm
        if outcome == "forks again":
            grandchild = os.fork()
            if grandchild:
                os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) & 0xFF)

    before = signal.signal(signal.SIGALRM, ring)
    raised = False
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            wait()
        except Alarm:
            raised = True
        except BaseException:
            if children == [0]:
                os._exit(3)
            raise
        if 0 in children:  # the child, or its child
            os._exit(0 if raised == (outcome == "raises") and _core.sleepers() == 0 and check() else 2)
    finally:
        signal.signal(signal.SIGALRM, before)
    worker.let_go()
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
    assert not raised
    assert _core.sleepers() == 0
    assert check()


OUTCOMES = ["returns", "raises", "exits", "forks again"]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("operation", ["disable", "close", "unregister", "register", "unregister twice"])
def test_a_wait_for_a_section(traced: pykcov.Device, operation: str, outcome: str) -> None:
    worker = Worker(lambda: _core.enter(*HANDLE))
    if operation in ("register", "unregister twice"):
        remote.unregister(*HANDLE, wait=False)
    calls: dict[str, Callable[[], None]] = {
        "disable": traced.disable,
        "close": traced.close,
        "unregister": lambda: remote.unregister(*HANDLE),
        "unregister twice": lambda: remote.unregister(*HANDLE),
        "register": lambda: remote.register(*HANDLE),
    }
    state = "closed" if operation == "close" else "ready"
    # In the child too: the sections of threads that are not there are left.
    fork_while(calls[operation], worker, outcome, lambda: traced.state == state)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_wait_for_the_end_of_a_handle(device: pykcov.Device, outcome: str) -> None:
    with pykcov.group() as group:
        first = pykcov.open()
        first.set_buffer_size(8)
        first.remote_attach()
        first.enable()
        worker = Worker(lambda: _core.enter(pykcov.REMOTE_COMMON, group))
        first.close(wait=False)
        attached = (pykcov.REMOTE_COMMON, group.number, True)
        given_up = None if outcome == "raises" else attached
        fork_while(device.remote_attach, worker, outcome, lambda: device.handle in (attached, given_up))


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("operation", ["disable", "close", "unregister"])
def test_a_wait_for_a_thread_that_follows(device: pykcov.Device, operation: str, outcome: str) -> None:
    with pykcov.group() as group:
        device.remote_attach(follow=True)
    device.enable()
    context = contextvars.Context()
    context.run(_core.group_variable.set, group)
    worker = Worker(lambda: context.run(_core.follow))
    calls: dict[str, Callable[[], None]] = {
        "disable": device.disable,
        "close": device.close,
        "unregister": lambda: remote.unregister(pykcov.REMOTE_COMMON, group),
    }
    state = "closed" if operation == "close" else "ready"
    fork_while(calls[operation], worker, outcome, lambda: device.state == state)


def test_two_waits_of_one_thread_one_in_the_handler_of_the_other(traced: pykcov.Device) -> None:
    """The handler closes the device while disable() waits, and forks in the middle of that."""
    worker = Worker(lambda: _core.enter(*HANDLE))
    rung = []

    def ring(*_: object) -> None:
        rung.append(1)
        if len(rung) == 1:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            traced.close()
            return
        child = os.fork()
        rung.append(child)
        if child:
            threading.Thread(target=worker.let_go).start()
        else:
            signal.alarm(10)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        traced.disable()
        if rung[-1] == 0:
            os._exit(0 if traced.state == "closed" and _core.sleepers() == 0 else 2)
    finally:
        signal.signal(signal.SIGALRM, before)
    worker.let_go()
    assert os.waitstatus_to_exitcode(os.waitpid(rung[-1], 0)[1]) == 0
    assert (traced.state, _core.sleepers()) == ("closed", 0)

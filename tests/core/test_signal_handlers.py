"""Events in native signal handlers, at thousands of points of what the core, and Python, do.

`stepping.c` has the processor stop after each instruction, and makes an event in the handler of that signal. So an
event that took a lock, or memory, would meet the moment at which its thread has the lock: it would hang.
"""

import contextvars
import ctypes
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pykcov
from pykcov import _core, remote

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="single steps are those of x86-64"),
]

HERE = Path(__file__)
EVENTS = {"pc": 0, "native pc": 1, "cmp": 2, "interrupt": 3}
MODES = {
    "pc": pykcov.TRACE_PC,
    "native pc": pykcov.TRACE_UNIQUE_PC,
    "cmp": pykcov.TRACE_CMP,
    "interrupt": pykcov.TRACE_PC,
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("stepping") / "stepping.so"
    source = HERE.with_name("stepping.c")
    flags = ["-O1", "-mno-red-zone", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    command = ["cc", *flags, f"-I{pykcov.get_include()}", "-o", str(library), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return library


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("arrangement", ["own", "remote", "follow", "lent"])
def test_an_event_may_come_at_any_instruction(library: Path, arrangement: str, event: str) -> None:
    # In a process of its own: what hangs holds the GIL.
    command = [sys.executable, str(HERE), str(library), arrangement, event]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000


class Steps:
    """Calls things, with events at any instruction."""

    def __init__(self, library: str, event: str) -> None:
        self.library = ctypes.PyDLL(library)  # keeps the GIL
        self.without_the_gil = ctypes.CDLL(library)
        self.event = EVENTS[event]
        self.count = 0

    def over(self, call: Callable[[], object]) -> None:
        self.library.step_begin(self.event)
        try:
            call()
        finally:
            self.count += self.library.step_end()


def prepare(arrangement: str) -> tuple[pykcov.Device, pykcov.Device, pykcov.Group]:
    """Return a device of an arrangement, the one that has its buffer, and the group that is worked for."""
    group = pykcov.Group()
    first = device = pykcov.open()
    first.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
    if arrangement == "lent":
        device = pykcov.Device.borrow(first.fileno())
    if arrangement != "own":
        with pykcov.group(group):
            device.remote_attach(follow=arrangement in ("follow", "lent"))
    return device, first, group


def work(steps: Steps, device: pykcov.Device, group: pykcov.Group) -> None:
    """Do what threads that are traced do."""
    context = contextvars.Context()
    context.run(_core.group_variable.set, group)
    job = context.run(remote.carry, lambda: _core.record_pc(7))
    steps.over(lambda: context.run(int))
    steps.over(job)
    with pykcov.group(group):
        steps.over(lambda: _core.record_pc(7))
        steps.over(lambda: (_core.enter(), _core.leave()))
    steps.over(lambda: pykcov.halt(False))


def others(steps: Steps, group: pykcov.Group) -> None:
    """Do with other devices and handles all that there is."""

    def life() -> None:
        with pykcov.open() as other:
            other.set_buffer_size(10)
            other.mmap().reset()
            remote.register(7, 1)
            other.remote_attach(7, 1)
            other.enable(pykcov.TRACE_PC)
            _core.enter(7, 1)
            _core.leave(7, 1)
            other.disable()
            remote.unregister(7, 1)

    steps.over(life)
    steps.over(lambda: pykcov.Group() == pykcov.current_group())
    native = steps.without_the_gil
    key = ctypes.c_uint64(0), ctypes.c_uint64(group.number), 1
    steps.count += native.step_through_a_section(steps.event, *key)


def main(library: str, arrangement: str, event: str) -> None:
    steps = Steps(library, event)
    mode = MODES[event]
    device, first, group = prepare(arrangement)
    buffer = first.mmap()
    if mode == pykcov.TRACE_UNIQUE_PC:
        device.set_counters()
    if event == "pc" and arrangement == "own":  # a thread has one device
        others(steps, group)
    steps.over(lambda: device.enable(mode))
    work(steps, device, group)
    if event == "pc" and arrangement != "own":
        others(steps, group)
    steps.over(device.disable)
    if event == "pc":
        assert device.dropped == 0
        found = buffer.pcs().tolist()
        assert set(found) <= {7, 0x1234}
        # Native code twice, in a section of its own; Python twice, where contexts are followed.
        assert found.count(7) == {"own": 2, "remote": 2, "follow": 4, "lent": 4}[arrangement]
    device.close()
    first.close()
    print(steps.count)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Fuzz a driver of the kernel from Python: sequences of its calls, kept when they run kernel code that none before did.

    tools/kernel_tests.py --exec .venv/bin/python examples/fuzz_kernel.py

Hypothesis says what a call is and how a sequence of them is changed; the kernel's kcov device tells which sequences
reached something new, and those are changed further. The driver is tests/kernel/guest/module/pykcov_mailbox.c, which
forgets to take a reference after five calls in the right order. The kernel complains in its log when it is used, and
all that is not needed for that is taken away from the sequence.
"""

import fcntl
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pykcov

NODE = "/dev/pykcov_mailbox"
# _IO('M', n)
REQUESTS = {"create": 0x4D01, "post": 0x4D02, "seal": 0x4D03, "copy": 0x4D04, "drop": 0x4D05}

slot = st.integers(0, 3)
calls = st.one_of(
    st.tuples(st.just("create"), slot),
    st.tuples(st.just("post"), st.integers(0, 256)),
    st.tuples(st.just("seal"), st.just(0)),
    st.tuples(st.just("copy"), st.builds(lambda source, target: source << 8 | target, slot, slot)),
    st.tuples(st.just("drop"), slot),
)
Call = tuple[str, int]


class Kernel:
    """The device, what was reached so far, and the kernel's log."""

    def __init__(self) -> None:
        """Open both."""
        self.device = pykcov.open("linux")
        self.device.set_buffer_size(1 << 16)
        self.buffer = self.device.mmap()
        self.reached: set[int] = set()
        self.new = False
        """Whether the last sequence reached something that none before did."""
        self.log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.log, 0, os.SEEK_END)

    def run(self, sequence: list[Call]) -> None:
        """Make the calls; AssertionError if the kernel complains."""
        with self._traced():
            box = os.open(NODE, os.O_RDWR)
            for name, argument in sequence:
                with suppress(OSError):  # a refusal is behaviour, too
                    fcntl.ioctl(box, REQUESTS[name], argument)
            os.close(box)
        pcs = set(self.buffer.pcs().tolist())
        self.new = not pcs <= self.reached
        self.reached |= pcs
        complaints = [line for line in self._lines() if "refcount_t" in line or "BUG:" in line]
        if complaints:
            with open("/sys/kernel/debug/clear_warn_once", "w") as once:
                once.write("1")  # else it would not complain of this a second time
        assert not complaints, complaints[0]

    @contextmanager
    def _traced(self) -> Iterator[None]:
        self.buffer.reset()
        self.device.enable(pykcov.TRACE_PC)
        try:
            yield
        finally:
            self.device.disable()

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                yield os.read(self.log, 8192).decode(errors="replace").partition(";")[2].partition("\n")[0]
            except BlockingIOError:
                return


def changed(sequence: list[Call], edits: list[tuple[int, Call | None]]) -> list[Call]:
    """Insert calls, and take away those that are None in an edit."""
    result = list(sequence)
    for at, call in edits:
        result[at : at + (call is None)] = [] if call is None else [call]
    return result[:16]


def shortest(kernel: Kernel, sequence: list[Call]) -> list[Call]:
    """Take away every call without which the kernel complains all the same."""
    for at in reversed(range(len(sequence))):
        fewer = sequence[:at] + sequence[at + 1 :]
        try:
            kernel.run(fewer)
        except AssertionError:
            return shortest(kernel, fewer)
    return sequence


def main(seed: int, most: int, guided: bool) -> int:
    """Return 0 if the bug was found within so many sequences."""
    if not os.path.exists(NODE):
        subprocess.run(["busybox", "insmod", os.environ["PYKCOV_MODULES"].split(os.pathsep)[0]], check=True)
    kernel, chance, started = Kernel(), random.Random(seed), time.monotonic()
    corpus: list[list[Call]] = [[]]
    sequence: list[Call] = []

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, 15), calls | calls | st.none()), min_size=1, max_size=4 if guided else 16))
    def test(edits: list[tuple[int, Call | None]]) -> None:
        sequence[:] = changed(chance.choice(corpus), edits)
        kernel.run(sequence)

    for number in range(1, most + 1):
        kernel.new = False
        try:
            test.hypothesis.fuzz_one_input(chance.randbytes(400))
        except AssertionError as error:
            seconds = time.monotonic() - started
            print(f"sequence {number}, {seconds:.1f} s, {len(kernel.reached)} places, {len(corpus)} kept: {error}")
            print("as short as it can be:", *shortest(kernel, list(sequence)), sep="\n  ")
            return 0
        if guided and kernel.new:
            corpus.append(list(sequence))
    print(f"nothing in {most} sequences: {len(kernel.reached)} places, {len(corpus)} kept")
    return 1


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    sys.exit(main(*(numbers + [1, 20000][len(numbers) :]), guided="--blind" not in sys.argv))

"""Fuzz a driver of the kernel from Python: sequences of its calls, kept when they run kernel code that none before did.

    tools/kernel_tests.py --exec .venv/bin/python examples/fuzz_kernel.py

Hypothesis says what a sequence of calls is and makes one of any bytes; the bytes are mutated here; the kernel's kcov
device tells which of them reached something new. The driver is tests/kernel/guest/module/pykcov_mailbox.c, which gives
up a reference too many after seven calls in the right order. The kernel complains of it in its log, and Hypothesis then
takes away all that is not needed for that.
"""

import fcntl
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

import pykcov

NODE = "/dev/pykcov_mailbox"
# _IO('M', n)
REQUESTS = {"create": 0x4D01, "post": 0x4D02, "seal": 0x4D03, "copy": 0x4D04, "drop": 0x4D05}

slot = st.integers(0, 8)
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


def mutated(data: bytes, random: random.Random) -> bytes:
    """Change, insert, repeat or take away some bytes."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(changed) + 1)
        length = random.randint(1, 12)
        match random.randrange(4):
            case 0:
                changed[at : at + 1] = random.randbytes(1)
            case 1:
                changed[at:at] = random.randbytes(length)
            case 2:
                changed[at:at] = changed[max(0, at - length) : at]
            case 3:
                del changed[at : at + length]
    return bytes(changed)


def main(seed: int, most: int, guided: bool) -> int:
    """Return 0 if the bug was found within so many sequences."""
    if not os.path.exists(NODE):
        subprocess.run(["busybox", "insmod", os.environ["PYKCOV_MODULES"].split(os.pathsep)[0]], check=True)
    kernel = Kernel()

    @settings(
        database=InMemoryExampleDatabase(),
        deadline=None,
        phases=[Phase.reuse, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(calls, max_size=16))
    def test(sequence: list[Call]) -> None:
        kernel.run(sequence)

    corpus: list[bytes]
    chance, corpus, started = random.Random(seed), [], time.monotonic()
    for number in range(1, most + 1):
        # What was kept last has come furthest.
        data = chance.randbytes(400)
        if corpus and guided:
            data = mutated(chance.choice(corpus[-3:] if chance.random() < 0.8 else corpus), chance)
        kernel.new = False
        try:
            used = test.hypothesis.fuzz_one_input(data)
        except AssertionError as error:
            seconds = time.monotonic() - started
            print(f"sequence {number}, {seconds:.1f} s, {len(kernel.reached)} places, {len(corpus)} kept: {error}")
            break
        if used is not None and kernel.new:
            corpus.append(used)
    else:
        print(f"nothing in {most} sequences: {len(kernel.reached)} places, {len(corpus)} kept")
        return 1
    try:
        test()  # what failed is in the database: it is taken from there, and made smaller
    except AssertionError as error:
        print("as short as it can be:", *getattr(error, "__notes__", []), sep="\n")
    return 0


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    sys.exit(main(*(numbers + [1, 20000][len(numbers) :]), guided="--blind" not in sys.argv))

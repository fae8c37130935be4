"""The table of driver rules in docs/kernel.md, row by row, against the driver of the running Linux."""

import ctypes
import errno
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pykcov.kernel import linux
from pykcov.kernel.linux import Linux

PAGE = Path(__file__).resolve().parents[2] / "docs/kernel.md"
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]


def table() -> dict[str, list[str]]:
    rows = [line.split("|")[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| L")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def answer(call: Callable[[], object]) -> str:
    try:
        call()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return "ok"


def in_thread(call: Callable[[], str]) -> str:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def in_child(call: Callable[[], str]) -> str:
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            os.write(write, call().encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as stream:
        text = stream.read()
    os.wait()
    return text


@contextmanager
def opened(nmemb: int = 0) -> Iterator[Linux]:
    driver = Linux()
    driver.open()
    try:
        if nmemb:
            driver.set_buffer_size(nmemb)
        yield driver
    finally:
        with suppress(OSError):
            driver.disable()
        if driver.fd >= 0:
            driver.close()


def mapped(fd: int, octets: int, offset: int = 0) -> str:
    address = LIBC.mmap(None, octets, 3, 1, fd, offset)
    if address == ctypes.c_void_p(-1).value:
        return errno.errorcode[ctypes.get_errno()]
    LIBC.munmap(ctypes.c_void_p(address), octets)
    return "ok"


def remote(driver: Linux, mode: int, common: int, *handles: int, count: int | None = None) -> str:
    head = struct.pack("=IIIxxxxQ", mode, 512, len(handles) if count is None else count, common)
    return answer(lambda: driver.ioctl(linux.KCOV_REMOTE_ENABLE, head + struct.pack(f"={len(handles)}Q", *handles)))


def after_close(*, unmap: bool) -> str:
    """In a child: what it leaves behind is gone with it."""

    def child() -> str:
        driver = Linux()
        driver.open()
        driver.set_buffer_size(512)
        buffer = driver.mmap(512)
        driver.enable(0)
        driver.close()
        if unmap:
            del buffer
        with opened(512) as other:
            return answer(lambda: other.enable(0))

    return in_child(child)


def after_the_end_of_a_thread(driver: Linux) -> str:
    in_thread(lambda: answer(lambda: driver.enable(0)))
    deadline = time.monotonic() + 60
    while (found := answer(lambda: driver.enable(0))) != "ok" and time.monotonic() < deadline:
        time.sleep(0.01)  # join() returns before a thread is quite gone
    return found


def traced_in_a_child(driver: Linux) -> str:
    buffer = driver.mmap(1 << 16)
    driver.enable(0)

    def child() -> str:
        before = buffer.count
        LIBC.getppid()
        return "no" if buffer.count == before else "yes"

    # The parent is traced, and so is what it does until it waits for the child's answer.
    read, write = os.pipe()
    go_read, go_write = os.pipe()
    if os.fork() == 0:
        os.read(go_read, 1)
        os.write(write, child().encode())
        os._exit(0)
    driver.disable()
    os.write(go_write, b"\0")
    os.wait()
    return os.read(read, 10).decode()


def full() -> str:
    with opened(512) as driver:
        buffer = driver.mmap(512)
        driver.enable(0)
        for _ in range(600):
            LIBC.getppid()
        driver.disable()
        return str(buffer.count)


def idle() -> str:
    """The least of several tries: a thread that is put to sleep in between runs kernel code."""
    counts = []
    with opened(512) as driver:
        words = driver.mmap(512).words
        for _ in range(20):
            driver.enable(0)
            words[0] = 0
            counts.append(words[0])
            driver.disable()
    return str(min(counts))


def held_by_another() -> str:
    with opened(512) as driver:
        assert remote(driver, 0, 7) == "ok"
        return in_thread(second_holder)


def second_holder() -> str:
    with opened(512) as other:
        return remote(other, 0, 7)


def with_driver(nmemb: int, call: Callable[[Linux], str]) -> Callable[[], str]:
    def rule() -> str:
        with opened(nmemb) as driver:
            return call(driver)

    return rule


def enabled(call: Callable[[Linux], str]) -> Callable[[], str]:
    def rule(driver: Linux) -> str:
        driver.enable(0)
        return call(driver)

    return with_driver(512, rule)


def another(driver: Linux) -> str:
    with opened(512) as other:
        return answer(lambda: other.enable(0))


RULES: dict[str, Callable[[], str]] = {
    "L1": with_driver(0, lambda one: answer(lambda: one.set_buffer_size(1))),
    "L2": with_driver(0, lambda one: answer(lambda: one.set_buffer_size(1000))),
    "L3": with_driver(1000, lambda one: mapped(one.fd, 8000)),
    "L4": with_driver(1024, lambda one: mapped(one.fd, 4096)),
    "L5": with_driver(1024, lambda one: mapped(one.fd, 4096, 4096)),
    "L6": with_driver(512, lambda one: answer(lambda: one.set_buffer_size(512))),
    "L7": with_driver(0, lambda one: answer(lambda: one.enable(0))),
    "L8": with_driver(512, lambda one: answer(lambda: one.enable(2))),
    "L9": lambda: ", ".join(map(str, Linux.modes.values())),
    "L10": enabled(lambda one: answer(lambda: one.enable(0))),
    "L11": enabled(lambda one: in_thread(lambda: answer(lambda: one.enable(0)))),
    "L12": enabled(another),
    "L13": with_driver(512, lambda one: answer(one.disable)),
    "L14": enabled(lambda one: in_thread(lambda: answer(one.disable))),
    "L15": enabled(lambda one: answer(lambda: one.ioctl(linux.KCOV_DISABLE, 1))),
    "L16": with_driver(512, lambda one: answer(lambda: one.ioctl(0x6370))),
    "L17": lambda: after_close(unmap=False),
    "L18": lambda: after_close(unmap=True),
    "L19": with_driver(512, after_the_end_of_a_thread),
    "L20": with_driver(1 << 16, traced_in_a_child),
    "L21": with_driver(512, lambda one: in_child(lambda: answer(lambda: one.enable(0)))),
    "L22": full,
    "L23": idle,
    "L24": with_driver(512, lambda one: remote(one, 0, 0)),
    "L25": with_driver(512, lambda one: remote(one, 0, 0)),
    "L26": with_driver(512, lambda one: remote(one, 0, 1 << 56 | 5)),
    "L27": with_driver(512, lambda one: remote(one, 0, 0, 2 << 56 | 5)),
    "L28": held_by_another,
    "L29": with_driver(512, lambda one: remote(one, 0, 0, *(1 << 56 | id for id in range(1, 258)))),
    "L30": with_driver(512, lambda one: remote(one, 5, 0)),
    "L31": lambda: ", ".join(map(hex, (linux.KCOV_INIT_TRACE, linux.KCOV_ENABLE, linux.KCOV_DISABLE))),
}


@pytest.mark.parametrize("row", list(table()))
def test_the_driver_does_what_the_table_says(row: str, kcov: None) -> None:
    what, expected, *_ = table()[row]
    assert RULES[row]() == expected, what


def test_every_rule_is_in_the_table_and_the_other_way_round() -> None:
    assert list(RULES) == list(table())
    assert {len(cells) for cells in table().values()} == {6}

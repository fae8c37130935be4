"""Roads by which code can run, each with the context that it belongs to.

A road is a function that has another one called, in a way of its own, and returns when that has happened.
"""

import _thread
import asyncio
import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from gc import collect
from typing import Any

OWN = "own"
"""What runs belongs to whom the caller works for."""
SIGNAL = "(signal)"
COLLECTOR = "(collector)"

Call = Callable[[], object]
ROADS: dict[str, tuple[Callable[[Call], object], str]] = {}


def road(context: str) -> Callable[[Callable[[Call], object]], Callable[[Call], object]]:
    def add(function: Callable[[Call], object]) -> Callable[[Call], object]:
        ROADS[function.__name__] = function, context
        return function

    return add


class Calls:
    """Something that calls a function at its end."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.me: object = None

    def __del__(self) -> None:
        self.call()


class Node:
    """Something without an end of its own."""

    me: object = None


def cycle(thing: Any) -> None:
    """Give up something that only the collector will find."""
    thing.me = thing


def suspended(call: Call) -> Iterator[int]:
    try:
        yield 1
    finally:
        call()


@contextmanager
def no_automatic_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def allocate(call: Call, make: Callable[[Call], object], until: float = 60.0) -> None:
    """Make something that calls a function at its end, and allocate until the collector has found it."""
    done = threading.Event()

    def calls() -> None:
        call()
        done.set()

    with no_automatic_collection():
        make(calls)
    deadline = time.monotonic() + until
    while not done.is_set():
        assert time.monotonic() < deadline
        [[] for _ in range(10_000)]


@contextmanager
def handling(number: int, call: Call) -> Iterator[threading.Event]:
    """Have a handler call it; wait for that in the end."""
    done = threading.Event()

    def handler(number: int, frame: object) -> None:
        call()
        done.set()

    before = signal.signal(number, handler)
    try:
        yield done
        deadline = time.monotonic() + 60
        while not done.is_set():
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        signal.signal(number, before)


@road(OWN)
def called(call: Call) -> None:
    call()


@road(OWN)
def finaliser_when_collect_is_called(call: Call) -> None:
    with no_automatic_collection():
        cycle(Calls(call))
        gc.collect()


@road(OWN)
def finaliser_when_a_reference_to_collect_is_called(call: Call) -> None:
    with no_automatic_collection():
        cycle(Calls(call))
        collect()


@road(OWN)
def finaliser_when_the_youngest_are_collected(call: Call) -> None:
    with no_automatic_collection():
        cycle(Calls(call))
        gc.collect(generation=0)


@road(OWN)
def finaliser_of_a_dropped_reference(call: Call) -> None:
    thing = Calls(call)
    del thing


@road(OWN)
def weak_reference_of_a_dropped_reference(call: Call) -> None:
    thing = Node()
    reference = weakref.ref(thing, lambda _: call())
    del thing
    assert reference() is None


@road(OWN)
def weak_reference_when_collect_is_called(call: Call) -> None:
    with no_automatic_collection():
        thing = Node()
        reference = weakref.ref(thing, lambda _: call())
        cycle(thing)
        del thing
        gc.collect()
        assert reference() is None


@road(OWN)
def finalize_when_collect_is_called(call: Call) -> None:
    with no_automatic_collection():
        thing = Node()
        weakref.finalize(thing, call)
        cycle(thing)
        del thing
        gc.collect()


@road(OWN)
def generator_closed_by_a_dropped_reference(call: Call) -> None:
    generator = suspended(call)
    next(generator)
    del generator


def generator_in_a_cycle(call: Call) -> None:
    generator = suspended(call)
    next(generator)
    node: Any = Node()
    node.generator = generator
    cycle(node)


@road(OWN)
def generator_closed_when_collect_is_called(call: Call) -> None:
    with no_automatic_collection():
        generator_in_a_cycle(call)
        gc.collect()


@road(OWN)
def callback_when_collect_is_called(call: Call) -> None:
    def callback(phase: str, info: object) -> None:
        if phase == "start":
            call()

    with no_automatic_collection():
        gc.callbacks.append(callback)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(callback)


@road(OWN)
def hook_for_the_error_of_a_finaliser(call: Call) -> None:
    def fail() -> None:
        raise RuntimeError

    before, sys.unraisablehook = sys.unraisablehook, lambda _: call()
    try:
        finaliser_when_collect_is_called(fail)
    finally:
        sys.unraisablehook = before


@road(OWN)
def finaliser_when_a_thread_calls_collect(call: Call) -> None:
    thread = threading.Thread(target=finaliser_when_collect_is_called, args=(call,))
    thread.start()
    thread.join()


@road(OWN)
def what_a_thread_has_for_itself(call: Call) -> None:
    own = threading.local()

    def work() -> None:
        own.thing = Calls(call)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@road(OWN)
def callback_of_a_future(call: Call) -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(release.wait)
        future.add_done_callback(lambda _: call())
        release.set()


@road(OWN)
def os_kill(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        os.kill(os.getpid(), signal.SIGUSR1)


@road(OWN)
def os_kill_of_its_process_group(call: Call) -> None:
    with handling(signal.SIGURG, call):  # which others in the group ignore
        os.kill(0, signal.SIGURG)


@road(OWN)
def os_killpg(call: Call) -> None:
    with handling(signal.SIGURG, call):
        os.killpg(os.getpgrp(), signal.SIGURG)


@road(OWN)
def raise_signal(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        signal.raise_signal(signal.SIGUSR1)


@road(OWN)
def pthread_kill(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)


@road(OWN)
def interrupt_main(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        _thread.interrupt_main(signal.SIGUSR1)


@road(OWN)
def signal_that_was_blocked(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


@road(OWN)
def signal_handler_of_a_loop(call: Call) -> None:
    async def main() -> None:
        done = asyncio.Event()

        def handler() -> None:
            call()
            done.set()

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, handler)
        os.kill(os.getpid(), signal.SIGUSR1)
        await done.wait()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())


@road(OWN)
def task_cancelled_at_the_end_of_a_loop(call: Call) -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            call()

    async def main() -> None:
        tasks.append(asyncio.create_task(work()))
        await asyncio.sleep(0)

    tasks: list[object] = []
    asyncio.run(main())


async def suspended_asynchronously(call: Call) -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        call()


@road(OWN)
def asynchronous_generator_closed_at_the_end_of_a_loop(call: Call) -> None:
    async def main() -> None:
        generator = suspended_asynchronously(call)
        generators.append(generator)
        await anext(generator)

    generators: list[object] = []
    asyncio.run(main())


@road(COLLECTOR)
def finaliser_in_an_automatic_collection(call: Call) -> None:
    allocate(call, lambda calls: cycle(Calls(calls)))


@road(COLLECTOR)
def weak_reference_in_an_automatic_collection(call: Call) -> None:
    references = []

    def make(calls: Call) -> None:
        thing = Node()
        references.append(weakref.ref(thing, lambda _: calls()))
        cycle(thing)

    allocate(call, make)


@road(COLLECTOR)
def generator_closed_in_an_automatic_collection(call: Call) -> None:
    allocate(call, generator_in_a_cycle)


@road(COLLECTOR)
def callback_of_an_automatic_collection(call: Call) -> None:
    def make(calls: Call) -> None:
        def callback(phase: str, info: object) -> None:
            if phase == "start":
                gc.callbacks.remove(callback)
                calls()

        gc.callbacks.append(callback)

    allocate(call, make)


@road(COLLECTOR)
def thread_that_a_finaliser_starts(call: Call) -> None:
    def start(calls: Call) -> None:
        threads.append(threading.Thread(target=calls))
        threads[0].start()

    threads: list[threading.Thread] = []
    allocate(call, lambda calls: cycle(Calls(lambda: start(calls))))
    threads[0].join()


@road(COLLECTOR)
def finaliser_in_an_automatic_collection_of_a_thread(call: Call) -> None:
    thread = threading.Thread(target=finaliser_in_an_automatic_collection, args=(call,))
    thread.start()
    thread.join()


@road(SIGNAL)
def timer(call: Call) -> None:
    with handling(signal.SIGALRM, call):
        signal.setitimer(signal.ITIMER_REAL, 0.001)


@road(SIGNAL)
def timer_of_processor_time(call: Call) -> None:
    with handling(signal.SIGVTALRM, call) as done:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
        while not done.is_set():
            pass


@road(SIGNAL)
def signal_of_another_process(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        subprocess.run(["kill", "-USR1", str(os.getpid())], check=True)


def send_in_a_thread(call: Call, send: Callable[[], object]) -> None:
    with handling(signal.SIGUSR1, call):
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()


@road(SIGNAL)
def os_kill_by_another_thread(call: Call) -> None:
    send_in_a_thread(call, lambda: os.kill(os.getpid(), signal.SIGUSR1))


@road(SIGNAL)
def pthread_kill_by_another_thread(call: Call) -> None:
    main = threading.main_thread().ident
    assert main is not None
    send_in_a_thread(call, lambda: signal.pthread_kill(main, signal.SIGUSR1))


@road(SIGNAL)
def interrupt_main_by_another_thread(call: Call) -> None:
    send_in_a_thread(call, lambda: _thread.interrupt_main(signal.SIGUSR1))


@road(SIGNAL)
def signal_of_native_code(call: Call) -> None:
    with handling(signal.SIGUSR1, call):
        ctypes.CDLL(None)["raise"](int(signal.SIGUSR1))


@road(SIGNAL)
def thread_that_a_handler_starts(call: Call) -> None:
    def start() -> None:
        threads.append(threading.Thread(target=call))
        threads[0].start()

    threads: list[threading.Thread] = []
    timer(start)
    threads[0].join()


@road(SIGNAL)
def finaliser_when_a_handler_calls_collect(call: Call) -> None:
    timer(lambda: finaliser_when_collect_is_called(call))


@road(SIGNAL)
def signal_that_a_handler_sends(call: Call) -> None:
    timer(lambda: raise_signal(call))

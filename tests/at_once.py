"""Work that several threads do at the same moment."""

import threading
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")

THREADS = 4


def at_once(work: Callable[[int], R], threads: int = THREADS) -> list[R]:
    """Call work(0), work(1), ... in threads of their own that begin together; give the results in this order."""
    barrier = threading.Barrier(threads)
    results: dict[int, R] = {}
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(threads)]

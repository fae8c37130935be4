"""What the tests of the core share, besides fixtures."""

from collections.abc import Callable
from operator import invert as hit  # what `~probe` in bytecode does
from threading import Thread
from typing import Any

__all__ = ["hit", "in_thread"]


def in_thread(function: Callable[[], Any]) -> Any:
    """Call `function` in a thread of its own; give its result, or raise what it raised."""
    result: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(function())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]

"""sys.settrace with a function in Python that does nothing: the floor of tracers written in Python."""

import sys

from configurations.base import Configuration


def trace(frame: object, event: str, argument: object) -> object:
    return trace


class SetTrace(Configuration):
    """Everything that runs is traced, not only the instrumented functions."""

    def start(self) -> None:
        sys.settrace(trace)  # type: ignore[arg-type]

    def stop(self) -> None:
        sys.settrace(None)


SETTRACE = [SetTrace("settrace", "sys.settrace, a Python function that does nothing")]

"""What a harness declares: the function that takes an input, and how it wants to be run."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from pykcov.fuzz.engine import Engine

Target = Callable[[bytes], object]
Mutator = Callable[[bytes, int, int], bytes]
"""Takes an input, the most bytes and a seed, and returns another input."""
Crossover = Callable[[bytes, bytes, int, int], bytes]
"""Takes two inputs, the most bytes and a seed, and returns another input."""


class Harness(NamedTuple):
    """What Setup() was told."""

    target: Target
    arguments: list[str]
    """The command line for libFuzzer, the first word included."""
    mutator: Mutator | None = None
    crossover: Crossover | None = None
    watch: "Callable[[Engine], object] | None" = None
    """Told of the engine before the first input, for a target that learns from what inputs do."""


Runner = Callable[[Harness], NoReturn]

_declared: Harness | None = None
_runner: Runner | None = None


class HarnessError(Exception):
    """The harness does not do what it has to: says what, and what to do."""


def set_runner(runner: Runner) -> None:
    """Have fuzz() call this with the harness."""
    global _runner
    _runner = runner


def setup(
    arguments: Sequence[str],
    target: Target,
    *,
    mutator: Mutator | None = None,
    crossover: Crossover | None = None,
    watch: "Callable[[Engine], object] | None" = None,
    **_: Any,
) -> list[str]:
    """Take what is to be fuzzed; return the arguments that are not libFuzzer's. Once (HarnessError)."""
    global _declared
    if _declared is not None:
        raise HarnessError("Setup() must not be called more than once")
    if not callable(target):
        raise TypeError(f"Setup() takes a function of bytes, not {type(target).__name__}")
    _declared = Harness(target, [str(argument) for argument in arguments], mutator, crossover, watch)
    return [argument for argument in _declared.arguments if not _is_flag(argument)]


def declared() -> Harness | None:
    """Return what setup() was told; None if it was not called."""
    return _declared


def fuzz(otherwise: Runner | None = None) -> NoReturn:
    """Have what setup() was told about run by what set_runner() was given, or else by `otherwise`."""
    if _declared is None:
        raise HarnessError("Setup() must be called before Fuzz() can be called")
    run = _runner or otherwise
    if run is None:
        raise HarnessError("no runner was set")
    run(_declared)


def _is_flag(argument: str) -> bool:
    """libFuzzer's have one dash."""
    return len(argument) > 1 and argument[0] == "-" and argument[1] != "-"

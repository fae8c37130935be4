"""libFuzzer, driven: engine.c."""

from _weakref import ref
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from pykcov._core import Counters, Group

STATISTICS_BYTES: int
"""Bytes of the memory for `statistics`."""
BLIND_AFTER: int
"""Executions after which `blind` is called, if none has reached a probe."""

def load(path: str, own: bool, /) -> None:
    """Open the shared object that holds libFuzzer. OSError: it cannot be opened, or is something else.

    own: it is `_libfuzzer`, which keeps to itself what it defines.
    """

def run(
    arguments: list[str],
    *,
    function: Callable[[bytes], object],
    failed: Callable[[BaseException, bytes], int | None],
    started: Callable[[], object],
    blind: Callable[[], object],
    done: Callable[[], object],
    words: list[bytes],
    limit: int,
    grown: Callable[[int, int], bytes],
    arrange: Callable[[Group | None, bool, bool, bool], tuple[Group, memoryview]],
    begin_round: Callable[[int], None],
    find_quiet: Callable[[], list[tuple[ref[FunctionType], CodeType, CodeType]] | None],
    interrupt_enter: Callable[[], object],
    interrupt_leave: Callable[[], object],
    probe_count: Callable[[], int],
    follow: Callable[[], object],
    group_variable: Any,
    failures: list[Any],
    behind: Callable[[bytes], int | None],
    renew: Callable[[], object],
    unraisable_hook: object,
    imported: Callable[[], object],
    buffer: memoryview,
    counters: Counters,
    statistics: Any,
) -> int:
    """Let libFuzzer run with these arguments, once. As a rule it ends the process; else returns its exit code.

    failed: takes what the function raised, and the input; returns None to go on, or an exit code. In a forked child,
    which comes back from the function, too: returns an exit code.
    failures, behind: called with the input after one at whose end there is something in the list, or a forked child
    has changed the word `told` of the statistics; returns the same as `failed`.
    renew: called after each input at whose end sys.unraisablehook is not `unraisable_hook`.
    imported: called after each input at whose end the number of modules is another one.
    started: called before the first input, when libFuzzer has set its signal handlers.
    grown: takes numbers of probes, first and end; returns their entries of libFuzzer's table, two words each.
    arrange: takes the group of the inputs so far, whether another one is to take its place, whether the device of the
    group is to follow it (else the calling thread owns the other device), and whether comparisons are sampled; returns
    the group, to which nobody else refers, and the words of its device.
    begin_round: called before an execution with the number of its round of comparisons, 0: none are recorded.
    find_quiet: called right after an execution whose comparisons were recorded if those of the next one are not;
    returns the functions to exchange() now, and back before one whose comparisons are recorded again. Once it has
    returned any, it is called the second time, the fourth, the eighth and so on. None: too early.
    interrupt_enter, interrupt_leave: between them nothing is recorded.
    buffer: the words of the device that the thread owns. Both devices count into `counters`.
    statistics: writable memory of STATISTICS_BYTES (statistics.h).
    """

def end_with(parent: int, /) -> None:
    """Have SIGTERM sent to this process when its parent, of this process id, ends. OSError: the kernel refuses."""

def exchange(functions: list[tuple[ref[FunctionType], CodeType, CodeType]], index: int, /) -> None:
    """Give those of the functions that are alive one of two codes that differ in probes only: that at the index.

    A function that has neither of the two keeps its own. ValueError: the index is neither 1 nor 2.
    """

def collect_by(function: Callable[[], object], /) -> None:
    """Have a function called after each input from now on, before `failures` is looked at."""

def note_seen(memory: Any, after: int, /) -> None:
    """Have it noted in writable memory, a byte for each counter, in how many executions that was reached, at most 3.

    after: so many executions do not count: those of the corpus. Once (RuntimeError).
    """

def mutate(data: bytes, max_size: int, /) -> bytes:
    """Let libFuzzer change an input. RuntimeError unless it runs; ValueError for a size of less than 1."""

def set_mutator(library: str, function: Callable[..., bytes] | None, /) -> None:
    """Have a function change inputs, or cross them: which, says the library, `_mutator` or `_crossover`. OSError.

    To be called before load(). None: libFuzzer's mutations and one of ours, which puts an operand of a comparison in
    the place of another one of another length.
    """

def preload(library: str, /) -> None:
    """Show libFuzzer what is in a shared object: `_memory` (fuzz/memory.c). To be called before load(). OSError."""

def show_stacks(library: str, descriptor: int, own: str, /) -> None:
    """Have libFuzzer show the last Python stack in a file, as sanitizers do, when it ends the process.

    Up to the first frame of a file whose name begins with `own`. library: the path of `_stacks`, before load().
    OSError, ValueError for a path that is too long.
    """

"""What an event of native code costs, beside an empty callback that is reached in the same way.

Prints Markdown: nanoseconds a call, the loop around it included, of the fastest of many rounds; the ratio is that of
recording to empty. "Empty" is an object built with `pykcov cflags` in a process without pykcov. `--bar` makes a ratio
above that a failure.
"""

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from pykcov.native import build

CALLS = 5000
ROUNDS = 2000

EMPTY = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
for name in ("loop", "pc", "cmp", "const_cmp"):
    function = library[name]
    function.restype = ctypes.c_double
    print(min(function({calls}) for _ in range({rounds})))
"""


def compile_library(folder: Path, compiler: str) -> Path:
    """Build the timed code as users build theirs; only what it calls by itself is an event."""
    path = folder / "native_events.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-w", str(source), *build.flags([compiler]).link, "-o", str(path)],
        check=True,
    )
    return path


def recording(library: ctypes.CDLL, name: str, mode: int | None) -> float:
    """Return the nanoseconds of a call while the thread is traced in a mode; None: while nothing is enabled."""
    import pykcov

    function = library[name]
    function.restype = ctypes.c_double
    if mode is None:
        return float(min(function(CALLS) for _ in range(ROUNDS)))
    with pykcov.open() as device:
        device.set_buffer_size(4 * CALLS + 1)
        buffer = device.mmap()
        device.enable(mode)
        times = []
        for _ in range(ROUNDS):
            buffer.reset()
            times.append(float(function(CALLS)))
        device.disable()
        assert device.dropped == 0
    return min(times)


@click.command(help=__doc__)
@click.option("--compiler", default="gcc", show_default=True)
@click.option("--bar", type=float, help="The highest ratio that is no failure.")
def main(compiler: str, bar: float | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = compile_library(Path(folder), compiler)
        script = EMPTY.format(calls=CALLS, rounds=ROUNDS)
        done = subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True)
        loop, *empty = map(float, done.stdout.split())
        import pykcov

        library = ctypes.CDLL(str(path))
        rows = [
            ("pc", "pc", empty[0], pykcov.TRACE_PC),
            ("pc, unique (seen before)", "pc", empty[0], pykcov.TRACE_UNIQUE_PC),
            ("cmp, 8 bytes", "cmp", empty[1], pykcov.TRACE_CMP),
            ("cmp, 4 bytes, constant", "const_cmp", empty[2], pykcov.TRACE_CMP),
        ]
        print(f"the loop alone: {loop:.2f} ns\n")
        print("| event | empty | dormant | recording | ratio |")
        print("| --- | --- | --- | --- | --- |")
        worst = 0.0
        for title, name, bare, mode in rows:
            dormant, recorded = recording(library, name, None), recording(library, name, mode)
            worst = max(worst, recorded / bare)
            print(f"| {title} | {bare:.2f} | {dormant:.2f} | {recorded:.2f} | {recorded / bare:.2f} |")
    sys.exit(bar is not None and worst > bar)


if __name__ == "__main__":
    main()

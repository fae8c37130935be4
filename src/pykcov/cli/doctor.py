"""`pykcov doctor`: what this machine and this Python can do."""

import sys
from collections.abc import Callable

import click

_EXAMPLES = """\
\b
Examples:
  pykcov doctor                    before anything else, and into every bug report
  pykcov doctor && pykcov run app.py
"""


@click.command(epilog=_EXAMPLES, short_help="Say what this machine and Python can do.")
def command() -> int:
    """Say what this machine and Python can do, and try it: exit code 1 if something is missing that pykcov needs."""
    from pykcov.tables import print_table

    rows = []
    for name, check in _CHECKS.items():
        try:
            rows.append((name, "ok", check()))
        except Exception as error:  # a doctor who dies of the first finding helps nobody
            rows.append((name, "FAILED", f"{type(error).__name__}: {error}"))
    print_table(("Check", "", "Finding"), rows, sys.stdout)
    failed = sum(result == "FAILED" for _, result, _ in rows)
    print(f"{failed} of {len(rows)} checks failed." if failed else "All is well.")
    return 1 if failed else 0


def _python() -> str:
    import platform

    from pykcov.instrument.code import check

    check("line")
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}"


def _machine() -> str:
    import os
    import platform

    return f"{platform.platform()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"


def _limits() -> str:
    import resource
    from pathlib import Path

    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    mappings = int(Path("/proc/sys/vm/max_map_count").read_text("ascii"))
    return f"{descriptors} descriptors; {mappings} mappings, of which each live thread under `pykcov run` takes one"


def _kernel() -> str:
    from pykcov.device import KcovError
    from pykcov.kernel.beside import running_driver
    from pykcov.kernel.device import KernelDevice

    try:
        KernelDevice(running_driver()).close()
    except KcovError as error:
        return f"not recorded, which most programs do without: {error.strerror}"
    return "its kcov device can be opened: `pykcov kernel`, docs/kernel.md"


def _core() -> str:
    from pykcov import _core

    return f"{_core.__file__}"


def _memory() -> str:
    import fcntl

    import pykcov

    with pykcov.open() as device:
        device.set_buffer_size(2)
        seals = fcntl.fcntl(device.fileno(), fcntl.F_GET_SEALS)
        wanted = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        if seals & wanted != wanted:
            raise OSError(f"the buffer has seals {seals:#x} instead of {wanted:#x}")
        pykcov.Buffer.from_fd(device.fileno())
    return "buffers are sealed memfds and can be mapped by their descriptors"


def _libraries() -> str:
    from pykcov.cli._versions import version_of

    return ", ".join(f"{name} {version_of(name)}" for name in ("pykcov", "numpy", "coverage", "click", "rich"))


def _native() -> str:
    from importlib.util import find_spec

    from pykcov.native.images import foreign_callbacks

    other = foreign_callbacks()
    missing = [name for name in ("symbolic", "elftools", "capstone") if find_spec(name) is None]
    findings = [
        f"{other} owns the callbacks: of native code only what was built with `pykcov cflags` is recorded"
        if other is not None
        else "the callbacks are pykcov's"
    ]
    if missing:
        findings.append("without pip install 'pykcov[native]' neither functions nor lines of it are known")
    return "; ".join(findings)


def _libfuzzer() -> str:
    from pykcov.fuzz import libfuzzer

    try:
        return libfuzzer.description()
    except libfuzzer.LibFuzzerMissingError as error:
        return f"none, which only `pykcov fuzz` needs: {error}"


def _others() -> str:
    """Other tools that watch the program; pykcov does not mind them, but may be blamed for what they cost."""
    found = []
    if sys.gettrace() is not None:
        found.append(f"sys.settrace: {sys.gettrace()!r}")
    if sys.getprofile() is not None:
        found.append(f"sys.setprofile: {sys.getprofile()!r}")
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None:
        tools = filter(None, map(monitoring.get_tool, range(6)))
        found += [f"sys.monitoring: {tool}" for tool in tools]
    return "; ".join(found) or "neither sys.settrace, sys.setprofile nor sys.monitoring is in use"


_PROGRAM = "def f(n):\n    if n:\n        return 1\n    return 2\n"


def _probes() -> str:
    import pykcov
    from pykcov.instrument.code import instrument_code

    namespace: dict[str, Callable[[int], int]] = {}
    exec(instrument_code(compile(_PROGRAM, "<doctor>", "exec"), "doctor", granularity="line"), namespace)
    with pykcov.open() as device:
        device.set_buffer_size(100)
        buffer = device.mmap()
        device.enable(pykcov.TRACE_PC)
        namespace["f"](1)
        device.disable()
        lines = [location.line for location in pykcov.symbolize(buffer.pcs())]
    if lines != [2, 3]:
        raise RuntimeError(f"lines {lines} of a function were recorded instead of [2, 3]")
    return "a function was instrumented and called: its lines are in the buffer of a device"


def _whole_run() -> str:
    import subprocess
    import tempfile
    from pathlib import Path

    from pykcov.traces.tracefile import TraceFile

    with tempfile.TemporaryDirectory(prefix="pykcov-") as folder:
        program, output = Path(folder, "program.py"), Path(folder, "trace.npz")
        program.write_text(_PROGRAM + "import threading\nthreading.Thread(target=f, args=(0,)).start()\n", "utf-8")
        command = [sys.executable, "-m", "pykcov", "run", "-q", "-o", str(output), str(program)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise RuntimeError(f"`pykcov run` ended with {done.returncode}: {done.stderr}")
        trace = TraceFile.load(output)
        lines = [trace.lines(thread)[str(program)] for thread in trace.threads]
    if lines != [[1, 5, 6], [2, 4]]:
        raise RuntimeError(f"`pykcov run` recorded lines {lines}")
    return "`pykcov run` of a program with two threads: each has its own lines"


_CHECKS: dict[str, Callable[[], str]] = {
    "Python": _python,
    "Machine": _machine,
    "Limits": _limits,
    "Core": _core,
    "Memory": _memory,
    "Libraries": _libraries,
    "Native code": _native,
    "libFuzzer": _libfuzzer,
    "Kernel": _kernel,
    "Other tools": _others,
    "Probes": _probes,
    "A whole run": _whole_run,
}

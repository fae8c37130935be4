"""`pykcov run`: run a program and record which code each of its threads runs."""

import os
import shlex
import stat
import sys
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, NOT_WRITTEN, NOTHING_TRACED, CommandError
from pykcov.cli._options import DEFAULT_FILE, rcfile

if TYPE_CHECKING:
    from pykcov.instrument.sites import Granularity
    from pykcov.modes import RunMode
    from pykcov.program.supervisor import Kind, Request, Watch
    from pykcov.traces.tracefile import TraceFile

# Of a thread: kernels record a thousand places for a system call.
_KERNEL_NMEMB = 1 << 20

_EXAMPLES = """\
\b
Examples:
  pykcov run app.py input.txt                 the code of app.py and of all files below this folder
  pykcov run -m app --verbose                 a module, as python -m runs it
  pykcov run -c 'import app; app.main()'      code, as python -c runs it
  pykcov run --source src -m pytest tests     what tests run of the code in src
  pykcov run --include 'json.*' app.py        one package, wherever it is
  pykcov run --mode pc -o order.npz app.py    every event in order, not each line once
  pykcov run --mode cmp-bytes app.py          what it compared: numbers, str and bytes
  pykcov run --mode once app.py               what ran at all: probes vanish once hit
  pykcov run --live app.py                    what its threads do, while it runs

\b
Exit code: that of the program; if a signal ended it, the same signal ends pykcov. And
  2  the command line is wrong, there is no such script, or FILE cannot be written
  3  the program ended with 0, but nothing was traced or an --include matched no module
  4  the program ended with 0, but FILE could not be written
"""


class _RunCommand(click.Command):
    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Let all behind -m or -c be the program's, as Python does; and `-cCODE` be `-c CODE`."""
        valued = {
            name for each in self.params if isinstance(each, click.Option) and not each.is_flag for name in each.opts
        }
        at = 0
        while at < len(args) and args[at][:1] == "-" and args[at] not in ("-", "--"):
            if args[at][:2] in ("-c", "-m"):
                option, joined = args[at][:2], args[at][2:]
                args = [*args[:at], option, "--", *([joined] if joined else []), *args[at + 1 :]]
                break
            at += 2 if args[at] in valued else 1
        return super().parse_args(context, args)


@click.command(
    cls=_RunCommand,
    epilog=_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@click.option(
    "-o", "--output", metavar="FILE", default=DEFAULT_FILE, show_default=True, help="The trace file to write."
)
@click.option(
    "--mode",
    type=click.Choice(["unique", "pc", "cmp", "cmp-bytes", "once"]),
    help="unique: each place once a thread, in the order of first hits. pc: every event, until the buffer is full. "
    "cmp: every comparison of integers instead. cmp-bytes: of floats, str and bytes, too. once: which places ran at "
    "all, in whatever thread; probes that were hit vanish after a while.  [default: unique; with --kernel what "
    "that is]",
)
@click.option(
    "--kernel",
    type=click.Choice(["pc", "cmp"]),
    help="Record what the kernel runs for each thread, or compares, too, in one order with the program; as root, on a "
    "kernel with kcov.",
)
@click.option(
    "--granularity",
    type=click.Choice(["line", "block", "arc", "condition"]),
    help="Where the probes are: at each line; at each basic block, which is faster and tells the same lines but for "
    "those behind an exception; or where branches part, too (--branch), and at each condition "
    "(--conditions).  [default: line; for comparisons, of which all tell the same, block]",
)
@click.option(
    "--branch",
    is_flag=True,
    help="Record branches as well: which line a condition led to. As --granularity arc.",
)
@click.option(
    "--conditions",
    "--mcdc",
    is_flag=True,
    help="Record branches and conditions: which operand of and, or and not was true or false, and whether it decided. "
    "As --granularity condition.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Trace modules of this name only. May be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Do not trace modules of this name. May be repeated.")
@click.option(
    "--source",
    multiple=True,
    metavar="SOURCE",
    help="Trace what lies below this folder, or of this module or package, instead of the current folder and the "
    "script's. May be repeated.",
)
@click.option("--omit", multiple=True, metavar="GLOB", help="Do not trace files of this name. May be repeated.")
@rcfile
@click.option("--stdlib", is_flag=True, help="Trace the standard library, too.")
@click.option(
    "--nmemb",
    type=click.IntRange(1, 262144),
    metavar="N",
    help="Size of each thread's buffer in 64-bit words; one of them counts.  [default: 262144, the largest; with "
    "--kernel 1048576]",
)
@click.option("--no-children", is_flag=True, help="Do not trace the processes that the program starts.")
@click.option(
    "--wait",
    is_flag=True,
    help="Wait for processes that outlive the program, such as daemons, until they have ended; Ctrl-C or SIGTERM ends "
    "the waiting.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Show while it runs what its threads do: as a view on a terminal, a line a second anywhere else.",
)
@click.option("-q", "--quiet", is_flag=True, help="No summary, only what went wrong.")
@click.option("-m", "is_module", is_flag=True, help="PROGRAM is the name of a module, as for python -m.")
@click.option("-c", "is_code", is_flag=True, help="PROGRAM is code, as for python -c.")
@click.argument("program", type=click.UNPROCESSED)
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def command(
    output: str,
    mode: "RunMode | None",
    kernel: str | None,
    granularity: "Granularity | None",
    branch: bool,
    conditions: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    source: tuple[str, ...],
    omit: tuple[str, ...],
    config_file: str | None,
    stdlib: bool,
    nmemb: int | None,
    no_children: bool,
    wait: bool,
    live: bool,
    quiet: bool,
    is_module: bool,
    is_code: bool,
    program: str,
    arguments: tuple[str, ...],
) -> int:
    """Run PROGRAM (a script, folder or zip file, with -m a module, with -c code, or '-', code on standard input) and
    record which code each thread runs or, with --mode cmp or cmp-bytes, what it compares.

    It runs in a process of its own as if started by Python, with standard input, output, signals and exit code. Unless
    options say otherwise the program's own code is traced: what lies below the current folder and that of the script,
    but neither installed packages nor the standard library. Python programs that it starts, and children that it
    forks, are traced like it.
    """
    target = _checked_target(output)
    if wait and no_children:
        raise CommandError("--wait and --no-children exclude each other", BAD_INPUT)
    if is_module and is_code:
        raise CommandError("-m and -c exclude each other", BAD_INPUT)
    kind: Kind = "module" if is_module else "code" if is_code else "input" if program == "-" else "path"
    if kind == "path" and not os.path.exists(program):
        raise CommandError(f"can't open {program!r}: no such script (with -m it would be a module)", BAD_INPUT)
    if kind == "input" and os.isatty(0):
        raise CommandError("-: standard input is a terminal; pykcov runs code from a file or a pipe", BAD_INPUT)

    from pykcov.coverage.configuration import Given, read
    from pykcov.instrument.versions import VERSION, UnsupportedPythonError
    from pykcov.modes import compares
    from pykcov.program.supervisor import Request, die_by, run
    from pykcov.traces.arcs import tells_arcs
    from pykcov.traces.records import need_numpy

    if mode is None:
        mode = "unique" if kernel is None else "pc" if kernel == "pc" else "cmp"
    if compares(mode):
        need_numpy()  # now, not when the program has run
    for asked, option, kinds in ((branch, "branch", ("arc", "condition")), (conditions, "conditions", ("condition",))):
        if asked and (compares(mode) or granularity not in (None, *kinds)):
            what = f"--mode {mode}" if compares(mode) else f"--granularity {granularity}"
            raise CommandError(f"--{option} and {what} exclude each other", BAD_INPUT)
    if conditions:
        granularity = "condition"
    if VERSION is None:
        raise UnsupportedPythonError
    words = 262144 if nmemb is None else nmemb
    if kernel is not None:
        words = _checked_kernel(kernel, compares(mode), nmemb)
    given = Given(
        config_file=config_file,
        source=_checked_source(source),
        omit=omit or None,
        branch=True if branch or tells_arcs(granularity or "") else None,
    )
    configuration = read(given)
    if granularity is None:
        granularity = "block" if compares(mode) else "arc" if configuration.branch else "line"
    # The names of modules on the command line are another choice than a source in the project's configuration.
    follows = not include or bool(source)
    request = Request(
        program=program,
        kind=kind,
        arguments=arguments,
        mode=mode,
        granularity=granularity,
        include=include,
        exclude=exclude,
        source=configuration.folders if follows else (),
        stdlib=stdlib or configuration.stdlib,
        nmemb=words,
        packages=configuration.packages if follows else (),
        include_files=configuration.include_files if follows else (),
        omit_files=configuration.omit_files,
        elsewhere=configuration.file is not None,
        kernel=kernel is not None,
        children=not no_children,
        wait=wait,
    )
    folder, started = os.getcwd(), datetime.now(UTC)
    end, buffers = run(request, _watch(request, target, folder, started) if live else None)

    # Not before: numpy starts threads, see program/buffers.py.
    from pykcov.cli._summary import print_summary, print_system_calls
    from pykcov.program.recording import blind_spots, remarks, trace_file
    from pykcov.traces.texts import shown

    trace = trace_file(request, end, buffers, folder, started, configuration.namespace_packages)
    blind = blind_spots(request, end, buffers, trace)
    # What an earlier run has recorded is worth more than nothing.
    kept = os.path.exists(target) and not any(len(thread) for thread in trace.threads)
    written, failures = (None, []) if kept else _save(trace, target)
    lines = [*configuration.remarks, *blind, *([] if quiet else remarks(request, end, buffers, trace)), *failures]
    if kept:
        lines.append(f"{shown(target)} is left as it was")
    if written and (failures or not quiet):
        name = shlex.quote(shown(written))
        lines.append(f"wrote {name}; `pykcov report {name}` shows it")
    # A terminal that is gone is no reason to end otherwise than the program.
    nowhere = sys.stderr is None
    with suppress(OSError), open(os.devnull, "w", encoding="utf-8") if nowhere else nullcontext(sys.stderr) as errors:
        if not quiet:
            print_summary(trace, errors)
            if request.kernel and not trace.compares:
                print_system_calls(trace, errors)
        for line in lines:
            print(f"pykcov: {line}", file=errors)
    if end.exit_status < 0:
        die_by(-end.exit_status)
        return 128 - end.exit_status
    return end.exit_status or (NOT_WRITTEN if failures else NOTHING_TRACED if blind else 0)


def _watch(request: "Request", target: str, folder: str, started: datetime) -> "Watch":
    from pykcov.live.watch import Live, NoTextualError

    try:
        return Live(request, target, folder, started)
    except NoTextualError as error:
        raise CommandError(str(error), BAD_INPUT) from error


def _checked_kernel(kernel: str, compares: bool, nmemb: int | None) -> int:
    """Return the words of a buffer; say now, not in each thread, what stands in the way of recording the kernel."""
    from pykcov.kernel.beside import running_driver
    from pykcov.kernel.device import KernelDevice

    if compares != (kernel == "cmp"):
        modes = "cmp or cmp-bytes" if kernel == "cmp" else "pc or unique"
        raise CommandError(f"--kernel {kernel} goes with --mode {modes}", BAD_INPUT)
    with KernelDevice(running_driver()) as device:
        step = device.words.step
    return _KERNEL_NMEMB if nmemb is None else max(device.words[0], -(-nmemb // step) * step)


def _checked_source(names: tuple[str, ...]) -> list[str] | None:
    """Return folders, modules and packages; commas may separate them, as for coverage.py. None for none."""
    source = [each for name in names for each in name.split(",") if each]
    for name in source:
        is_module = not os.path.exists(name) and all(part.isidentifier() for part in name.split("."))
        if not os.path.isdir(name) and not is_module:
            raise CommandError(f"--source {name!r}: there is neither such a folder nor such a module", BAD_INPUT)
    return source or None


def _checked_target(output: str) -> str:
    """Return the file to write, or say now, not after a long run, that it cannot be written."""
    if output == "-":
        raise CommandError("-: standard output is the program's: name a file for the trace", BAD_INPUT)
    existing = None
    try:
        existing = os.stat(output or ".")
    except FileNotFoundError:
        pass  # or a link to what is not there yet
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}", BAD_INPUT) from None
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        raise CommandError(f"{output}: cannot be written: it is not a regular file", BAD_INPUT)
    if existing is not None and any(_is_same(existing, descriptor) for descriptor in range(3)):
        raise CommandError(f"{output}: cannot be written: the program reads or writes it", BAD_INPUT)
    try:
        target = os.path.realpath(output)
        # Room for a name that begins with a dot and ends with a number, as the file is written beside its place.
        trial = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.{os.getpid()}.tmp")
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.unlink(trial)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandError(f"{output}: cannot be written: {reason}", BAD_INPUT) from None
    return target


def _is_same(one: os.stat_result, descriptor: int) -> bool:
    """Return whether a file is what one of the first descriptors stands for."""
    try:
        return os.path.samestat(one, os.fstat(descriptor))
    except OSError:
        return False


def _save(trace: "TraceFile", target: str) -> tuple[str | None, list[str]]:
    """Write the trace where it was asked for, else where there is room; return where that is, and what went wrong."""
    failures = []
    folder, name = os.path.split(target)
    for place in (folder, None, "/dev/shm"):
        path = target
        try:
            path = os.path.join(place or _temporary_folder(), name)
            trace.save(path)
        except OSError as error:
            failures.append(f"{path}: could not be written: {error.strerror or error}")
        else:
            return path, failures
    return None, [*failures, "the trace is lost"]


def _temporary_folder() -> str:
    import tempfile  # which takes time

    return tempfile.gettempdir()

"""`pykcov` and `python -m pykcov`: the command line, which keeps to itself what is meant for the program.

Options of Python, its variables and the current folder are for the program that runs in a process of its own; here,
and in what pykcov is made of, they could do nothing but harm.
"""

import _thread
import gc
import os
import sys
import warnings

from pykcov.warnings import PykcovWarning

_OF_RUNPY = {"runpy", "pkgutil", "importlib.machinery"} | ({"io"} if sys.version_info >= (3, 14) else set())
"""What `-m` has imported, and a Python that runs a file has not."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    path, thresholds = sys.path[:], gc.get_threshold()
    filters: list[object] = [*warnings.filters]
    _leave_filters_to_the_program()
    _leave_folders_to_the_program()
    # A command lives briefly and imports much, of which a tenth of the time would go into looking for cycles.
    gc.set_threshold(100_000, 20, 20)
    if sys.argv[1:2] == ["fuzz"]:
        _fuzz_if_ordinary(sys.argv[2:], path, filters, thresholds)
    # Not before: it imports much itself.
    from pykcov.cli import main

    main()


def _fuzz_if_ordinary(
    words: list[str], path: list[str], filters: list[object], thresholds: tuple[int, int, int]
) -> None:
    """Do what an ordinary `pykcov fuzz` asks for, and end the process; return where click is to read the command.

    path, filters, thresholds: of modules, warnings and the garbage collector, when the process began.
    """
    # Not before: other commands do not need it.
    from pykcov.fuzz import ordinary

    parameters = ordinary.read(words)
    if parameters is None:
        return
    fork = None
    if _can_fork():
        # Not before, and before the others: what it imports stays.
        import pykcov.instrument.imports  # noqa: F401

        modules = frozenset(sys.modules) - _OF_RUNPY
        from pykcov.fuzz.forking import Origin  # not before: see above

        fork = Origin(modules, path, filters, thresholds).fork
    # Not before: see above.
    from pykcov.exiting import end_process
    from pykcov.fuzz.command import Options, run

    try:
        code = run(Options(**parameters), fork)
    except BaseException as error:
        from pykcov.cli import code_of  # which imports click

        code = code_of(error)
    end_process(code)


def _can_fork() -> bool:
    """Whether what is forked from this process could be what another Python would be."""
    # Not before: other commands do not need it.
    from pykcov.program.options import interpreter_options, without

    options = interpreter_options(sys.orig_argv)
    if without("xi", options) != options or _thread._count():
        return False
    # On a terminal a thread draws the status.
    return sys.stderr is None or not sys.stderr.isatty()


def _leave_filters_to_the_program() -> None:
    """Have no warning shown, or made an error, but those of pykcov itself."""
    warnings.simplefilter("ignore")
    warnings.simplefilter("default", PykcovWarning)


def _leave_folders_to_the_program() -> None:
    """Look for modules in the folders of the program last: what is called there as what pykcov imports is not that."""
    folders = {os.path.abspath(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each}
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
        folders.add(os.getcwd())  # which -m puts first
    behind = [folder for folder in sys.path if folder in folders]
    sys.path[:] = [folder for folder in sys.path if folder not in folders] + behind


if __name__ == "__main__":
    main()

"""The command line. Every module of this folder whose name has no leading underscore is a subcommand: its `command`.

Modules here import inside functions what only that function needs: help, and errors of usage, come at once.
"""

import io
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from typing import NoReturn

import click

from pykcov.cli._errors import exit_code, words
from pykcov.exiting import end_process

_EXAMPLES = """\
\b
Examples:
  pykcov run app.py input.txt      trace a program, print a summary, write pykcov.npz
  pykcov report                    show which lines ran
  pykcov report --format html      the same in colour, with the threads that ran each line
  pykcov dump pykcov.npz           every entry in order
  pykcov doctor                    what this machine and Python can do
"""


class _NobodyReadsError(Exception):
    """Standard output is a pipe that was closed, as by `| head`. Click would make exit code 1 of a BrokenPipeError."""


class _Commands(click.Group):
    def invoke(self, context: click.Context) -> object:
        try:
            result = super().invoke(context)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError as error:
            raise _NobodyReadsError from error
        return result

    def list_commands(self, context: click.Context) -> list[str]:
        from pkgutil import iter_modules  # which takes time

        return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name.startswith("_") or PathFinder.find_spec(f"{__name__}.{name}", __path__) is None:
            return None
        command = import_module(f"{__name__}.{name}").command
        assert isinstance(command, click.Command)
        if sys.flags.optimize > 1:
            _give_help(command)
        return command


def _give_help(command: click.Command) -> None:
    """Take from the source what `python -OO` drops: docstrings, which are the help."""
    import ast  # for this only, and it takes time

    callback = command.callback
    assert callback is not None
    with open(callback.__code__.co_filename, encoding="utf-8") as file:
        source = file.read()
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    texts = {function.name: ast.get_docstring(function) for function in functions}
    command.help = texts.get(callback.__name__)
    if isinstance(command, click.Group) and not isinstance(command, _Commands):
        for inner in command.commands.values():
            _give_help(inner)


def _print_version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from pykcov.cli._versions import version_of  # which takes time

        click.echo(f"pykcov {version_of('pykcov')}")
        context.exit()


@click.group(cls=_Commands, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print it.")
def pykcov() -> None:
    """kcov(4) for Python: which code of a program ran, per thread."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Operands and names may be any text, whatever the encoding of the terminal. stderr is so by itself.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.flags.optimize > 1:
        _give_help(pykcov)
    end_process(exit_code_of(arguments))


def exit_code_of(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: here errors become words on stderr and numbers."""
    try:
        result = pykcov.main(arguments, prog_name="pykcov", standalone_mode=False)
    except BaseException as error:
        return code_of(error)
    return result if isinstance(result, int) else 0


def code_of(error: BaseException) -> int:
    """Say on stderr what went wrong, and return the exit code. What is no error of the user's is raised again."""
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, _NobodyReadsError | BrokenPipeError):
        return 128 + signal.SIGPIPE
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return 128 + signal.SIGINT
    if not isinstance(error, Exception) or (code := exit_code(error)) is None:
        raise error
    click.echo(f"pykcov: {words(error)}", err=True)
    return code

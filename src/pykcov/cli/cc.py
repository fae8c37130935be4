"""`pykcov cc`: a compiler that adds the flags itself."""

import os

import click

from pykcov.cli._errors import BAD_INPUT, CommandError

_EXAMPLES = """\
\b
Examples:
  CC="pykcov cc" ./configure && make
  CC="pykcov cc gcc-12" CXX="pykcov cc g++-12" pip install --no-binary :all: --no-cache-dir msgpack
"""


@click.command(
    epilog=_EXAMPLES,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[COMPILER] [ARGUMENTS]...")
def command(arguments: tuple[str, ...]) -> None:
    """Run a compiler with the flags of `pykcov cflags` added, for builds that do not take CFLAGS.

    Without COMPILER it is the one that Python was built with. All ARGUMENTS are passed on.
    """
    from pykcov.native import build

    compiler, rest = build.split_command(arguments)
    try:
        added = build.added_flags(compiler, rest)
        os.execvp(compiler[0], [*compiler, *added, *rest])
    except build.BuildError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    except OSError as error:
        raise CommandError(f"cannot run the compiler {compiler[0]!r}: {error.strerror}", BAD_INPUT) from error

"""`pykcov cflags`: what to give a compiler."""

import shlex

import click

from pykcov.cli._errors import BAD_INPUT, CommandError

_EXAMPLES = """\
\b
Examples:
  CFLAGS="$(pykcov cflags)" pip install --no-binary :all: --no-cache-dir ujson
  cc $(pykcov cflags) -shared -fPIC -o ext.so ext.c
  RUSTFLAGS="$(pykcov cflags --rust)" maturin develop

\b
With debug information, whose sources should stay where they are, reports show C lines beside Python's:
unpack the source distribution, and build it in its folder. docs/native.md has recipes for build systems.
"""


@click.command(epilog=_EXAMPLES)
@click.option("--ldflags", "kind", flag_value="link", help="Only the flags for linking, where CFLAGS do not get there.")
@click.option("--compile", "kind", flag_value="compile", help="Only the flags for compiling.")
@click.option("--rust", "kind", flag_value="rust", help="Flags for rustc (RUSTFLAGS).")
@click.option(
    "--compiler", metavar="COMMAND", help="The compiler they are for.  [default: $CC, else the one of Python]"
)
def command(kind: str | None, compiler: str | None) -> None:
    """Print compiler flags that make C, C++ and Cython code record what it runs and compares.

    The code runs without pykcov, too, and then records nothing.
    """
    from pykcov.native import build

    words = shlex.split(compiler) if compiler is not None else build.default_compiler()
    try:
        if kind == "rust":
            flags = build.rust_flags(words)
        else:
            both = build.flags(words)
            flags = {"link": both.link, "compile": both.compile}.get(kind or "", both.compile + both.link)
    except build.BuildError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    print(shlex.join(flags))

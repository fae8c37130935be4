"""Command lines of a parser with subcommands, by argparse."""

import contextlib
import io
import sys

import atheris

with atheris.instrument_imports(include=["argparse"]):
    import argparse


def make_parser():
    parser = argparse.ArgumentParser(prog="tool", exit_on_error=False)
    parser.add_argument("-v", "--verbose", action="count", default=0)
    parser.add_argument("--level", type=int, choices=range(4))
    commands = parser.add_subparsers(dest="command")
    copy = commands.add_parser("copy", exit_on_error=False)
    copy.add_argument("source")
    copy.add_argument("target", nargs="?")
    copy.add_argument("--mode", choices=["fast", "safe"], default="safe")
    show = commands.add_parser("show", exit_on_error=False)
    show.add_argument("names", nargs="*")
    show.add_argument("--format", "-f")
    return parser


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    words = [provider.ConsumeUnicodeNoSurrogates(12) for _ in range(provider.ConsumeIntInRange(0, 6))]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            make_parser().parse_args(words)
        except (argparse.ArgumentError, SystemExit):
            return


def main():
    atheris.Setup(sys.argv, TestOneInput)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

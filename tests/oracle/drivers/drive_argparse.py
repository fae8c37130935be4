"""argparse: options, groups, subcommands, help, errors."""

import contextlib
import io
import os

from fresh import fresh

INCLUDE = ["argparse", "gettext"]
fresh("gettext")
argparse = fresh("argparse")
os.environ["COLUMNS"] = "80"


class Point(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, tuple(map(int, values)))


def build():
    parser = argparse.ArgumentParser(
        prog="demo",
        description="A %(prog)s program. " * 5,
        epilog="The end.",
        fromfile_prefix_chars="@",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--version", action="version", version="%(prog)s 1.0")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more (100%%)")
    parser.add_argument("--number", type=int, choices=range(3), default=1, metavar="N")
    parser.add_argument("--flag", action=argparse.BooleanOptionalAction)
    parser.add_argument("--add", action="append", default=[])
    parser.add_argument("--more", action="extend", nargs="+")
    parser.add_argument("--const", action="store_const", const=42)
    parser.add_argument("--point", action=Point, nargs=2)
    exclusive = parser.add_mutually_exclusive_group()
    exclusive.add_argument("--yes", action="store_true")
    exclusive.add_argument("--no", action="store_false")
    group = parser.add_argument_group("files", "where things are")
    group.add_argument("--input", "-i", type=argparse.FileType("r"), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, title="commands")
    run = commands.add_parser("run", help="run it", aliases=["r"])
    run.add_argument("script")
    run.add_argument("args", nargs=argparse.REMAINDER)
    show = commands.add_parser("show", formatter_class=argparse.RawDescriptionHelpFormatter, description="a\n  b")
    show.add_argument("what", nargs="?", default="all")
    show.add_argument("others", nargs="*")
    return parser


parser = build()
parser.print_help()
print(parser.format_usage(), parser)
LINES = [
    "-vvv --number 2 --flag run x.py --a b",
    "--add a --add b --more 1 2 3 show",
    "--point 1 2 --const r x",
    "show a b c",
    "--no-flag --yes show",
    "--numb=1 show",
    "",
    "--number 7 show",
    "--number x show",
    "--yes --no show",
    "--version",
    "--nonsense show",
    "nothing",
    "--help",
    "show --help",
    "--point 1",
    "--ad",
    "-x show",
    "--v show",
]
for line in LINES:
    out = io.StringIO()
    with contextlib.redirect_stderr(out), contextlib.redirect_stdout(out):
        try:
            print(sorted(vars(parser.parse_args(line.split())).items()))
        except SystemExit as exit_request:
            print("exit", exit_request.code)
    print(line, "->", out.getvalue())
print(parser.parse_known_args(["--unknown", "show", "x", "--y"]))
positional = argparse.ArgumentParser(prog="p", add_help=False, exit_on_error=False, allow_abbrev=False)
positional.add_argument("first", type=float)
positional.add_argument("rest", nargs="+")
positional.add_argument("-o", nargs="?", const="C", default="D")
positional.set_defaults(extra=1)
print(positional.parse_args("1.5 a b -o".split()), positional.parse_intermixed_args("1 -o x b c".split()))
for wrong in (["x", "y"], ["1"]):
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            positional.parse_args(wrong)
        except (argparse.ArgumentError, SystemExit) as error:
            print(error)

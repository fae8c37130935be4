"""optparse, getopt, cmd, code, codeop, sched, gettext, locale, traceback, warnings, string templates of them."""

import contextlib
import io
import os
import struct
import sys

from fresh import fresh

INCLUDE = [
    "optparse",
    "getopt",
    "cmd",
    "code",
    "codeop",
    "sched",
    "gettext",
    "locale",
    "traceback",
    "timeit",
    "queue",
]
os.environ.update(COLUMNS="80", LC_ALL="C", LANGUAGE="")
gettext, locale = fresh("gettext", "locale")
optparse, getopt, cmd, code, codeop, sched, traceback, queue, timeit = fresh(
    "optparse", "getopt", "cmd", "code", "codeop", "sched", "traceback", "queue", "timeit"
)


def callback(option, name, value, parser, *args):
    parser.values.called = (name, value, args)


parser = optparse.OptionParser(
    usage="%prog [options] x", version="%prog 2", description="Words " * 30, epilog="End", prog="demo"
)
parser.add_option("-n", "--number", type="int", default=3, help="a number [%default]", metavar="N")
parser.add_option("-v", action="count", dest="verbose")
parser.add_option("-q", action="store_false", dest="verbose")
parser.add_option("--choice", type="choice", choices=["a", "b"])
parser.add_option("-a", "--append", action="append", type="float", nargs=2)
parser.add_option("-c", action="callback", callback=callback, type="string", callback_args=(1,))
parser.add_option("--const", action="store_const", const=9, dest="const")
group = optparse.OptionGroup(parser, "Group", "Group text")
group.add_option("-g", action="store_true")
parser.add_option_group(group)
for line in (
    "-n 5 x y",
    "-vv --choice=a -a 1 2 -c z",
    "--num=0x10 -- -v",
    "--help",
    "--version",
    "-n x",
    "--choice q",
    "--nosuch",
    "-a 1",
    "--c=1",
    "-g=1",
    "-vn7",
):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            options, rest = parser.parse_args(line.split())
            print(sorted(vars(options).items()), rest)
        except SystemExit as exit_request:
            print("exit", exit_request.code)
    print(out.getvalue())
for wrong in (
    lambda: parser.add_option("x"),
    lambda: parser.add_option("-n"),
    lambda: optparse.Option("-z", action="no"),
    lambda: optparse.Option("-z", type="no"),
    lambda: parser.remove_option("--no"),
    lambda: optparse.Option("-y", choices=[1]),
):
    try:
        wrong()
    except (optparse.OptionError, ValueError, TypeError) as error:
        print(type(error).__name__, error)
for arguments in (["-ab", "x", "--long=1", "rest"], ["--lo", "2", "-b"], ["--no"], ["-a", "--", "-b"]):
    try:
        print(getopt.getopt(arguments, "ab:", ["long="]), getopt.gnu_getopt(["r", *arguments], "+ab:", ["long="]))
    except getopt.GetoptError as error:
        print(error)


class Shell(cmd.Cmd):
    intro = "welcome"
    prompt = "> "

    def do_greet(self, line):
        """Greet somebody."""
        print("hello", line, file=self.stdout)

    def help_topic(self):
        self.stdout.write("about topics\n")

    def do_EOF(self, line):
        return True

    def complete_greet(self, text, line, begin, end):
        return [name for name in ("anna", "bert") if name.startswith(text)]


shell = Shell(
    stdin=io.StringIO("greet a\n?\n? greet\nhelp topic\nhelp no\nnosuch\n\n!x\ngreet b\n"), stdout=io.StringIO()
)
shell.use_rawinput = False
shell.cmdloop()
shell.columnize([f"item{i}" for i in range(30)], 60)
shell.columnize([])
print(shell.stdout.getvalue(), shell.completenames("g"), shell.parseline("?x y"), shell.complete_help("gr"))

console = code.InteractiveConsole({"x": 1})
lines = iter(
    [
        "y = x + 1",
        "print(y)",
        "for i in range(2):",
        "    print(i)",
        "",
        "1 /",
        "1 / 0",
        "def f():",
        "  return 1",
        "",
        "pass",
    ]
)


def read(prompt):
    try:
        return next(lines)
    except StopIteration:
        raise EOFError from None


console.raw_input = read
errors = io.StringIO()
with contextlib.redirect_stderr(errors):
    console.interact(banner="banner", exitmsg="bye")
print(
    "ZeroDivisionError" in errors.getvalue(),
    codeop.compile_command("x = (") is None,
    codeop.compile_command("x = 1") is not None,
)
for source in ("x = = 1", "if 1:\n  y\nz", "def f("):
    try:
        print(codeop.compile_command(source) is None)
    except SyntaxError as error:
        print(type(error).__name__)

clock = [0.0]
scheduler = sched.scheduler(lambda: clock[0], lambda seconds: clock.__setitem__(0, clock[0] + seconds))
scheduler.enter(3, 1, print, ("third",))
scheduler.enterabs(1, 2, print, kwargs={"sep": "-"})
event = scheduler.enter(2, 1, print)
scheduler.enter(1, 1, print, ("first",))
scheduler.cancel(event)
print(len(scheduler.queue), scheduler.empty(), scheduler.run(blocking=False), scheduler.run())

q = queue.PriorityQueue(2)
q.put((2, "b"))
q.put((1, "a"))
for call in (
    lambda: q.put_nowait(1),
    q.get,
    q.get,
    q.get_nowait,
    lambda: q.get(timeout=0.001),
    lambda: q.put(1, timeout=-1),
    q.full,
    q.empty,
    q.qsize,
):
    try:
        print(call())
    except (queue.Full, queue.Empty, ValueError) as error:
        print(type(error).__name__)
print(
    queue.LifoQueue().empty(),
    timeit.timeit("pass", number=3) >= 0,
    len(timeit.repeat("x", "x = 1", number=1, repeat=2)),
    timeit.default_timer() > 0,
)


def catalogue():
    ids, texts = b"", b""
    entries = sorted(
        {
            "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n",
            "hello": "hallo",
            "one\0many": "eins\0viele",
            "ctx\x04hello": "servus",
        }.items()
    )
    offsets = []
    for key, value in entries:
        offsets.append((len(ids), len(key.encode()), len(texts), len(value.encode())))
        ids += key.encode() + b"\0"
        texts += value.encode() + b"\0"
    start = 7 * 4 + 16 * len(entries)
    table = b"".join(struct.pack("<II", length, start + offset) for offset, length, _, _ in offsets)
    table += b"".join(struct.pack("<II", length, start + len(ids) + offset) for _, _, offset, length in offsets)
    return struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0) + table + ids + texts


translations = gettext.GNUTranslations(io.BytesIO(catalogue()))
translations.add_fallback(gettext.NullTranslations())
print(
    translations.gettext("hello"),
    translations.gettext("none"),
    translations.ngettext("one", "many", 1),
    translations.ngettext("one", "many", 5),
    translations.pgettext("ctx", "hello"),
    translations.npgettext("c", "a", "b", 2),
    translations.charset(),
    translations.info()["plural-forms"],
)
print(
    gettext.c2py("n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2")(21),
    gettext.find("nothing", "/nowhere", ["de_DE.UTF-8@x"]),
    gettext.translation("n", fallback=True).gettext("x"),
    gettext.dgettext("d", "y"),
    gettext.ngettext("a", "b", 2),
)
for plural in ("n +", "x", "(n", "n ** 2", "0 < n", "n ? 1"):
    try:
        print(gettext.c2py(plural)(3))
    except ValueError as error:
        print(error)
try:
    gettext.GNUTranslations(io.BytesIO(b"bad!" * 9))
except OSError as error:
    print(error)
print(
    locale.normalize("de_DE"),
    locale.normalize("en.utf8@euro"),
    locale.format_string("%d %5.2f %s", (1234, 2.5, "x"), grouping=True),
    locale.str(1.5),
    locale.atof("1.5"),
    locale.atoi("7"),
    locale.delocalize("1,5"),
    locale.localize("1"),
    locale.getlocale(),
    locale.localeconv()["decimal_point"],
    locale.getpreferredencoding(False).lower(),
)
for wrong in (
    lambda: locale.setlocale(locale.LC_ALL, "no_SUCH"),
    lambda: locale.currency(1.5),
    lambda: locale.format_string("%", 1),
):
    try:
        print(wrong())
    except (locale.Error, ValueError) as error:
        print(type(error).__name__)


def failing(n):
    local = "value"
    if n:
        return failing(n - 1)
    raise KeyError(local)


def chained():
    try:
        failing(4)
    except KeyError as error:
        error.add_note("a note")
        raise ValueError("outer\nlines") from error


try:
    chained()
except ValueError as error:
    text = "".join(traceback.format_exception(error))
    print(text)
    error.__traceback__ = error.__traceback__.tb_next  # the locals of this module differ in every run
    summary = traceback.TracebackException.from_exception(error, capture_locals=True, limit=2)
    print(
        "".join(summary.format(chain=False)),
        summary.stack[0].line,
        traceback.extract_tb(error.__traceback__)[0].lineno,
        traceback.format_exception_only(error),
    )
    traceback.print_exception(error, limit=-1, file=sys.stdout)
    traceback.clear_frames(error.__traceback__)
try:
    raise ExceptionGroup("group", [ValueError(1), ExceptionGroup("inner", [TypeError(2), OSError(3)])])
except ExceptionGroup as group_error:
    traceback.print_exc(file=sys.stdout)
    traceback.print_exception(group_error, file=sys.stdout, chain=False)
try:
    eval("1 +\n * ü 2")
except SyntaxError:
    traceback.print_exc(file=sys.stdout)
for source in ("missing_nam", "''.uppr", "import nosuchmodule", "sys.exiit"):
    missing_name = 1
    try:
        exec(source)
    except Exception as error:
        print(traceback.format_exception_only(error))
print(
    len(traceback.extract_stack()) > 0,
    len(traceback.format_stack()) > 0,
    traceback.format_list([("f", 1, "g", "h")]),
    traceback.StackSummary.from_list([("f", 1, "g", "h")] * 6).format(),
)

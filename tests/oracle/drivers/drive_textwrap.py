"""textwrap, string, shlex, and the pure-Python part of string formatting."""

import io

from fresh import fresh

INCLUDE = ["textwrap", "string", "shlex", "reprlib", "pprint"]
textwrap, string, shlex, reprlib, pprint = fresh("textwrap", "string", "shlex", "reprlib", "pprint")

TEXT = "The quick-brown fox jumped\tover the lazy dog -- again!  And a verylongwordthatdoesnotfit anywhere at all. " * 3
for width, options in (
    (20, {}),
    (10, {"break_long_words": False}),
    (30, {"initial_indent": "* ", "subsequent_indent": "  "}),
    (25, {"max_lines": 2}),
    (40, {"fix_sentence_endings": True, "drop_whitespace": False, "expand_tabs": False}),
    (3, {"max_lines": 1, "placeholder": "~"}),
    (15, {"break_on_hyphens": False, "replace_whitespace": False}),
):
    print(textwrap.fill(TEXT, width, **options))
print(
    textwrap.shorten(TEXT, 30),
    textwrap.dedent("\n   a\n     b\n\t\n   c"),
    textwrap.indent("a\n\nb", "> ", lambda line: True),
)
for width, options in ((0, {}), (2, {"max_lines": 1, "placeholder": "long"})):
    try:
        textwrap.wrap("a b c", width, **options)
    except ValueError as error:
        print(error)

template = string.Template("$who likes ${what} for $$5 $ $0")
print(
    template.safe_substitute(who="tim"),
    string.capwords("a bc  DEF"),
    string.Template("$a").get_identifiers(),
    template.is_valid(),
)
for text, values in (("$a", {}), ("$", {}), ("${", {})):
    try:
        string.Template(text).substitute(values, b=1)
    except (KeyError, ValueError) as error:
        print(error)


class Pad(string.Formatter):
    def check_unused_args(self, used, args, kwargs):
        print(sorted(map(str, used)))


print(
    Pad().format("{0} {1.real:>{width}} {name!r} {data[x]} {{}}", 1, 2, width=5, name="n", data={"x": 3}),
    string.Formatter().format("{} {!s} {!a}", 1, 2, "é"),
)
for text in ("{} {0}", "{0} {}", "{x}", "{!z}", ""):
    try:
        print(string.Formatter().format(text, 1))
    except (ValueError, KeyError, IndexError) as error:
        print(error)

print(
    shlex.split('a \'b c\' "d \\" e" f\\ g # h', comments=True),
    shlex.split("x # y"),
    shlex.quote("it's"),
    shlex.join(["a b", ""]),
    shlex.quote("plain"),
)
for lexer in (
    shlex.shlex("a && b || c; (d >> e) ~/x*.py 'q'", punctuation_chars=True),
    shlex.shlex("x = 'y' \"z", posix=False),
    shlex.shlex("a.b-c \\", posix=True),
):
    lexer.debug = 0
    try:
        print(list(lexer), lexer.lineno)
    except ValueError as error:
        print(error)
lexer = shlex.shlex(io.StringIO("source other\nword"), "name")
lexer.push_token("pushed")
lexer.push_source("from string", "s")
print(lexer.get_token(), lexer.get_token(), lexer.error_leader(), list(lexer))

deep = {
    "list": list(range(40)),
    "text": "word " * 40,
    "set": {3, 1, 2},
    "frozen": frozenset("ab"),
    "bytes": b"x" * 120,
    "nested": {"a": {"b": [{"c": (1,)}]}},
    "t": (),
}
deep["self"] = deep
print(
    pprint.pformat({k: v for k, v in deep.items() if k != "self"}, width=50),
    pprint.isrecursive(deep),
    pprint.isreadable([1]),
    pprint.saferepr({2: 1, 1: 2}),
)
pprint.pprint(
    {k: v for k, v in deep.items() if k != "self"}, compact=True, depth=2, sort_dicts=False, underscore_numbers=True
)
import collections
import dataclasses
import types


@dataclasses.dataclass
class Data:
    name: str
    values: list


pprint.pprint(
    [
        Data("n", list(range(30))),
        collections.Counter("mississippi" * 3),
        collections.OrderedDict(a=[1] * 40, b=2),
        collections.defaultdict(int, {i: i for i in range(20)}),
        collections.deque(range(60), 100),
        types.SimpleNamespace(a=list(range(40)), b=1),
        collections.ChainMap({1: "x" * 50}, {2: "y" * 50}),
        types.MappingProxyType({"k": ["v"] * 30}),
        bytearray(b"y" * 90),
    ]
)
print(
    reprlib.repr(list(range(99))),
    reprlib.repr({i: "x" * 99 for i in range(9)}),
    reprlib.repr({1, 2}),
    reprlib.repr(10**99),
    reprlib.repr([[[[[[[[1]]]]]]]]),
    reprlib.repr(("a",)),
    reprlib.repr(frozenset()),
    reprlib.repr(collections.deque([1])),
)

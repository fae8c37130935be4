"""tomllib, the pure-Python part of re, sre compilation, string formatting of patterns."""

from fresh import fresh

INCLUDE = ["tomllib.*", "re.*", "unittest.*", "doctest"]
re = fresh("re")
tomllib = fresh("tomllib")
fresh("unittest")
doctest = fresh("doctest")
import io
import os
import types
import unittest
import unittest.mock

TEXT = '''
title = "TOML \\u00e9 \\t"
int = 1_000
hex = 0xff
float = -3.5e+2
inf = +inf
bool = true
odt = 1979-05-27T07:32:00.999-08:00
ld = 1979-05-27
lt = 07:32:00
array = [1, [2, "x"], {a = 1, b.c = 2}, # comment
]
multi = """
a \\
   b "" c"""
literal = 'c:\\x'
mliteral = \'\'\'
raw 'text' \'\'\'
[table.sub."quoted key"]
a.b.c = 1
[[array_of]]
x = 1
[[array_of]]
x = 2
[array_of.nested]
y = 3
'''
print(tomllib.loads(TEXT), tomllib.loads("x = 1.5", parse_float=str), tomllib.load(io.BytesIO(b"a = 1")))
for broken in (
    "a",
    "a =",
    "a = 1 b",
    "[a]\n[a]",
    "a = 1\na = 2",
    "a = [1",
    'a = "x',
    "a = {b = 1",
    "a = 00",
    "[a",
    "[[a]",
    "a.b = 1\na.b.c = 2",
    'a = "\\z"',
    "a = {x = 1, x = 2}",
    "= 1",
    "a = 2020-13-01",
    '"""a"""=1',
    "a = tru",
    "a = [1,,]",
    "\x01",
    'a = """\\q"""',
    "[a]\nb=1\n[a.b]",
    "[[a]]\n[a]",
):
    try:
        tomllib.loads(broken)
    except tomllib.TOMLDecodeError as error:
        print(error)
for call in (
    lambda: tomllib.loads(b"a"),
    lambda: tomllib.load(io.StringIO("a=1")),
    lambda: tomllib.loads("a = 1.0", parse_float=lambda text: []),
):
    try:
        print(call())
    except (TypeError, ValueError) as error:
        print(error)

PATTERNS = [
    r"a(b|c)*?d+?",
    r"(?P<name>\w+)\s(?P=name)\1?",
    r"^[^a-z\d_-]{2,5}$|\b\B\A\Z",
    r"(?i:x)(?-i:y)(?s).",
    r"(?=a)(?!b)(?<=c)(?<!d)e",
    r"(a)?(?(1)b|c)",
    r"\x41\u0042\U00000043\103\0\N{BULLET}",
    r"[\]\[a\-z]|[[:x]",
    r"(?x) a # c" "\n b",
    r"(?>ab)*+c++",
    r"a{,3}b{2}c{1,}?",
    "abc|abd|abe",
    "(?#comment)x",
    r"[aeiou]|[xyz]|q",
    "é[à-ü]+",
    r"[\W\S]",
    r"(?:)",
    r".*foo",
    r"x*(?a:\w)",
    r"[^\n]",
]
for pattern in PATTERNS:
    for flags in (0, re.IGNORECASE, re.VERBOSE | re.MULTILINE | re.DOTALL, re.ASCII):
        try:
            compiled = re.compile(pattern, flags)
            print(compiled.search("aabcd Foo foo ABC é x"), compiled.groups)
        except re.error as error:
            print(error)
BAD = [
    "(",
    ")",
    "[",
    "a**",
    "(?P<n>a)(?P<n>b)",
    "(?P<1>a)",
    "(?P=x)",
    r"\8",
    "a{3,2}",
    "(?<=a*)",
    "(?z)",
    "*",
    "\\",
    "(?P",
    "[z-a]",
    r"\x4",
    "(?(2)a)",
    "(?(1)a|b|c)",
    "x{99999999999}",
    r"\N{no}",
    r"[\d-z]",
    "(?i-i:a)",
    "a(?i)",
    "(?Pq)",
    r"\q",
    "(?:a",
    "(?<a)",
]
for pattern in BAD:
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        print(error)
print(
    re.sub(r"(\w)(?P<n>\w)", r"\g<n>\1\g<0>", "abcd"),
    re.split("(,)", "a,b"),
    re.escape("a.b"),
    re.findall("a", "aa"),
    re.fullmatch("a", "a"),
    re.subn("a", lambda m: "b", "aa"),
    re.sub("x", r"\n", "x"),
    re.purge(),
    re.compile(b"[a-z]\xff").pattern,
    re.RegexFlag(10),
    re.Scanner([("a", lambda scanner, token: token), (r"\s", None)]).scan("a a b"),
    [m.span() for m in re.finditer("a*", "baac")],
)
for template in (r"\2", r"\g<x>", r"\g", r"\g<1", r"\q"):
    try:
        print(re.sub("(a)", template, "a"))
    except (re.error, IndexError) as error:
        print(error)
out = io.StringIO()
import contextlib

with contextlib.redirect_stdout(out):
    re.compile(r"(?i)a[b-d]+(x|y)(?=z)(?(1)q)", re.DEBUG)
print(len(out.getvalue()))


class Sample(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = unittest.mock.Mock(name="m", side_effect=[1, ValueError])

    def setUp(self):
        self.addCleanup(lambda: None)

    def test_passes(self):
        self.assertEqual([1, {"a": 2}], [1, {"a": 2}])
        self.assertRaises(ValueError, int, "x")
        with self.assertRaisesRegex(KeyError, "k"), self.subTest(i=1):
            raise KeyError("k")
        with self.assertLogs("x") as logs:
            import logging

            logging.getLogger("x").error("e")
        self.assertAlmostEqual(1.00000001, 1)
        self.assertCountEqual([1, 2], [2, 1])
        self.assertIn(1, [1])
        self.assertIsNone(None)
        self.assertRegex("abc", "b")

    def test_fails(self):
        self.assertEqual({"a": list(range(20))}, {"a": list(range(21))})

    def test_multiline(self):
        self.assertMultiLineEqual("a\nb\n", "a\nc\n")

    def test_sets(self):
        self.assertSetEqual({1}, {2})

    def test_error(self):
        raise OSError

    def test_subtests(self):
        for i in range(3):
            with self.subTest("s", i=i):
                self.assertNotEqual(i, 1)

    @unittest.skip("reason")
    def test_skipped(self): ...

    @unittest.expectedFailure
    def test_expected(self):
        self.fail("as expected")

    @unittest.mock.patch("os.getlogin", return_value=3)
    def test_mock(self, mocked):
        self.assertEqual(os.getlogin(), 3)
        mocked.assert_called_once_with()
        self.assertEqual(self.shared(), 1)
        magic = unittest.mock.MagicMock(spec=["a", "__getitem__"])
        magic.a.b.return_value = 2
        magic["x"]
        self.assertEqual(magic.mock_calls, [unittest.mock.call.__getitem__("x")])
        with self.assertRaises(AttributeError):
            magic.nothing
        with (
            unittest.mock.patch.dict("os.environ", {"X": "1"}),
            unittest.mock.patch.object(Sample, "new", 1, create=True),
        ):
            pass
        unittest.mock.create_autospec(lambda a, b=1: None)(1)
        self.assertEqual(unittest.mock.ANY, 3)
        with unittest.mock.patch("builtins.open", unittest.mock.mock_open(read_data="d")):
            self.assertEqual(open("x").read(), "d")


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_async(self):
        await unittest.mock.AsyncMock(return_value=1)()


stream = io.StringIO()
suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sample)
suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(Async))
result = unittest.TextTestRunner(stream, verbosity=2).run(suite)
print(
    result.testsRun,
    len(result.failures),
    len(result.errors),
    len(result.skipped),
    [case.id() for case, _ in result.failures],
)
module = types.ModuleType(
    "documented",
    ">>> 1 + 1\n2\n>>> [1, 2]  # doctest: +ELLIPSIS\n[1...]\n>>> 1 / 0\nTraceback (most recent call last):\nZeroDivisionError: division by zero\n>>> 3\n4\n",
)
with contextlib.redirect_stdout(stream):
    print(doctest.testmod(module, verbose=False))
    doctest.run_docstring_examples("x\n\n>>> print('a\\n\\nb')\na\n<BLANKLINE>\nb\n", {}, verbose=True)
print(len(doctest.DocTestParser().get_examples(module.__doc__)), doctest.script_from_examples(">>> x\n1\ntext")[:9])

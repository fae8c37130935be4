"""Real libraries, imported with probes at every line, do what they do without."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAMS = {
    "json": """
        import json
        data = {"a": [1, 2.5, None, True, "\\u00e9\\n"], "b": {"c": []}}
        print(json.dumps(data, indent=2, sort_keys=True), json.loads(json.dumps(data)) == data)
        try: json.loads('{"a": }')
        except json.JSONDecodeError as error: print(error)
        json.encoder.c_make_encoder = None
        print(json.dumps(data, indent=1), json.JSONEncoder(default=str).encode(object) [:8])
        """,
    "xml": """
        import xml.etree.ElementTree as tree, xml.dom.minidom, xml.sax
        text = "<a x='1'><b>t</b><b/><!-- c --></a>"
        root = tree.fromstring(text)
        print(tree.tostring(root), [e.tag for e in root.iter()], root.find("b").text)
        print(xml.dom.minidom.parseString(text).toprettyxml())
        class Handler(xml.sax.ContentHandler):
            def startElement(self, name, attrs): print("start", name, dict(attrs))
        xml.sax.parseString(text, Handler())
        """,
    "email": """
        import email, email.policy
        from email.message import EmailMessage
        message = EmailMessage()
        message["Subject"] = "Gr\\u00fc\\u00dfe"
        message["To"] = "A <a@example.org>, b@example.org"
        message.set_content("text\\n")
        message.add_attachment(b"bytes", maintype="application", subtype="x", filename="f")
        message.set_boundary("=====")
        parsed = email.message_from_bytes(bytes(message), policy=email.policy.default)
        print(bytes(message).decode(), [part.get_content_type() for part in parsed.walk()], parsed["to"].addresses)
        """,
    "asyncio": """
        import asyncio
        async def child(n, queue):
            for i in range(n):
                await asyncio.sleep(0); await queue.put((n, i))
            if n == 3: raise ValueError("three")
            return n
        async def main():
            queue = asyncio.Queue(2)
            async def drain():
                return sorted([await queue.get() for _ in range(10)])
            drained = asyncio.create_task(drain())
            print(await asyncio.gather(*(child(n, queue) for n in range(5)), return_exceptions=True), await drained)
            try:
                async with asyncio.timeout(0.01): await asyncio.Event().wait()
            except TimeoutError: print("timeout")
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(child(3, asyncio.Queue())); group.create_task(asyncio.Event().wait())
            except* ValueError as errors: print(errors.exceptions)
            print(await asyncio.to_thread(sum, [1, 2]))
            async def numbers():
                try:
                    for n in range(9): yield n
                finally: print("closed")
            async for n in numbers():
                if n == 2: break
            server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            print(await reader.read()); writer.close(); server.close()
        asyncio.run(main())
        """,
    "dataclasses": """
        import dataclasses, enum, typing, functools, collections, abc
        @dataclasses.dataclass(order=True, frozen=True)
        class Point:
            x: int
            y: int = dataclasses.field(default=2, compare=False)
            tags: list = dataclasses.field(default_factory=list, repr=False)
        print(Point(1), Point(1) < Point(2), dataclasses.asdict(Point(1)), dataclasses.replace(Point(1), x=5))
        class Color(enum.Flag):
            RED = enum.auto(); GREEN = enum.auto()
        print(Color.RED | Color.GREEN, list(Color), Color(3), Color.RED in Color(3))
        class Named(typing.NamedTuple):
            a: int
            b: str = "b"
        print(Named(1), Named(1)._replace(b="c"), typing.get_type_hints(Named), typing.Optional[int])
        T = typing.TypeVar("T")
        class Box(typing.Generic[T]): pass
        print(Box[int], typing.get_args(Box[int]), issubclass(collections.OrderedDict, collections.abc.Mapping))
        @functools.singledispatch
        def kind(x): return "object"
        kind.register(int, lambda x: "int")
        print(kind(1), kind("a"), functools.reduce(lambda a, b: a + b, [1, 2, 3]))
        """,
    "text": """
        import re, argparse, textwrap, difflib, tokenize, io, ast, configparser, csv, string, pprint, html.parser
        print(re.sub(r"(?P<w>\\w+) (?:x|y){2,3}", r"[\\g<w>]", "ab xyx cd"), re.compile("a|b*").findall("aabb"))
        parser = argparse.ArgumentParser(prog="p")
        parser.add_argument("-n", type=int, default=3, help="number"); parser.add_argument("rest", nargs="*")
        print(parser.parse_args(["-n", "4", "a", "b"]), parser.format_help())
        print(textwrap.fill("word " * 30, 40), list(difflib.unified_diff(["a\\n", "b\\n"], ["a\\n", "c\\n"])))
        source = "def f(x):\\n    return [y for y in x if y]\\n"
        print([t.string for t in tokenize.generate_tokens(io.StringIO(source).readline)])
        print(ast.unparse(ast.parse(source)), ast.literal_eval("{'a': (1, -2)}"))
        config = configparser.ConfigParser(); config.read_string("[s]\\na = 1\\nb = %(a)s2\\n"); print(config["s"]["b"])
        print(list(csv.DictReader(io.StringIO("a,b\\n1,2\\n"))), string.Template("$a ${b}").substitute(a=1, b=2))
        pprint.pprint({"k" * 30: list(range(30)), "l" * 30: "x" * 60})
        """,
    "numbers": """
        import _pydecimal as decimal, fractions, statistics, random, datetime, calendar, heapq, bisect, struct, uuid
        print(decimal.Decimal("1.10") / 3, decimal.Decimal(2).sqrt(), fractions.Fraction("3.25") ** 2)
        print(statistics.quantiles(range(20)), statistics.mode("aab"), statistics.NormalDist(0, 1).cdf(1))
        random.seed(3)
        print(random.sample(range(100), 5), random.gauss(0, 1), random.choices("abc", k=4))
        print(datetime.datetime(2024, 2, 29) + datetime.timedelta(days=366), calendar.month(2024, 2))
        print(heapq.nsmallest(2, [3, 1, 2]), bisect.bisect([1, 2, 3], 2), uuid.UUID(int=5))
        """,
    "unittest": """
        import io, unittest, unittest.mock, doctest, contextlib, tempfile, pathlib, shutil, logging, traceback
        class Test(unittest.TestCase):
            def test_one(self): self.assertEqual([1, 2], [1, 2])
            def test_two(self):
                with self.assertRaisesRegex(ValueError, "x"): raise ValueError("x")
            def test_three(self):
                with unittest.mock.patch("os.getcwd", return_value="/mocked") as mocked:
                    import os; self.assertEqual(os.getcwd(), "/mocked")
                mocked.assert_called_once_with()
            def test_fails(self): self.assertIn(3, [1, 2])
        stream = io.StringIO()
        result = unittest.TextTestRunner(stream=stream).run(unittest.defaultTestLoader.loadTestsFromTestCase(Test))
        print(result.testsRun, len(result.failures), result.failures[0][1])
        def f():
            '''
            >>> 1 + 1
            2
            '''
        print(doctest.run_docstring_examples(f, {}))
        logging.basicConfig(format="%(levelname)s %(message)s", stream=__import__("sys").stdout)
        logging.warning("warned %d", 3)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a" / "b.txt"
            path.parent.mkdir(); path.write_text("x"); shutil.copytree(path.parent, pathlib.Path(folder) / "c")
            print(sorted(p.name for p in pathlib.Path(folder).rglob("*")))
        with contextlib.ExitStack() as stack:
            stack.callback(print, "left"); stack.enter_context(contextlib.suppress(KeyError)); {}["k"]
        """,
    "processes": """
        import concurrent.futures, multiprocessing, subprocess, sys, threading, queue
        def double(x): return x * 2
        with concurrent.futures.ThreadPoolExecutor(3) as pool: print(list(pool.map(double, range(5))))
        with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(double, range(5)))
        print(subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout)
        lock, results = threading.Condition(), queue.Queue()
        threads = [threading.Thread(target=lambda n=n: results.put(n)) for n in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(sorted(results.get() for _ in range(4)), threading.active_count())
        """,
}

RUN = """
import runpy, sys
if sys.argv[1] != "bare":
    import pykcov
    pykcov.instrument_all(sys.argv[1])
    hook = pykcov.instrument_imports(granularity=sys.argv[1])
    device = pykcov.open()
    device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
    buffer = device.mmap()
    device.enable(pykcov.TRACE_UNIQUE_PC)
runpy.run_path("program.py", run_name="__main__")
if sys.argv[1] != "bare":
    device.disable()
    assert device.dropped == 0, device.dropped
    assert buffer.count > 500, buffer.count
    # Nothing that was imported as Python code went without probes.
    assert not [skip for skip in pykcov.skipped() if "Error" in skip.reason], pykcov.skipped()
"""


@pytest.mark.parametrize("granularity", ["line", pytest.param("block", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_prints_the_same_as_bare(tmp_path: Path, name: str, granularity: str) -> None:
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAMS[name]))
    (tmp_path / "run.py").write_text(RUN)

    bare, instrumented = (
        subprocess.run(
            [sys.executable, "run.py", kind],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
        )
        for kind in ("bare", granularity)
    )

    assert bare.stdout
    assert (instrumented.stdout, instrumented.stderr) == (bare.stdout, bare.stderr)
    assert instrumented.returncode == bare.returncode

"""A small project, and what configures coverage.py for it: both judge by these."""

from typing import NamedTuple

PROJECT = {
    "app.py": """
        from pk import m, omitted
        from pk.sub import deep
        import loose

        m.f(1)
        m.g(None)
        omitted.g()
        deep.d(2)
        loose.run()
        """,
    "loose.py": """
        def run():
            return [x for x in range(3) if x]
        """,
    "pk/__init__.py": "",
    "pk/m.py": """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            import os


        def f(x):
            if x:
                return 1
            return 2


        def g(x):
            for each in range(2):
                if each == x:
                    break
            else:
                x = 3
            try:
                x.nothing
            except AttributeError:
                x = 4
            while True:
                if x:
                    return x


        def h(x):  # pragma: no cover
            return x


        def special():  # not for users
            raise NotImplementedError


        class C:
            def __repr__(self):
                return "C"

            def method(self):
                if self:  # pragma: no branch
                    return 1
        """,
    "pk/never.py": """
        def g():
            return 1
        """,
    "pk/omitted.py": """
        def g():
            return 1
        """,
    "pk/whole.py": "VALUE = 1\n",
    "pk/.#odd.py": "x = 1\n",
    "pk/sub/__init__.py": "from pk import whole\n",
    "pk/sub/deep.py": """
        def d(x):
            if x > 1:
                x += 1
            return x
        """,
    "pk/sub/unused.py": "a = 1\n",
    "spaces/unused.py": "a = 1\n",
    "more/spaces/inner.py": "b = 1\n",
}
"""Files and what is in them, indented."""


class Case(NamedTuple):
    """What configures coverage.py."""

    name: str
    text: str
    """Of the file."""
    file: str = ".coveragerc"


def rc(name: str, text: str) -> Case:
    """Return a case in .coveragerc."""
    return Case(name, text)


def toml(name: str, run: str = "", report: str = "", more: str = "") -> Case:
    """Return a case in pyproject.toml."""
    return Case(name, f"[tool.coverage.run]\n{run}\n[tool.coverage.report]\n{report}\n{more}", "pyproject.toml")


CASES = [
    rc("nothing", ""),
    Case("no file", "", "unrelated.txt"),
    rc("a folder as source", "[run]\nsource = pk\n"),
    rc("the folder itself", "[run]\nsource = .\n"),
    rc("two folders", "[run]\nsource =\n    pk/sub\n    spaces\n"),
    rc("a package and a module", "[run]\nsource_pkgs = pk.sub, loose\n"),
    rc("a package and a folder", "[run]\nsource = spaces\nsource_pkgs = pk\n"),
    rc("a module nobody imported", "[run]\nsource_pkgs = pk.never, pk.m\n"),
    rc("folders that have to be", "[run]\nsource_dirs = pk/sub\n"),
    rc("include", "[run]\ninclude = pk/*\n"),
    rc("include anywhere", "[run]\ninclude = */sub/*, loose.py\n"),
    rc("include and source, which contradict", "[run]\nsource = pk\ninclude = loose.py\n"),
    rc("omit", "[run]\nomit = */omitted.py\n"),
    rc("omit a folder", "[run]\nsource = .\nomit =\n    pk/sub/*\n    spaces/*\n"),
    rc("omit by name alone", "[run]\nsource = .\nomit = never.py\n"),
    rc("include and omit", "[run]\ninclude = pk/*\nomit = pk/sub/**\n"),
    rc("in a report: include", "[report]\ninclude = pk/*\n"),
    rc("in a report: omit", "[run]\nsource = .\n[report]\nomit = pk/sub/*\n"),
    rc("folders without __init__", "[run]\nsource = .\n[report]\ninclude_namespace_packages = true\n"),
    rc(
        "exclude_also",
        "[run]\nsource = pk\n[report]\nexclude_also =\n    def __repr__\n    raise NotImplementedError\n",
    ),
    rc("exclude_lines, which replaces", "[run]\nsource = pk\n[report]\nexclude_lines =\n    not for users\n"),
    rc("a function that is excluded", "[run]\nsource = pk\n[report]\nexclude_also = def method\n"),
    rc("skip_covered", "[run]\nsource = pk\n[report]\nskip_covered = true\n"),
    rc("skip_empty and missing lines", "[run]\nsource = pk\n[report]\nskip_empty = true\nshow_missing = true\n"),
    rc("precision", "[run]\nsource = pk\n[report]\nprecision = 3\n"),
    rc("sort", "[run]\nsource = pk\n[report]\nsort = -Miss\nshow_missing = true\n"),
    rc("a format", "[run]\nsource = pk\n[report]\nformat = markdown\n"),
    rc("a bound that is reached", "[run]\nsource = pk\n[report]\nfail_under = 10\n"),
    rc("a bound that is not", "[run]\nsource = pk\n[report]\nfail_under = 99.5\n"),
    rc("relative files", "[run]\nsource = pk\nrelative_files = true\n"),
    rc("paths", "[run]\nsource = pk\n[paths]\nsource =\n    other\n    */pk\n"),
    rc("variables", "[run]\nsource = ${NO_SUCH_VARIABLE-pk}\n"),
    rc("greenlets and threads", "[run]\nsource = pk\nconcurrency = thread\n"),
    rc("branches", "[run]\nsource = pk\nbranch = true\n"),
    rc("branches of all", "[run]\nbranch = true\n[report]\nshow_missing = true\n"),
    rc("partial branches", "[run]\nsource = pk\nbranch = true\n[report]\npartial_also = if x:\nshow_missing = true\n"),
    rc(
        "branches excluded",
        "[run]\nsource = pk\nbranch = true\n[report]\nexclude_also = if self\nskip_covered = true\n",
    ),
    rc(
        "partial branches, which replace",
        "[run]\nsource = pk\nbranch = true\n[report]\npartial_branches = if each\nshow_missing = true\n",
    ),
    rc(
        "partial branches always, which replace",
        "[run]\nsource = pk\nbranch = true\n[report]\npartial_branches_always = if x\nshow_missing = true\n",
    ),
    rc("a file for each process", "[run]\nsource = pk\nparallel = true\n"),
    rc("a file for each process, elsewhere", "[run]\nsource = pk\nparallel = true\ndata_file = found.data\n"),
    rc("processes", "[run]\nsource = pk\nbranch = true\nconcurrency = multiprocessing, thread\n"),
    rc("a data file", "[run]\nsource = pk\ndata_file = found.data\n"),
    rc("contexts of tests", "[run]\nsource = pk\nbranch = true\ndynamic_context = test_function\n"),
    rc("sigterm", "[run]\nsource = pk\nsigterm = true\n"),
    rc(
        "each kind of report",
        "[run]\nsource = pk\n[html]\ndirectory = pages\ntitle = T\nskip_covered = true\nskip_empty = true\n"
        "[json]\noutput = found.json\npretty_print = true\n"
        "[xml]\noutput = found.xml\npackage_depth = 2\n[lcov]\noutput = found.lcov\nline_checksums = true\n",
    ),
    rc(
        "each kind of report, with branches",
        "[run]\nsource = pk\nbranch = true\n[html]\ndirectory = pages\n[json]\noutput = found.json\n"
        "[xml]\noutput = found.xml\n[lcov]\noutput = found.lcov\n",
    ),
    Case("setup.cfg", "[metadata]\nname = x\n[coverage:run]\nsource = pk\nomit = */never.py\n", "setup.cfg"),
    Case("tox.ini", "[tox]\n[coverage:run]\nsource = pk\n[coverage:report]\nprecision = 1\n", "tox.ini"),
    Case("a file of its own in TOML", "[run]\nsource = ['pk']\n[report]\nshow_missing = true\n", ".coveragerc.toml"),
    toml("pyproject.toml", run='source = ["pk"]\nomit = ["*/omitted.py"]', report="show_missing = true"),
    toml("branches in pyproject.toml", run='source = ["pk"]\nbranch = true', report="fail_under = 30"),
    Case("dotted keys", "tool.coverage.run.source = ['pk']\n[tool.other]\nx = 1\n", "pyproject.toml"),
]

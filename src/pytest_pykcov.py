"""What pytest imports of pykcov where no `--pykcov` is given: the options. The rest is in pykcov.contrib.pytest_plugin.

It stands beside the package, as to import something in a package is to import the package. PYTEST_DONT_REWRITE
"""

import pytest

_KINDS = ("test", "setup-call-teardown", "none")
_FORMATS = ("text", "html", "xml", "lcov", "json")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("pykcov", "which test ran what (pykcov)")
    group.addoption(
        "--pykcov", action="store_true", help="Record which lines each test runs, into a data file of coverage.py."
    )
    group.addoption(
        "--pykcov-source",
        action="append",
        default=[],
        metavar="SOURCE",
        help="Trace the code below this folder, or of this module or package. May be repeated. Default: what lies "
        "below the current folder and is not installed.",
    )
    group.addoption(
        "--pykcov-granularity",
        choices=("line", "block"),
        default="line",
        help="Where the probes are: at each line, or at each basic block, which is faster and tells the same lines but "
        "for those behind an exception. Default: line.",
    )
    group.addoption(
        "--pykcov-context",
        choices=_KINDS,
        default="test",
        help="What is told apart: tests by their node ids (with fixtures of wider scope for themselves), the parts "
        "'NODEID|setup', 'NODEID|run' and 'NODEID|teardown' of each test, or nothing. Default: test.",
    )
    group.addoption(
        "--pykcov-report",
        action="append",
        default=[],
        type=_report,
        metavar="FORMAT[:WHERE]",
        help=f"Make a report by coverage.py at the end: {', '.join(_FORMATS)}; WHERE is a file, for html a folder. May "
        "be repeated. Default: none; `coverage html --show-contexts` makes one of the data file.",
    )
    group.addoption(
        "--pykcov-native",
        action="store_true",
        help="Trace native code built with `pykcov cflags`, too.",
    )
    group.addoption(
        "--pykcov-data",
        metavar="FILE",
        default=None,
        help="The data file to write. Default: $COVERAGE_FILE, else .coverage.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before conftest files import the code under test."""
    if early_config.known_args_namespace.pykcov:
        # Not before: pytest imports this file in every run.
        from pykcov.contrib.pytest_plugin.plugin import begin

        begin(early_config)


def _report(value: str) -> tuple[str, str | None]:
    format, _, where = value.partition(":")
    if format not in _FORMATS:
        import argparse  # which pytest has imported

        raise argparse.ArgumentTypeError(f"{format!r} is none of {', '.join(_FORMATS)}")
    return format, where or None

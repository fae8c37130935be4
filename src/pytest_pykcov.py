"""What pytest imports of pykcov where no `--pykcov` is given: the options. The rest is in pykcov.contrib.pytest_plugin.

They are those of pytest-cov, by its names, and some more. It stands beside the package, as to import something in a
package is to import the package. PYTEST_DONT_REWRITE
"""

import argparse
import os

import pytest

_KINDS = ("test", "setup-call-teardown", "none")
_ON_TERMINAL = ("term", "term-missing")
_IN_FILES = ("html", "xml", "json", "lcov", "markdown", "markdown-append", "annotate", "text")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("pykcov", "which test ran what (pykcov)")
    group.addoption(
        "--pykcov",
        action="append",
        nargs="?",
        const=True,
        default=[],
        metavar="SOURCE",
        help="Record which lines each test runs, into a data file of coverage.py. SOURCE is a folder, module or "
        "package to trace instead of what is configured; may be repeated; '' is all that is not installed.",
    )
    group.addoption(
        "--pykcov-source",
        action="append",
        default=[],
        metavar="SOURCE",
        help="The same as SOURCE of --pykcov.",
    )
    group.addoption(
        "--pykcov-config",
        metavar="FILE",
        default=None,
        help="The configuration of coverage.py to follow; '' is none. Default: $COVERAGE_RCFILE, else .coveragerc, "
        "setup.cfg, tox.ini or pyproject.toml.",
    )
    group.addoption(
        "--pykcov-granularity",
        choices=("line", "block", "arc", "condition"),
        help="Where the probes are: at each line; at each basic block, which is faster and tells the same lines but "
        "for those behind an exception; or where branches part, too (--pykcov-branch). Default: line.",
    )
    group.addoption(
        "--pykcov-branch",
        action="store_true",
        help="Record branches as well: which line a condition led to.",
    )
    group.addoption(
        "--pykcov-conditions",
        "--pykcov-mcdc",
        action="store_true",
        help="Record branches and conditions: which operand of and, or and not was true or false, and whether it "
        "decided. `pykcov report --conditions .coverage` shows it.",
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
        metavar="TYPE[:WHERE]",
        help=f"Make a report by coverage.py at the end: {', '.join(_ON_TERMINAL)} (with ':skip-covered', if wanted), "
        f"{', '.join(_IN_FILES)}; WHERE is a file, for html and annotate a folder. May be repeated. '' is none. "
        "Default: term.",
    )
    group.addoption(
        "--pykcov-fail-under",
        type=_percent,
        metavar="PERCENT",
        help="Fail if less ran in total. Default: what is configured.",
    )
    group.addoption(
        "--pykcov-precision", type=int, choices=range(16), metavar="N", help="Digits behind the point of percentages."
    )
    group.addoption(
        "--pykcov-append", action="store_true", help="Add to what the data file holds instead of replacing it."
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
        help="The data file to write. Default: $COVERAGE_FILE, else what is configured, else .coverage.",
    )
    group.addoption(
        "--pykcov-interleavings",
        action="store_true",
        help="Record instead which accesses of two threads followed each other in each test, and say how many pairs "
        "of places were new, and which ones no passing run had where a test fails.",
    )
    group.addoption(
        "--pykcov-interleavings-file",
        metavar="FILE",
        default=None,
        help="Where the pairs of earlier runs are kept. Default: .pykcov-interleavings.",
    )
    group.addoption("--no-pykcov", action="store_true", help="Trace nothing, whatever other options say.")
    group.addoption("--no-pykcov-on-fail", action="store_true", help="Make no report if a test fails.")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Begin before conftest files import the code under test."""
    options = early_config.known_args_namespace
    _tell_tests_from_sources(options, args)
    if options.no_pykcov:
        return
    if options.pykcov_interleavings:
        # Not before: the rest of pykcov is for those who ask for it.
        from pykcov.contrib.pytest_plugin.interleavings import begin

        begin(early_config)
    elif options.pykcov:
        # Not before: the same.
        from pykcov.contrib.pytest_plugin.plugin import begin

        begin(early_config)


def _report(value: str) -> tuple[str, str | None]:
    kind, _, where = value.partition(":")
    if kind not in ("", *_ON_TERMINAL, *_IN_FILES):
        raise _wrong(f"{kind!r} is none of {', '.join((*_ON_TERMINAL, *_IN_FILES))}")
    if kind in _ON_TERMINAL and where not in ("", "skip-covered"):
        raise _wrong(f"{value!r}: a report on the terminal goes to no file; only ':skip-covered' may follow")
    return kind, where or None


def _percent(value: str) -> float:
    try:
        number = int(value) if value.isdecimal() else float(value)
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise _wrong(f"{value!r} is no number from 0 to 100")
    return number


def _wrong(message: str) -> Exception:
    return argparse.ArgumentTypeError(message)


def _tell_tests_from_sources(options: argparse.Namespace, args: list[str]) -> None:
    """Give back to pytest what `--pykcov` has taken for its SOURCE in `pytest --pykcov tests/test_a.py`."""
    for name in [name for name in options.pykcov if name is not True]:
        pair = ["--pykcov", name]
        for at in range(len(args) - 1):
            if args[at : at + 2] == pair and ("::" in name or (name.endswith(".py") and os.path.isfile(name))):
                args[at : at + 2] = [name]
                args.append("--pykcov")
                options.pykcov[options.pykcov.index(name)] = True
                options.file_or_dir.append(name)
                break

"""@fuzz_test: a test that takes bytes. Pytest replays what fuzzing has left behind, `pykcov fuzz` fuzzes it.

    @pykcov.fuzz_test
    def test_parse(data: bytes) -> None:
        parse(data)

`pykcov fuzz tests/test_parser.py::test_parse` keeps corpus and findings in tests/test_parser.fuzz/test_parse, where the
test finds them. Commit that folder: each of its inputs is a case of its own in every run of pytest.
"""

# Nothing else here: a traced program would find it imported.
import os
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__pykcov_fuzz_test__"
"""The name of the parameter that takes the bytes, as an attribute of the test."""


def fuzz_test(function: F) -> F:
    """Turn a function whose first parameter takes bytes into a test. Other parameters are fixtures, as usual.

    Under pytest, the test runs once with empty bytes, and once with each input in its folder, TESTFILE.fuzz/TEST.
    `pykcov fuzz TESTFILE::TEST` fuzzes it.

    Raises:
        TypeError: the function has no parameter.
    """
    # Not before: it takes time, and this module is imported with the public names.
    import inspect

    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    if not parameters:
        raise TypeError(f"@fuzz_test: {function.__qualname__}() has no parameter for the bytes")
    setattr(function, MARK, parameters[0])
    try:
        # Not before: it may not be installed.
        import pytest
    except ImportError:
        return function
    cases = [pytest.param(data, id=name) for name, data in inputs_of(function)]
    marked: F = pytest.mark.parametrize(parameters[0], cases)(_failing_behind(function))
    return marked


def _failing_behind(function: F) -> F:
    """Have a test fail also of what happens in threads, tasks and children that it starts."""
    # Not before: see fuzz_test().
    import functools
    import inspect

    if inspect.iscoroutinefunction(function):
        return function  # its caller runs it

    @functools.wraps(function)
    def replayed(*args: Any, **keywords: Any) -> object:
        from pykcov.fuzz import background, harness  # not before: tests may be collected and not run

        if harness.declared() is not None:
            return function(*args, **keywords)  # it is being fuzzed
        return background.replay(lambda: function(*args, **keywords))

    return replayed  # type: ignore[return-value]


def folder_of(file: str, test: str) -> str:
    """Return where corpus and findings of a test are kept: FILE.fuzz/TEST, and TEST may be Class::name."""
    return os.path.join(f"{os.path.splitext(file)[0]}.fuzz", test.replace("::", "."))


def inputs_of(function: Callable[..., Any]) -> list[tuple[str, bytes]]:
    """Return the inputs to replay, each with a name: no bytes, findings, then the corpus."""
    test = function.__qualname__.replace(".<locals>", "")
    folder = folder_of(function.__code__.co_filename, test)
    found = [("empty", b"")]
    findings = os.path.join(folder, "findings")
    for name in _names(findings):
        for file in ("minimized", "input"):
            path = os.path.join(findings, name, file)
            if os.path.isfile(path):
                found.append((name if file == "input" else f"{name}-{file}", _read(path)))
    corpus = os.path.join(folder, "corpus")
    found += [(f"corpus-{name[:12]}", _read(os.path.join(corpus, name))) for name in _names(corpus)]
    return found


def _names(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name[0] != ".") if os.path.isdir(folder) else []


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()

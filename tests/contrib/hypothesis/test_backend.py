"""The backend under Hypothesis: what it finds, and that all else is as under Hypothesis's own."""

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.provider_conformance import run_conformance_test

import pykcov
from pykcov import _core
from pykcov.contrib.hypothesis import chosen
from pykcov.contrib.hypothesis.provider import Provider
from pykcov.instrument.selection import Selection

MICRO = Path(__file__).parents[3] / "benchmarks" / "hypothesis"
sys.path.insert(0, str(MICRO))

import micro  # noqa: E402

BACKEND = settings(
    backend="pykcov",
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    max_examples=400,
)

# Those that are found by luck: a sum of products, and three choices in a row of a thousand.
HARD = ("items", "sequence")


def examples_to_failure(
    function: Callable[..., None], strategies: tuple[st.SearchStrategy[object], ...], seed_: int, backend: settings
) -> int | None:
    examples = 0

    def body(drawn: tuple[object, ...]) -> None:
        nonlocal examples
        examples += 1
        function(*drawn)

    body.__module__ = function.__module__
    try:
        backend(seed(seed_)(given(st.tuples(*strategies))(body)))()
    except AssertionError:
        return examples
    return None


def test_the_conformance_kit_of_hypothesis_passes() -> None:
    run_conformance_test(Provider, settings=settings(max_examples=20, deadline=None))


@pytest.mark.parametrize("name", [name for name in micro.PROPERTIES if name not in HARD])
def test_what_is_compared_is_found_in_a_hundred_examples(name: str) -> None:
    function, strategies = micro.PROPERTIES[name]
    needed = [examples_to_failure(function, strategies, number, BACKEND) for number in range(3)]
    found = sorted(number for number in needed if number is not None)
    assert len(found) == 3, needed
    assert found[1] <= 100, needed


def test_the_same_seed_gives_the_same_examples() -> None:
    def run() -> list[object]:
        drawn = []

        @settings(BACKEND, max_examples=60)
        @seed(5)
        @given(st.lists(st.integers()), st.text())
        def test(numbers: list[int], text: str) -> None:
            drawn.append((numbers, text))
            micro.length(numbers)

        with suppress(AssertionError):
            test()
        return drawn

    assert run() == run()


def test_a_failure_is_shrunk_and_replayed_by_the_engine_of_hypothesis(tmp_path: Path) -> None:
    project(tmp_path, "def test(number):\n    assert number * 3 != ONE * 6\n", "st.integers()")
    first = run_pytest(tmp_path)
    assert "1 failed" in first
    assert "number=4107865570" in first.replace("_", "")
    again = run_pytest(tmp_path, "--hypothesis-show-statistics", "--hypothesis-verbosity=verbose")
    assert "during reuse phase" in again


def test_statistics_say_what_guidance_did(tmp_path: Path) -> None:
    project(tmp_path, "def test(number):\n    assert number != ONE or number\n", "st.integers()")
    shown = run_pytest(tmp_path, "--hypothesis-show-statistics", "--hypothesis-seed=1")
    assert "1 passed" in shown
    for event in ("pykcov: random", "pykcov: operand", "pykcov: reached new code"):
        assert event in shown


def test_what_an_example_causes_in_a_thread_guides_too() -> None:
    def in_a_thread(number: int) -> None:
        failed = []

        def work() -> None:
            if number == micro.ONE:
                failed.append(number)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert not failed

    in_a_thread.__module__ = __name__
    assert (examples_to_failure(in_a_thread, (st.integers(),), 1, BACKEND) or 1000) < 100


def test_a_traced_thread_keeps_its_trace_and_its_examples_are_not_guided() -> None:
    ran = 0

    def counted(number: int) -> None:
        nonlocal ran
        ran += 1

    with pykcov.trace(include=[__name__]) as trace:
        assert examples_to_failure(counted, (st.integers(),), 1, settings(BACKEND, max_examples=20)) is None
    assert ran == 20
    assert any(location.function.endswith("counted") for location in trace.locations())


@pytest.mark.parametrize("filter_", ["error", "default"])
def test_a_fault_of_the_backend_is_no_failure_of_the_test(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], filter_: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("pykcov.contrib.hypothesis.guidance.Guidance.learn", fail)
    with pytest.warns(pykcov.PykcovWarning, match="a fault") if filter_ == "default" else erring():
        assert examples_to_failure(lambda number: None, (st.integers(),), 1, BACKEND) is None
    if filter_ == "error":
        assert "bug of pykcov: RuntimeError('a fault')" in capfd.readouterr().err


def test_without_a_device_examples_are_drawn_as_by_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no descriptor left")

    monkeypatch.setattr("pykcov.contrib.hypothesis.provider.Recording", fail)
    drawn = []
    with pytest.warns(pykcov.PykcovWarning, match="no descriptor left"):
        examples_to_failure(lambda number: drawn.append(number), (st.integers(),), 1, BACKEND)
    assert len(set(drawn)) > 200


def test_assumptions_that_nearly_always_fail_are_met() -> None:
    met = []

    def rarely(number: int) -> None:
        assume(number == micro.ONE)
        met.append(number)

    rarely.__module__ = __name__
    examples_to_failure(rarely, (st.integers(),), 1, BACKEND)
    assert met


def test_find_works() -> None:
    number = find(st.integers(), lambda number: number > 1000, settings=settings(BACKEND, phases=list(Phase)))
    assert number == 1001


def test_data_may_be_drawn_while_the_test_runs() -> None:
    def interactive(data: st.DataObject) -> None:
        if data.draw(st.integers()) == micro.ONE:
            assert data.draw(st.text()) != micro.WORD

    interactive.__module__ = __name__
    assert (examples_to_failure(interactive, (st.data(),), 1, BACKEND) or 1000) < 100


def test_constants_of_pykcov_itself_are_no_local_ones() -> None:
    code = (
        "import hypothesis; from hypothesis.internal.conjecture import providers;"
        "import pykcov.contrib.hypothesis.provider, pykcov.contrib.hypothesis.words as words;"
        "print(providers.is_local_module_file(words.__file__))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"


def test_what_is_watched_is_watched_by_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace = {"__name__": "watched_twice"}
    exec(compile("def function(a):\n    b = a\n    c = b\n    return c\n", "/watched_twice.py", "exec"), namespace)
    selection = Selection(["watched_twice"])
    monkeypatch.setattr(chosen, "_explicit", selection)
    monkeypatch.setattr(chosen, "_OWN", selection)
    chosen.watch(test_what_is_watched_is_watched_by_lines_too)
    probes = _core.probe_count()
    chosen.watch_lines()
    assert _core.probe_count() > probes


def test_hypothesis_does_not_import_the_backend_until_it_is_used() -> None:
    code = (
        "import sys, hypothesis; from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS as known;"
        "print('pykcov' in known, [name for name in sys.modules if name.split('.')[0] == 'pykcov'])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "True []\n"


def test_an_older_hypothesis_is_named_with_what_is_needed() -> None:
    code = (
        "import hypothesis.version as version; version.__version__, version.__version_info__ = '6.136.9', (6, 136, 9);"
        "from hypothesis import given, settings, strategies as st;"
        "settings(backend='pykcov', database=None)(given(st.integers())(lambda number: None))()"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "ImportError: the backend pykcov needs Hypothesis 6.137.0 or later, and this is 6.136.9" in shown


@contextmanager
def erring() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def project(folder: Path, test: str, strategy: str) -> None:
    (folder / "test_it.py").write_text(
        "import zlib\nfrom hypothesis import given, settings, strategies as st\nONE = zlib.crc32(b'one')\n\n"
        f"@settings(deadline=None)\n@given({strategy})\n{test}"
    )


def run_pytest(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=pykcov", *options]
    # Hypothesis keeps no failures for the next run where one of these says that a service runs the tests.
    services = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD")
    environment = {name: value for name, value in os.environ.items() if name not in services}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr

"""The process that fuzzes is the same, whether it is forked from the one that watches or is another Python."""

import json
from pathlib import Path

import pytest
from fuzzing import fuzz, fuzz_body, write_harness

STATE = """
import gc, json, os, signal, sys, warnings

def is_python(module):
    return (getattr(module, "__file__", None) or "").endswith(".py") and not module.__name__.startswith("pykcov")

def handlers():
    return {number: repr(signal.getsignal(number)) for number in signal.valid_signals() if number not in (9, 19)}

state = {
    "modules": sorted(name for name, module in sys.modules.items() if is_python(module)),
    "path": sys.path,
    "filters": [repr(each) for each in warnings.filters],
    "thresholds": gc.get_threshold(),
    "collects": gc.isenabled(),
    "handlers": handlers(),
    "blocked": [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "arguments": sys.argv[1:2],
    "main": {name: str(value).partition(" at 0x")[0] for name, value in globals().items() if name.startswith("__")},
    "frames": sys._getframe().f_back is None,
    "inherited": [each for each in range(256) if os.path.exists(f"/proc/self/fd/{each}") and os.get_inheritable(each)],
    "environment": dict(os.environ),
    "hooks": [repr(sys.excepthook), repr(sys.unraisablehook), sys.gettrace(), sys.getprofile()],
}
with open("state.json", "w") as file:
    json.dump(state, file)

def FuzzerRunOne(data):
    return len(data)
"""

FORKED = ("--minimize=0",)
ANOTHER = ("--minimize=0.0",)  # which only click can read


def state_of(folder: Path, *options: str) -> dict[str, object]:
    ran = fuzz(folder, *options, "--include=__main__", "harness.py", "-runs=1")
    assert ran.code == 0, ran.output
    state: dict[str, object] = json.loads((folder / "state.json").read_text())
    (folder / "state.json").unlink()
    return state


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error::UserWarning", "PYTHONDEVMODE": "1", "PYTHONPATH": "one:two"},
    ],
)
def test_a_harness_finds_the_same(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    write_harness(tmp_path, STATE, whole=True)
    assert state_of(tmp_path, *FORKED) == state_of(tmp_path, *ANOTHER)


def test_a_harness_that_ends_by_itself_ends_as_a_program_does(tmp_path: Path) -> None:
    body = "import atexit, sys\natexit.register(print, 'at exit')\nprint('printed')\nsys.exit({})\n"
    for words, code, said in (("5", 5, ""), ("'some words'", 1, "some words\n"), ("", 0, "")):
        write_harness(tmp_path, body.format(words), whole=True)
        for options in (FORKED, ANOTHER):
            ran = fuzz(tmp_path, *options, "-q", "harness.py")
            assert ran.code == code
            assert "printed\n" in ran.output
            assert "at exit\n" in ran.output
            assert said in ran.output


def test_processes_that_follow_one_that_died_are_forked_as_well(tmp_path: Path) -> None:
    body = """
    import os

    @atheris.instrument_func
    def TestOneInput(data):
        for name in "first", "second":
            if not os.path.exists(name):
                open(name, "w").close()
                os.kill(os.getpid(), 11) if name == "first" else os._exit(3)
    """
    ran = fuzz_body(tmp_path, body, options=("--keep-going=2", "--minimize=0"))
    assert sorted(path.name.partition("-")[0] for path in ran.findings) == ["SIGSEGV", "exit"], ran.output

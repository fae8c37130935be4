"""Other interpreters in the process of a program are as without pykcov, which says that it does not trace them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run, assert_same

Write = Callable[[str, str], Path]

PROGRAM = """\
import sys
try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string

print("main", sys.path[0], flush=True)
print(run(interpreters.create(), '''
import sys
print(sys.path)
for name in ("child", "channel", "devices", "bootstrap", "supervisor", "engine", "helper"):
    try:
        print(__import__(name).__file__)
    except ImportError as error:
        print(error)
sys.stdout.flush()
'''))
"""


@pytest.mark.parametrize(
    "words",
    [
        ("main.py",),
        ("sub/main.py",),
        ("link.py",),
        ("app",),
        ("-m", "main"),
        ("-m", "sub.main"),
        ("-c", PROGRAM),
        ("-c", "import main"),
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_they_find_the_modules_of_the_program_and_none_of_ours(
    bare: Run, pykcov: Run, write: Write, tmp_path: Path, words: tuple[str, ...]
) -> None:
    for name in ("main.py", "sub/main.py", "app/__main__.py"):
        write(name, PROGRAM)
        write(f"{Path(name).parent}/helper.py", "x = 1\n")
    (tmp_path / "link.py").symlink_to("sub/main.py")
    assert_same(bare, pykcov, *words)


@pytest.mark.parametrize("options", [["-P"], ["-X", "dev"], ["-I"], ["-O", "-W", "error"]], ids=" ".join)
def test_options_of_python_change_nothing(bare: Run, write: Write, options: list[str]) -> None:
    write("main.py", PROGRAM)
    write("helper.py", "x = 1\n")
    expected, got = bare(*options, "main.py"), bare(*options, "-m", "pykcov", "run", "-q", "main.py")
    assert (got.stdout, got.returncode) == (expected.stdout, expected.returncode), got.stderr


def test_that_they_are_not_traced_is_told(pykcov: Run, write: Write) -> None:
    write("main.py", PROGRAM)
    words = "other interpreters in its process: what runs in them is not traced"
    assert words in pykcov("run", "main.py").stderr
    write("main.py", "import threading\n")
    assert words not in pykcov("run", "main.py").stderr


def test_what_a_child_starts_with_cannot_be_imported_by_a_plain_name() -> None:
    import pykcov.program

    start = Path(pykcov.program.__file__).parent / "start"
    assert [path.name for path in start.iterdir() if path.name != "__pycache__"] == ["pykcov-bootstrap.py"]
    assert not "pykcov-bootstrap".isidentifier()
    assert "pykcov-bootstrap" not in sys.modules

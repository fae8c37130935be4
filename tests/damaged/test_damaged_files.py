"""Files that are damaged, or made to harm who reads them, end in one sentence, soon and in little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")

TRACED = """\
import threading

def compared(text):
    return text == "abc" or len(text) < 5 or text.startswith("x")

def run():
    for text in ("abc", "abcdefgh", "x" * 100):
        compared(text)

thread = threading.Thread(target=run)
thread.start()
run()
thread.join()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole file of each kind, and the sources that they are of, so that reports are rendered."""
    folder = tmp_path_factory.mktemp("damaged")
    environment = {**os.environ, "PYKCOV_CACHE": str(folder / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else nothing is kept
    (folder / "traced.py").write_text(TRACED)

    def run(*words: str) -> None:
        done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    for mode in ("unique", "pc", "cmp-bytes"):
        run("-m", "pykcov", "run", "-q", "--mode", mode, "-o", f"{mode}.npz", "traced.py")
    (folder / "test_it.py").write_text(
        "import traced\n\ndef test_one():\n    traced.run()\n\ndef test_two():\n    pass\n"
    )
    run("-m", "pytest", "-q", "--pykcov", "-p", "no:cacheprovider", "test_it.py")
    branches = ("--pykcov-branch", "--pykcov-data=branches")
    run("-m", "pytest", "-q", "--pykcov", "-p", "no:cacheprovider", *branches, "test_it.py")
    (folder / "cached.py").write_text("def answer():\n    return 42\n")
    script = (
        "import pykcov\nwith pykcov.instrument_imports(include=['cached'], granularity='line'):\n    import cached\n"
    )
    for _ in range(2):
        run("-c", script)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    for name in ("one", "mutant"):
        (folder / "findings" / name).mkdir(parents=True)
    facts = {"kind": "KeyError", "token": "KeyError--f", "harness": "h.py", "found": "2026", "python": "3.11"}
    (folder / "findings" / "one" / "finding.json").write_text(json.dumps(facts))
    return folder


def ended(folder: Path, seed: int, number: int) -> None:
    done = subprocess.run(
        [sys.executable, str(CHILD), str(folder), str(seed), str(number)],
        env={**os.environ, "PYKCOV_CACHE": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    print(told["endings"])
    assert told["wrong"] == [], "\n".join(told["wrong"])
    assert sum(told["endings"].values()) == number


def test_some_mutants_of_all_files(folder: Path) -> None:
    ended(folder, 0, 300)


@pytest.mark.slow
def test_many_mutants_of_all_files(folder: Path) -> None:
    """`make damaged-files`; SEED=N begins elsewhere."""
    ended(folder, int(os.environ.get("SEED", "1000")), int(os.environ.get("MUTANTS", "5000")))

"""What a target imports while it runs is imported once, by the process that the others are forked from."""

from pathlib import Path

import pytest
from campaigning import replayed

from pykcov.campaign.slices import Target

HARNESS = """
import os, sys
import eager

def FuzzerRunOne(data):
    if not data:
        {for_the_empty_input}
    import lazy
    lazy.work(data)
"""
MODULE = """
with open({log!r}, "a", encoding="utf-8") as log:
    log.write("imported\\n")

def work(data):
    return data[:1] == b"a"
"""


def imports(folder: Path, for_the_empty_input: str) -> int:
    """Return how often the module is imported until three inputs are measured, each of which reaches it."""
    log = folder / "log"
    log.touch()
    (folder / "fuzz_lazily.py").write_text(HARNESS.format(for_the_empty_input=for_the_empty_input))
    (folder / "eager.py").write_text("def unused(): pass\n")
    (folder / "lazy.py").write_text(MODULE.format(log=str(log)))
    target = Target("fuzz_lazily.py", str(folder), include=("eager", "lazy"))
    assert replayed(target, [b"a", b"b", b"c"], folder / "scratch")
    return log.read_text().count("imported")


def test_a_module_that_each_input_needs_is_imported_once_for_all(tmp_path: Path) -> None:
    assert imports(tmp_path, "pass") == 2  # by the process that tries it, and by the one that forks the others


@pytest.mark.parametrize("end", ["os._exit(1)", "os.abort()", "raise SystemExit", "sys.modules[7] = sys"])
def test_a_target_that_does_something_else_for_the_empty_input_is_measured(tmp_path: Path, end: str) -> None:
    assert imports(tmp_path, end) >= 2


def test_a_module_that_cannot_be_imported_by_name_is_left_to_the_target(tmp_path: Path) -> None:
    made = "import types; sys.modules['no.such'] = sys.modules[''] = types.ModuleType('no.such')"
    assert imports(tmp_path, made) == 2

"""With the probes taken out again, rewritten code is the original: tools/roundtrip.py over the standard library."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from rewriting import function_code, roundtrip

from pykcov.instrument.rewrite import rewrite

TOOL = Path(__file__).parents[2] / "tools" / "roundtrip.py"
PARTS = 12
ROUNDTRIP: ModuleType = roundtrip()


@pytest.mark.parametrize("part", range(PARTS))
def test_the_whole_standard_library_comes_back(part: int) -> None:
    paths = list(ROUNDTRIP.source_files(tests=False))[part::PARTS]
    total: Counter[str] = Counter()
    for path in paths:
        for counts in ROUNDTRIP.check(path).values():
            total += counts
    # Some of the files may be no Python.
    assert total["files"] > len(paths)
    assert total["probes"] > total["code objects"] > len(paths)


@pytest.mark.slow
def test_the_tests_of_the_standard_library_come_back() -> None:
    result = subprocess.run([sys.executable, TOOL, "--tests"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" 0 differences ") == len(ROUNDTRIP.VARIANTS)


CODE = function_code("def f(a):\n    for x in a:\n        try:\n            a()\n        except A: pass\n    return 1")


def swapped(code: CodeType) -> CodeType:
    """Swap the arguments of two instructions."""
    changed = bytearray(code.co_code)
    loads = [i for i in range(0, len(changed), 2) if changed[i] == ROUNDTRIP.dis.opmap["LOAD_CONST"]]
    first, second = loads[0], next(i for i in loads if changed[i + 1] != changed[loads[0] + 1])
    changed[first + 1], changed[second + 1] = changed[second + 1], changed[first + 1]
    return code.replace(co_code=bytes(changed))


def past_its_probe(code: CodeType) -> CodeType:
    """Let the last backward jump go behind the probe at its target, or in front of one."""
    changed = bytearray(code.co_code)
    at = max(i for i in range(0, len(changed), 2) if changed[i] in ROUNDTRIP.dis.hasjrel)
    changed[at + 1] -= 3
    return code.replace(co_code=bytes(changed))


@pytest.mark.parametrize(
    "damage",
    [
        swapped,
        past_its_probe,
        lambda code: code.replace(co_exceptiontable=b""),
        lambda code: code.replace(co_linetable=CODE.co_linetable),
        lambda code: code.replace(co_firstlineno=code.co_firstlineno + 1),
        lambda code: code.replace(co_stacksize=code.co_stacksize + 2),
        lambda code: code.replace(co_consts=(7, *code.co_consts[1:])),
        lambda code: code.replace(co_names=("z", *code.co_names[1:])),
    ],
)
def test_the_proof_finds_damage(damage: ModuleType) -> None:
    rewritten = rewrite(CODE, ROUNDTRIP.marks)
    ROUNDTRIP.compare(CODE, [(rewritten, Counter())])
    with pytest.raises(ROUNDTRIP.Different):
        ROUNDTRIP.compare(CODE, [(damage(rewritten), Counter())])

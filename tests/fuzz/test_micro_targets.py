"""Each of the small targets of benchmarks/fuzz, which want one thing of a fuzzer each, is solved."""

import re
from pathlib import Path

import pytest
from fuzzing import fuzz

HARNESS = Path(__file__).parents[2] / "benchmarks" / "fuzz" / "harnesses" / "fuzz_micro.py"
TARGETS = re.findall(r"def (\w+)\(data\)", HARNESS.read_text(encoding="utf-8"))
EXECUTIONS = 100_000

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(1, 4))
def test_a_small_target_is_solved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, seed: int) -> None:
    monkeypatch.setenv("MICRO", target)
    ran = fuzz(tmp_path, "--minimize=0", str(HARNESS), f"-seed={seed}", f"-runs={EXECUTIONS}")
    assert ran.code == 77, ran.output
    assert len(ran.findings) == 1

"""The core without Python, many threads at once: nothing is lost, torn, doubled or recorded elsewhere."""

import shutil

import pytest
import stress

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    pytest.mark.timeout(1800),
]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_or_torn_while_everything_happens_at_once(seed: int) -> None:
    assert stress.run("none", ["-n3000000", f"-s{seed}", "-f"]) == 0


def test_one_thread_alone_finds_the_same() -> None:
    assert stress.run("none", ["-n300000", "-t1"]) == 0


@pytest.mark.parametrize("sanitizer", ["thread", "address"])
def test_a_sanitizer_has_nothing_to_report(sanitizer: str) -> None:
    assert stress.run(sanitizer, ["-n1000000", "-s9"]) == 0

"""An input that takes too much memory is found, with the place where it was when it did."""

import json
from pathlib import Path

from fuzzing import fuzz_body

HUNGRY = """
        import time

        @atheris.instrument_func
        def swallow():
            taken = bytearray(300 << 20)
            taken[::4096] = b"x" * len(taken[::4096])
            time.sleep(30)  # libFuzzer looks once a second

        @atheris.instrument_func
        def digest():
            swallow()

        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                swallow()
            if data[:1] == b"b":
                digest()
        """


def test_too_much_memory_is_a_finding_with_its_stack_and_the_exit_code_of_libfuzzer(tmp_path: Path) -> None:
    ran = fuzz_body(tmp_path, HUNGRY, "-rss_limit_mb=250", "-timeout=0", "-runs=300000")
    assert ran.code == 71, ran.output
    (finding,) = ran.findings
    assert (finding / "input").read_bytes()[:1] in (b"a", b"b")
    assert json.loads((finding / "finding.json").read_text())["kind"] == "out-of-memory"
    assert "in swallow\n" in (finding / "report.txt").read_text()
    # Each try would take as much.
    assert not (finding / "minimized").exists()
    assert "its input is not made shorter" in ran.output


def test_places_that_take_too_much_memory_are_told_apart_and_each_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    found = set()
    for word in (b"a", b"a1", b"b"):
        (tmp_path / "seeds" / "seed").write_bytes(word)
        ran = fuzz_body(tmp_path, HUNGRY, "-rss_limit_mb=250", "-runs=0", "seeds")
        assert ran.code == 71, ran.output
        found.update(ran.findings)
    assert len(found) == 2


def test_the_limit_counts_in_processes_of_fork_too(tmp_path: Path) -> None:
    ran = fuzz_body(tmp_path, HUNGRY, "-rss_limit_mb=250", "-fork=1", "-ignore_ooms=0", "-max_total_time=60")
    assert ran.code == 71, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("out_of_memory")

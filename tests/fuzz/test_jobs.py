"""-fork, -jobs and -merge have libFuzzer start `pykcov fuzz` again: together these processes are one campaign."""

import os
import signal
import time
from pathlib import Path

import pytest
from fuzzing import Ran, fuzz, fuzz_body, start, write_harness

SEVERAL = [("-fork=2",), ("-jobs=2", "-workers=2")]


def ids(flags: tuple[str, ...]) -> str:
    return flags[0]


@pytest.mark.parametrize("flags", SEVERAL, ids=ids)
def test_what_several_processes_find_is_one_finding_and_all_they_ran_is_counted(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    ran = fuzz_body(
        tmp_path,
        """
        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                if data[1:2] == b"b":
                    raise KeyError
        """,
        *flags,
        "-max_total_time=60",
    )
    assert ran.code == 77, ran.output
    assert [finding.name.partition("-")[0] for finding in ran.findings] == ["KeyError"]
    assert "1 finding\n" in ran.output
    assert ran.executions > 0


def test_executions_of_all_jobs_are_counted(tmp_path: Path) -> None:
    body = "@atheris.instrument_func\ndef TestOneInput(data):\n    pass\n"
    ran = fuzz_body(tmp_path, body, "-jobs=2", "-workers=2", "-runs=1000")
    assert (ran.code, ran.executions) == (0, 2000), ran.output


def test_jobs_collect_as_many_findings_together_as_were_asked_for(tmp_path: Path) -> None:
    body = """
        import os
        from pathlib import Path

        first = Path("first")

        @atheris.instrument_func
        def TestOneInput(data):
            if not first.exists():
                first.write_text(str(os.getpid()))
            if data:
                raise KeyError if first.read_text() == str(os.getpid()) else ValueError
        """
    ran = fuzz_body(tmp_path, body, "-jobs=2", "-workers=1", "-runs=1000", options=("--keep-going=2", "--minimize=0"))
    assert ran.code == 77, ran.output
    assert sorted(finding.name.partition("-")[0] for finding in ran.findings) == ["KeyError", "ValueError"]
    assert "2 findings" in ran.output


@pytest.mark.parametrize("flags", [*SEVERAL, ()], ids=lambda flags: flags[0] if flags else "alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_first_process_ends_all_of_them(
    tmp_path: Path, flags: tuple[str, ...], number: signal.Signals
) -> None:
    body = """
        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                open("running", "w").close()
        """
    write_harness(tmp_path, body)
    process = start(tmp_path, "-d", "out", "harness.py", "-seed=1", *flags)
    deadline = time.monotonic() + 120
    while not (tmp_path / "running").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "running").exists()
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 72, output
    assert "executions" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert _processes_in(tmp_path) == []
    assert all(path.stat().st_size for path in (tmp_path / "out" / "corpus").iterdir())


def _processes_in(folder: Path) -> list[int]:
    """Return the processes that were started there."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.readlink(process / "cwd") == str(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_merge_goes_past_inputs_that_fail_and_keeps_them_as_findings(tmp_path: Path) -> None:
    write_harness(
        tmp_path,
        """
        import ctypes

        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                if data[1:2] == b"b":
                    raise KeyError
                if data[1:2] == b"c":
                    ctypes.string_at(0)
                if data[1:2] == b"d":
                    pass
        """,
    )
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    for data in (b"a", b"ab", b"ac", b"ad", b"ad2"):
        (tmp_path / "from" / data.decode()).write_bytes(data)
    ran: Ran = fuzz(tmp_path, "--minimize=0", "harness.py", "-merge=1", "to", "from")
    assert ran.code == 77, ran.output
    assert sorted(path.read_bytes() for path in (tmp_path / "to").iterdir()) == [b"a", b"ad"]
    assert sorted(finding.name.partition("-")[0] for finding in ran.findings) == ["KeyError", "SIGSEGV"]
    assert sorted((finding / "input").read_bytes() for finding in ran.findings) == [b"ab", b"ac"]
    assert "2 findings" in ran.output

"""Campaigns from end to end: real workers, real targets, the store."""

import signal
import time
from pathlib import Path

import pytest
from campaigning import LIBRARY, SLICES, campaign, reach_equals_replay, start, status, write

from pykcov.campaign.store.store import Store

ARGUMENTS = ("run", "--workers", "2", *SLICES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(
        tmp_path,
        library=LIBRARY,
        other="def count(data):\n    n = 0\n    for each in data:\n        n += each == 7\n    return n\n",
    )
    return tmp_path


def test_two_workers_and_two_targets_find_what_there_is(project: Path, tmp_path: Path) -> None:
    code, _, errors = campaign(project, *ARGUMENTS, "6", "library:parse", "other:count")
    assert code == 77, errors
    assert "library:parse: found KeyError--library.parse" in errors
    told = status(project)
    assert {each["harness"] for each in told["targets"]} == {"library:parse", "other:count"}
    assert all(each["record"]["executions"] > 1000 for each in told["targets"])
    (finding,) = told["findings"]
    assert (finding["state"], finding["kind"]) == ("new", "KeyError")
    assert sum(each["executions"] for each in told["campaigns"]) == sum(
        each["record"]["executions"] for each in told["targets"]
    )
    with Store(str(project / "pykcov-campaign.db")) as store:
        reach_equals_replay(store, project, tmp_path / "replay")
    # The same once more: it goes on where it was, and what is known is not found again.
    code, _, errors = campaign(project, *ARGUMENTS, "2", "library:parse")
    assert code == 0, errors
    assert len(status(project)["findings"]) == 1
    assert status(project)["findings"][0]["times"] > finding["times"]


def test_targets_that_cannot_be_run_are_named_and_set_aside(project: Path) -> None:
    write(project, broken="import nothing_of_this_name\n", fatal="import os\nos._exit(9)\n")
    code, _, errors = campaign(project, *ARGUMENTS, "9", "broken:parse", "fatal:parse", "library:nothing", "zlib:crc32")
    assert code == 3, errors
    assert "No module named 'nothing_of_this_name'" in errors
    assert "fatal:parse: no worker can run it, it is set aside" in errors
    assert "library has no function nothing" in errors
    assert "no code has probes" in errors
    assert set(status(project)["problems"]) == {"broken:parse", "fatal:parse", "library:nothing", "zlib:crc32"}


@pytest.mark.slow
def test_a_target_that_ends_its_worker_each_time_rests_and_others_go_on(project: Path) -> None:
    write(
        project,
        killer="""
        import os, signal

        def parse(data):
            worker = os.getppid()
            for _ in range(2):  # the process that forks, then the worker
                with open(f"/proc/{worker}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                os.kill(worker, signal.SIGKILL)
                worker = parent
        """,
    )
    code, _, errors = campaign(project, *ARGUMENTS, "8", "killer:parse", "other:count")
    assert code in (0, 77), errors
    assert "killer:parse" in errors
    assert status(project)["targets"][-1]["record"]["executions"] > 1000


def test_ctrl_c_once_ends_slices_and_keeps_what_they_have(project: Path) -> None:
    (project / "pyproject.toml").unlink()
    found = LIBRARY.replace("raise KeyError", 'open("found", "w").close()\n            raise KeyError')
    (project / "library.py").write_text(found)
    process = start(project, "run", "--workers", "2", "--slice", "1h", "library:parse")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not (project / "found").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 77, errors
    told = status(project)
    assert told["campaigns"][0]["ended"] is not None
    assert told["targets"][0]["record"]["executions"] > 0
    assert [each["kind"] for each in told["findings"]] == ["KeyError"]


def test_what_is_wrong_with_a_command_line_is_one_line(project: Path) -> None:
    for words, said in [
        (["status"], "no such store"),
        (["run", "nothing.py"], "nothing.py: no such target"),
        (["run", "--store", "mysql://x/y", "library:parse"], "a store is SQLite or PostgreSQL"),
        (["run", "--scheduler", "nonsense", "library:parse"], "nonsense: no scheduler answers"),
        (["run", "--for", "soon", "library:parse"], "'soon' is no time"),
    ]:
        code, _, errors = campaign(project, *words)
        assert code == 2, (words, errors)
        assert said in errors
        assert "Traceback" not in errors

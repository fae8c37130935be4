"""production(): what many processes ran at all, over weeks, whatever becomes of them."""

import json
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import pykcov
from pykcov.once.report import ObservedError, merge, read

APP = """\
def served(x):
    if x == -1:
        return "rare"
    return x
def never():
    return 1
"""


def serve(folder: Path, body: str, app: str = APP, prelude: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a service with a module `app` that keeps what it saw in folder / 'seen'."""
    (folder / "app.py").write_text(app)
    program = f"import os, signal, sys\nimport pykcov\n{textwrap.dedent(prelude)}\n"
    program += 'observing = pykcov.production("seen", include=["app"])\nimport app\n' + textwrap.dedent(body)
    (folder / "serve.py").write_text(program)
    return subprocess.run([sys.executable, "serve.py"], cwd=folder, capture_output=True, text=True, timeout=120)


def lines(folder: Path, name: str = "app.py") -> tuple[list[int], list[int]]:
    """Those that ran and those that never did."""
    observed = read(str(folder / "seen"))
    ran, never = observed.line_times(observed.newest()[str(folder / name)])
    return list(ran), never


def test_a_process_that_is_killed_has_left_all_that_ran(tmp_path: Path) -> None:
    body = "for i in range(50_000): app.served(i)\napp.served(-1)\nos.kill(os.getpid(), signal.SIGKILL)"
    assert serve(tmp_path, body).returncode == -signal.SIGKILL
    assert lines(tmp_path) == ([1, 2, 3, 4, 5], [6])


def test_processes_and_deployments_are_put_together_and_merged(tmp_path: Path) -> None:
    before = int(time.time())
    serve(tmp_path, "app.served(1)")
    assert lines(tmp_path) == ([1, 2, 4, 5], [3, 6])
    serve(tmp_path, "app.served(-1)")
    assert lines(tmp_path) == ([1, 2, 3, 4, 5], [6])
    merge(str(tmp_path / "seen"))
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["lock", "merged.json"]
    assert lines(tmp_path) == ([1, 2, 3, 4, 5], [6])
    # A deployment that changes what stands behind: what ran of the same function counts on.
    serve(tmp_path, "", APP + "def new():\n    return 2\n")
    assert lines(tmp_path) == ([1, 2, 3, 4, 5, 7], [6, 8])
    # One that changes the function itself: it begins anew.
    serve(tmp_path, "", APP.replace("-1", "-200"))
    assert lines(tmp_path) == ([1, 5], [2, 3, 4, 6])
    observed = read(str(tmp_path / "seen"))
    assert observed.processes == 4
    assert observed.running == 0
    assert before <= observed.since <= min(observed.hits.values()) <= time.time()
    newest = observed.newest()[str(tmp_path / "app.py")]
    assert observed.never_called(newest) == [(2, "served"), (6, "never")]


def test_forked_children_are_observed_and_what_ran_before_the_fork_counts(tmp_path: Path) -> None:
    ended = serve(
        tmp_path,
        """
        for i in range(50_000): app.served(i)
        pid = os.fork()
        if pid == 0:
            app.served(-1)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        print(observing.problem)
        """,
    )
    assert ended.stdout == "\n"
    assert ended.stderr == ""
    assert lines(tmp_path) == ([1, 2, 3, 4, 5], [6])
    assert read(str(tmp_path / "seen")).processes == 2


def test_a_running_process_is_not_merged_away(tmp_path: Path) -> None:
    ended = serve(
        tmp_path,
        """
        from pykcov.once.report import merge, read
        merge("seen")
        app.served(-1)
        observed = read("seen")
        print(observed.running, len(observed.hits))
        observing.close()
        observing.close()
        merge("seen")
        print(read("seen").running, os.listdir("seen"))
        """,
    )
    assert ended.stdout.splitlines()[0] == "1 4"
    assert ended.stdout.splitlines()[1].startswith("0 ")
    assert ".log" not in ended.stdout


def test_a_full_disk_is_said_once_and_nothing_is_lost_when_there_is_room_again(tmp_path: Path) -> None:
    ended = serve(
        tmp_path,
        """
        app.served(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        app.served(-1)
        """,
        prelude="""
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
            """,
    )
    assert ended.returncode == 0
    assert ended.stderr.count("PykcovWarning") == 1
    assert "kept in memory until there is room" in ended.stderr
    assert lines(tmp_path) == ([1, 2, 3, 4, 5], [6])


def test_what_is_cut_short_or_strange_does_not_hide_the_rest(tmp_path: Path) -> None:
    serve(tmp_path, "app.served(-1)")
    seen = tmp_path / "seen"
    (seen / "strange.places").write_bytes(b"\x00\xff\n")
    (seen / "empty.places").write_bytes(b"")
    (seen / "short.places").write_text(
        json.dumps({"format": "pykcov production 1", "started": 5, "order": 5}) + '\n{"file": "x'
    )
    (seen / "short.log").write_bytes(b"\xff" * 20)
    assert lines(tmp_path) == ([1, 2, 3, 5], [4, 6])
    (seen / "merged.json").write_text("{")
    with pytest.raises(ObservedError, match="damaged"):
        read(str(seen))


def test_a_folder_that_cannot_be_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        pykcov.production(tmp_path / "file")
    with pytest.raises(ObservedError, match="no such folder"):
        read(str(tmp_path / "nowhere"))
    with pytest.raises(ObservedError, match="no process has left anything"):
        read(str(tmp_path))
    with pytest.raises(ValueError, match="granularity"):
        pykcov.production(tmp_path / "new", granularity="word")  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 50


def test_the_command_tells_what_never_ran_and_writes_a_trace(tmp_path: Path) -> None:
    serve(tmp_path, "app.served(1)")

    def pykcov_command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pykcov", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    told = pykcov_command("production", "seen", "-o", "seen.npz")
    assert "1 process since" in told.stdout
    assert "2 of 6 lines never ran" in told.stdout
    assert "lines 3, 6" in told.stdout
    assert "never called: never, line 6" in told.stdout
    assert "3, 6" in pykcov_command("report", "--show-missing", "seen.npz").stdout
    wrong = pykcov_command("production", "nowhere")
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1
    assert "Traceback" not in wrong.stderr


def test_names_of_other_folders_do_not_follow_a_change_of_folder(tmp_path: Path) -> None:
    serve(tmp_path, "os.chdir('/')\npid = os.fork()\nif pid == 0:\n    app.served(-1)\n    os._exit(0)\nos.wait()")
    assert lines(tmp_path) == ([1, 2, 3, 5], [4, 6])

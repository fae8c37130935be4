"""`pykcov run` traces the processes that a program starts, and these do not notice."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run

from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]

FORKS = """\
import os
def in_child(n):
    def inner():
        return n
    import other
    return inner()
for n in range(2):
    pid = os.fork()
    if not pid:
        in_child(n)
        raise SystemExit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def lines_of(trace: TraceFile, process: str) -> dict[str, list[int]]:
    """Return the lines that the processes have run whose name begins so, by name of the file."""
    found: dict[str, set[int]] = {}
    names = trace.process_names()
    for thread in trace.threads:
        if names[thread.process].startswith(process):
            for file, lines in trace.lines(thread).items():
                found.setdefault(Path(file).name, set()).update(lines)
    return {file: sorted(lines) for file, lines in found.items()}


def test_forked_children_are_traced(bare: Run, pykcov: Run, write: Write, trace: Load) -> None:
    write("main.py", FORKS)
    write("other.py", "x = 1\n")
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout)
    found = trace()
    assert [process.forked for process in found.processes] == [False, True, True]
    for child in ("main.py child 1", "main.py child 2"):
        assert lines_of(found, child) == {"main.py": [3, 4, 5, 6, 9, 10, 11], "other.py": [1]}
    assert found.processes[0].exit_status == 0
    assert {process.parent for process in found.processes[1:]} == {found.processes[0].pid}
    assert {process.exit_status for process in found.processes[1:]} <= {3, None}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_are_traced(
    bare: Run, pykcov: Run, write: Write, trace: Load, method: str
) -> None:
    write(
        "main.py",
        "import multiprocessing, os\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "def job(n):\n    return n * 2\ndef killed():\n    x = 1\n    os.kill(os.getpid(), 9)\n"
        f"if __name__ == '__main__':\n    context = multiprocessing.get_context({method!r})\n"
        "    with ProcessPoolExecutor(2, mp_context=context) as pool:\n        print(list(pool.map(job, range(4))))\n"
        "    process = context.Process(target=killed, name='Mayfly')\n    process.start()\n    process.join()\n"
        "    print(process.exitcode)\n",
    )
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout)
    found = trace()
    assert {6, 7} <= set(lines_of(found, "Mayfly")["main.py"])
    assert 4 not in lines_of(found, "Mayfly")["main.py"]
    assert 4 in lines_of(found, "")["main.py"]
    assert 4 not in lines_of(found, "main.py")["main.py"]


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.run([sys.executable, 'job.py', 'x'])",
        "subprocess.run([sys.executable, '-B', '-m', 'job', 'x'])",
        "subprocess.run([sys.executable, '-c', 'import sys, job; print(sys.argv)', 'x'])",
        "subprocess.run([sys.executable, '-', 'x'], input=b'import sys, job; print(sys.argv, sys.stdin.read())')",
        "subprocess.run([sys.executable], input=b'import sys, job; print(sys.argv, sys.stdin.read())')",
        "subprocess.run(['./job.py', 'x'])",
        "os.system(sys.executable + ' job.py x')",
        "os.spawnv(os.P_WAIT, sys.executable, [sys.executable, 'job.py', 'x'])",
        "os.execv(sys.executable, [sys.executable, 'job.py', 'x'])",
    ],
)
def test_programs_that_are_started_are_traced_and_do_not_notice(
    bare: Run, pykcov: Run, write: Write, trace: Load, start: str
) -> None:
    write("main.py", f"import os, subprocess, sys\nsys.stdout.flush()\n{start}\n")
    job = write(
        "job.py",
        f"#!{sys.executable}\nimport os, sys\n"
        "print(sys.argv, sys.orig_argv, sys.path, __name__, sorted(os.environ), sorted(globals()))\n",
    )
    job.chmod(0o755)
    done, expected = pykcov("run", "main.py"), bare("main.py")
    assert (done.returncode, done.stdout) == (0, expected.stdout)
    found = trace()
    assert 3 in lines_of(found, "")["job.py"]
    assert len(found.processes) >= 2


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.run([sys.executable, 'job.py'], env={**os.environ, 'A': '1'})",
        "os.execve(sys.executable, [sys.executable, 'job.py'], dict(os.environ, A='1'))",
        "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, 'job.py'], os.environ), 0)",
        "os.environ['PYTHONPATH'] = '/nowhere'; subprocess.run([sys.executable, 'job.py'])",
        "os.environ['PYTHONPATH'] = '/nowhere'; os.system(sys.executable + ' job.py')",
        "os.environ['PYTHONPATH'] = '/nowhere'; del os.environ['PYTHONPATH']; os.system(sys.executable + ' job.py')",
    ],
)
def test_a_changed_environment_leads_to_the_trace_as_well(
    bare: Run, pykcov: Run, write: Write, trace: Load, start: str
) -> None:
    write("main.py", f"import os, subprocess, sys\n{start}\n")
    write("job.py", "import os, sys\nprint(sorted(os.environ), os.environ.get('PYTHONPATH'), sys.path)\n")
    done, expected = pykcov("run", "main.py"), bare("main.py")
    assert (done.returncode, done.stdout) == (0, expected.stdout)
    assert lines_of(trace(), "")["job.py"] == [1, 2]


def test_programs_that_cannot_be_traced_run_as_they_do_and_are_named(
    bare: Run, pykcov: Run, write: Write, trace: Load
) -> None:
    write(
        "main.py",
        "import subprocess, sys\nfor words in (['-I', 'job.py'], ['-S', 'job.py']):\n"
        "    subprocess.run([sys.executable, *words])\nsubprocess.run([sys.executable, 'job.py'], env={})\n"
        "subprocess.run(['env'], env={})\n",
    )
    write("job.py", "print('job')\n")
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout)
    assert [reason.partition(" ")[0] for _, reason in trace().untraced] == ["-I", "-S", "it"]
    assert "job.py was not traced: -I has it look for nothing" in done.stderr


def test_what_a_setuid_program_starts_is_named_unless_it_is_traced(
    bare: Run, pykcov: Run, write: Write, trace: Load
) -> None:
    for name, exec in (("cleans", "exec env -i"), ("keeps", "exec")):
        write(name, f'#!/bin/sh\n{exec} "$@"\n').chmod(0o4755)
    write(
        "main.py",
        "import subprocess, sys\nfor name in ('cleans', 'keeps'):\n"
        "    subprocess.run(['./' + name, sys.executable, 'job.py', name])\n",
    )
    write("job.py", "print('job')\n")
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout)
    assert "job.py cleans was not traced: ./cleans is setuid" in done.stderr
    assert len(trace().untraced) == 1
    assert lines_of(trace(), "job.py")["job.py"] == [1]


def test_the_same_code_in_two_scripts_is_not_mixed_up(pykcov: Run, write: Write, trace: Load) -> None:
    """Its pcs are the same, and each process knows one of the files."""
    one = write("one.py", "def f():\n    return 1\nf()\n")
    write("sub/two.py", "def f():\n    return 1\n# never called\n")
    write(
        "main.py",
        "import subprocess, sys\nfor name in ('sub/two.py', 'one.py'):\n    subprocess.run([sys.executable, name])\n",
    )
    pykcov("run", "main.py")
    found = trace()
    assert lines_of(found, "one.py") == {"one.py": [1, 2, 3]}
    assert lines_of(found, "two.py") == {"two.py": [1]}
    assert found.lines()[str(one)] == [1, 2, 3]
    dump = pykcov("dump").stdout.splitlines()
    names = [line.split(": ")[1].split(", ")[0] for line in dump if line.startswith("#")]
    assert names == found.thread_names()


def test_a_daemon_that_closes_all_descriptors_is_traced(pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "main.py",
        "import os, sys\nr, w = os.pipe()\nif os.fork():\n    os.close(w)\n    os.read(r, 1)\n    os._exit(0)\n"
        "os.setsid()\nif os.fork():\n    os._exit(0)\ndef daemon():\n    import late\n"
        "os.closerange(0, w)\nos.closerange(w + 1, 1024)\ndaemon()\n",
    )
    write("late.py", "x = 1\n")
    assert pykcov("run", "main.py").returncode == 0
    assert lines_of(trace(), "main.py child 2")["late.py"] == [1]


DAEMON = """\
import os, sys, time
def daemon():
    while not os.path.exists("go"):
        time.sleep(0.01)
    import late
if os.fork():
    print("started")
    sys.exit(5)
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(0, 1024)
daemon()
"""


def left_behind(folder: Path) -> "subprocess.Popen[str]":
    """Start a program under pykcov that leaves a daemon behind; return when it has ended."""
    command = [sys.executable, "-m", "pykcov", "run", "--wait", "main.py"]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "started\n"
    while Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text():
        time.sleep(0.01)
    assert running.poll() is None
    return running


def test_a_daemon_that_outlives_the_program_is_traced_to_its_end_if_it_is_waited_for(
    write: Write, trace: Load, tmp_path: Path
) -> None:
    write("main.py", DAEMON)
    write("late.py", "x = 1\n")
    running = left_behind(tmp_path)
    write("go", "")
    rest, errors = running.communicate()
    assert (running.returncode, rest) == (5, "")
    assert "still running" not in errors
    assert lines_of(trace(), "main.py child 2") == {"late.py": [1], "main.py": [3, 4, 5, 12, 13]}


def test_waiting_for_a_daemon_can_be_ended(write: Write, trace: Load, tmp_path: Path) -> None:
    write("main.py", DAEMON)
    try:
        running = left_behind(tmp_path)
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate()
        assert running.returncode == 5
        assert "1 process was still running when the trace was written" in errors
        assert "main.py" in lines_of(trace(), "main.py child 2")
    finally:
        write("go", "")


def test_what_could_not_be_compiled_fails_as_bare_also_in_a_child(bare: Run, pykcov: Run, write: Write) -> None:
    write("main.py", "import subprocess, sys\nprint(subprocess.run([sys.executable, 'bad.py']).returncode)\n")
    write("bad.py", "def (\n")
    done, expected = pykcov("run", "-q", "main.py"), bare("main.py")
    assert (done.stdout, done.stderr) == (expected.stdout, expected.stderr)


def test_hundreds_of_short_children_cost_no_descriptors(pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "main.py",
        "import os\ndef child(n):\n    return n\nfor n in range(300):\n    if not os.fork():\n        child(n)\n"
        "        os._exit(0)\n    os.wait()\n",
    )
    done = pykcov("run", "main.py")
    assert done.returncode == 0
    assert len(trace().processes) == 301
    assert len(trace().threads) == 301

"""However a program ends, and whatever it starts or closes on its way, what was recorded until then is in the file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from running import Run

from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]

SUDDEN_ENDS = {
    "os._exit": ("os._exit(3)", 3),
    "SIGKILL": ("os.kill(os.getpid(), 9)", -9),
    "a segmentation fault": ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); ctypes.string_at(0)", -11),
    "abort": ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()", -6),
    "exec of another program": ("os.execv('/bin/sh', ['sh', '-c', 'exit 5'])", 5),
    "all descriptors closed": ("os.closerange(3, 1000); sys.exit(6)", 6),
    "SIGKILL from another thread": (
        "threading.Thread(target=os.kill, args=(os.getpid(), 9)).start(); time.sleep(60)",
        -9,
    ),
}


@pytest.mark.parametrize(("statement", "status"), SUDDEN_ENDS.values(), ids=SUDDEN_ENDS)
def test_a_sudden_end_loses_nothing(pykcov: Run, write: Write, trace: Load, statement: str, status: int) -> None:
    main = write(
        "main.py",
        "import ctypes, os, resource, sys, threading, time\ndef f():\n    for n in range(1000):\n        pass\n"
        f"    {statement}\n    never = 1\nf()\n",
    )
    done = pykcov("run", "--mode", "pc", "main.py")
    assert done.returncode == status, done.stderr
    result = trace()
    assert result.exit_status == status
    assert result.lines()[str(main)] == [1, 2, 3, 4, 5, 7]
    _, counts = np.unique(result.threads[0].entries, return_counts=True)
    assert counts.max() == 1000


def test_every_entry_written_before_sigkill_in_a_loop_is_read(pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "main.py",
        "import os, threading, time\ndef forever():\n    n = 0\n    while True:\n        n += 1\n"
        "threading.Thread(target=forever, name='loop', daemon=True).start()\n"
        "time.sleep(0.5)\nos.kill(os.getpid(), 9)\n",
    )
    done = pykcov("run", "--mode", "pc", "main.py")
    assert done.returncode == -9
    [loop] = [thread for thread in trace().threads if thread.name == "loop"]
    full = len(loop) == 262143
    assert full or not loop.dropped
    assert len(loop) > 1000


def test_the_parent_dies_by_the_same_signal_without_a_core(pykcov: Run, write: Write, tmp_path: Path) -> None:
    write("main.py", "import os\nos.kill(os.getpid(), 3)\n")
    assert pykcov("run", "main.py").returncode == -signal.SIGQUIT
    assert not [path for path in tmp_path.iterdir() if "core" in path.name.split(".")]


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "pykcov", "run", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT])
def test_a_signal_sent_to_pykcov_reaches_the_program(
    write: Write, trace: Load, tmp_path: Path, number: signal.Signals
) -> None:
    main = write(
        "main.py",
        f"import signal, sys, time\ndef handler(*_):\n    sys.exit(40)\nsignal.signal({int(number)}, handler)\n"
        "print('ready', flush=True)\ntime.sleep(60)\n",
    )
    process = start(tmp_path, "main.py")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 40
    assert 3 in trace().lines()[str(main)]


def test_a_signal_of_the_terminal_is_not_sent_twice(write: Write, trace: Load, tmp_path: Path) -> None:
    """Ctrl-C goes to the whole group; pykcov waits for what the program makes of it."""
    write(
        "main.py",
        "import signal, sys, time\ngot = []\nsignal.signal(signal.SIGINT, lambda *_: got.append(1))\n"
        "print('ready', flush=True)\nwhile not got:\n    time.sleep(0.05)\ntime.sleep(0.5)\nprint(len(got))\n",
    )
    controller, terminal = os.openpty()
    script = (
        "import fcntl, os, sys, termios\nos.setsid()\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'pykcov', 'run', 'main.py'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdin=terminal, stdout=terminal)
    os.close(terminal)
    output = b""
    while b"ready" not in output:
        output += os.read(controller, 1000)
    os.write(controller, b"\x03")
    assert process.wait(60) == 0
    while True:
        try:
            output += os.read(controller, 1000)
        except OSError:  # the other end is closed
            break
    os.close(controller)
    assert output.replace(b"^C", b"").split() == [b"ready", b"1"]


def test_an_interrupted_program_ends_by_sigint(bare: Run, write: Write, tmp_path: Path, trace: Load) -> None:
    write("main.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    process = start(tmp_path, "-q", "main.py")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.splitlines()[0] == "Traceback (most recent call last):"
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "pykcov" not in errors
    assert trace().exit_status == -signal.SIGINT


def test_the_program_outlives_a_killed_pykcov(write: Write, tmp_path: Path) -> None:
    write(
        "main.py",
        "import os, sys, threading, time\nprint('ready', flush=True)\nsys.stdin.read()\n"
        "t = threading.Thread(target=print, args=('thread',))\nt.start()\nt.join()\nimport other\n"
        "open('done', 'w').write(str(os.getppid()))\n",
    )
    write("other.py", "def f(): pass\nf()\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "pykcov", "run", "main.py"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    output, errors = process.communicate("", timeout=60)
    assert (output, errors) == ("thread\n", "")
    deadline = time.monotonic() + 60
    while not (tmp_path / "done").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_forked_children_left_out_behave_and_are_told(bare: Run, pykcov: Run, write: Write, trace: Load) -> None:
    main = write(
        "main.py",
        "import os, sys\ndef in_child():\n    import other\n    print('child', flush=True)\n    raise SystemExit(3)\n"
        "for _ in range(2):\n    pid = os.fork()\n    if not pid:\n        in_child()\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)\n",
    )
    write("other.py", "def f(): pass\nf()\n")
    done = pykcov("run", "--no-children", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout)
    assert "pykcov: the program forked 2 children, which were not traced" in done.stderr
    assert trace().forked == 2
    assert 3 not in trace().lines()[str(main)]


def test_a_child_that_outlives_the_program_does_not_keep_pykcov_waiting(pykcov: Run, write: Write) -> None:
    write(
        "main.py",
        "import os, time\nif not os.fork():\n    os.closerange(0, 3)\n    time.sleep(30)\n    os._exit(0)\n"
        "print('done')\n",
    )
    before = time.monotonic()
    assert pykcov("run", "main.py").returncode == 0
    assert time.monotonic() - before < 25


def test_other_processes_left_out_behave_and_are_told(bare: Run, pykcov: Run, write: Write) -> None:
    write("main.py", "import subprocess\nprint(subprocess.run(['echo', 'hi'], capture_output=True).stdout)\n")
    done = pykcov("run", "--no-children", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout)
    assert "pykcov: the program started other processes, which were not traced" in done.stderr


def test_a_program_without_children_is_not_told_of_any(pykcov: Run, write: Write) -> None:
    write("main.py", "x = 1\n")
    errors = pykcov("run", "main.py").stderr
    assert "fork" not in errors
    assert "processes" not in errors


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works(bare: Run, pykcov: Run, write: Write, method: str) -> None:
    write(
        "main.py",
        "import multiprocessing, pickle\nclass Work:\n    def __init__(self, n): self.n = n\n"
        "    def __call__(self): return Work(self.n * 2)\ndef call(work):\n    return work()\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "        print([work.n for work in pool.map(call, map(Work, range(4)))])\n"
        "    print(pickle.loads(pickle.dumps(Work(7))).n)\n",
    )
    done = pykcov("run", "-q", "main.py")
    expected = bare("main.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, expected.stderr)


def test_multiprocessing_of_a_module(bare: Run, pykcov: Run, write: Write) -> None:
    write("app/__init__.py", "")
    write(
        "app/__main__.py",
        "import multiprocessing\nfrom . import helper\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print(pool.map(helper.f, [1, 2]))\n",
    )
    write("app/helper.py", "def f(n):\n    return n + 1\n")
    done = pykcov("run", "-q", "-m", "app")
    assert (done.returncode, done.stdout, done.stderr) == (0, bare("-m", "app").stdout, "")


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_standard_descriptors_that_are_closed_stay_closed(
    write: Write, trace: Load, tmp_path: Path, closed: tuple[int]
) -> None:
    write(
        "main.py",
        "import os, sys\ndef state(n):\n    try:\n        return os.readlink(f'/proc/self/fd/{n}')\n"
        "    except OSError:\n        return 'closed'\n"
        "own = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
        "os.write(own, repr([own, sys.stdin, sys.stdout, sys.stderr, state(0), state(1), state(2)]).encode())\n",
    )
    found = []
    for words in (["-m", "pykcov", "run", "main.py"], ["main.py"]):
        output = tmp_path / f"out{len(found)}"
        redirections = " ".join(f"{number}>&-" if number in closed else f"{number}<>/dev/null" for number in (0, 1, 2))
        script = f"exec {redirections}; exec {' '.join([sys.executable, *words, str(output)])}"
        assert subprocess.run(["sh", "-c", script], cwd=tmp_path).returncode == 0
        found.append(output.read_text().replace("out0", "out").replace("out1", "out"))
    assert found[0] == found[1]
    assert trace().lines()


def test_closed_or_replaced_descriptors_are_left_alone(pykcov: Run, write: Write, trace: Load) -> None:
    """A program that closes all descriptors may have opened others under the same numbers."""
    write(
        "main.py",
        "import os, threading\nos.closerange(3, 1000)\n"
        "files = [os.open(f'file{n}', os.O_RDWR | os.O_CREAT) for n in range(300)]\n"
        "t = threading.Thread(target=lambda: print('fine'))\nt.start()\nt.join()\nimport other\n"
        "print(sum(os.fstat(file).st_size for file in files))\n",
    )
    write("other.py", "x = 1\n")
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, "fine\n0\n")
    assert {os.path.basename(file) for file in trace().lines()} == {"main.py", "other.py"}
    assert len(trace().threads) == 2
    assert "socket" not in done.stderr

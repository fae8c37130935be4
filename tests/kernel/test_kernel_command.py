"""`pykcov kernel`: a command, its threads and what it forks, system call by system call."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pykcov
from pykcov.kernel.command import CommandTracer, Recorded
from pykcov.kernel.locations import running
from pykcov.kernel.own_stops import OwnStops
from pykcov.traces.tracefile import TraceFile

PYKCOV = str(Path(sys.executable).with_name("pykcov"))

PROGRAM = """
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *thread(void *unused) { getppid(); return unused; }

int main(int count, char **words)
{
    pthread_t other;

    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "read"))
            read(-1, words, 1);
        if (!strcmp(words[i], "thread") && !pthread_create(&other, NULL, thread, NULL))
            pthread_join(other, NULL);
        if (!strcmp(words[i], "fork") && fork() == 0)
            _exit(getsid(0) < 0);
        if (!strcmp(words[i], "vfork") && vfork() == 0)
            execl("/bin/busybox", "busybox", "true", NULL);
        wait(NULL);
    }
    return count;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-w", "-pthread", "program.c", "-o", "program"], cwd=folder, check=True)
    return str(folder / "program")


def function(pc: int) -> str:
    symbol = running().symbol(pc)
    return symbol.name if symbol is not None else ""


def traced(*command: str, mode: int = pykcov.TRACE_PC, nmemb: int = 1 << 20) -> Recorded:
    return CommandTracer(command, mode, nmemb).run(function)


def functions(recorded: Recorded, call: str) -> set[str]:
    return {place.function for pc in recorded.calls[call].pcs for place in running().locate(pc)}


def test_a_command_is_told_by_system_call(vmlinux: str, program: str) -> None:
    recorded = traced(program, "read")
    assert recorded.exit_status == 2
    assert (recorded.threads, recorded.full, recorded.untraced) == (1, 0, [])
    assert {"ksys_read", "__fdget_pos"} <= functions(recorded, "read")
    assert "load_elf_binary" in functions(recorded, "execve")
    assert "handle_mm_fault" in functions(recorded, "page fault")
    # Nothing of the stops that tell system calls apart is left.
    stops = {"ptrace_notify", "ptrace_do_notify", "ptrace_stop", "do_notify_parent_cldstop"}
    assert {call: found for call in recorded.calls if (found := stops & functions(recorded, call))} == {}


def test_threads_and_all_that_is_forked_are_followed(vmlinux: str, program: str) -> None:
    recorded = traced(program, "thread", "fork", "vfork")
    assert (recorded.threads, recorded.untraced) == (4, [])
    assert recorded.calls["getppid"].times == 1
    assert recorded.calls["getsid"].times == 1
    assert recorded.calls["execve"].times == 2
    assert recorded.calls["wait4"].times == 3
    assert {"vfork", "clone", "clone3"} & set(recorded.calls)


def test_comparisons_show_the_descriptor_that_is_none(vmlinux: str, program: str) -> None:
    command = [PYKCOV, "kernel", "--mode", "cmp", "--call", "read", "--rows", "1000", "--", program, "read"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    rows = [line.split() for line in done.stderr.splitlines()]
    found = [row for row in rows if row[:1] == ["read"] and row[2] == "files_lookup_fd_raw" and "-1," in row]
    assert found, done.stderr


def test_what_the_command_line_writes(vmlinux: str, tmp_path: Path) -> None:
    raw, output = tmp_path / "raw", tmp_path / "cat.npz"
    command = [PYKCOV, "kernel", "--rawcover", str(raw), "-o", str(output), "--", "cat", "/etc/hostname"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == Path("/etc/hostname").read_text()
    assert "\n  openat " in done.stderr
    assert "\n  fs/namei.c " in done.stderr
    pcs = [int(line, 16) for line in raw.read_text().splitlines()]
    assert pcs == sorted(set(pcs))
    assert all(line.startswith("0x") for line in raw.read_text().splitlines())
    trace = TraceFile.load(output)
    assert {"read", "openat", "close"} <= set(trace.thread_names())
    assert set(pcs) == {pc for thread in trace.threads for pc in thread.pcs.tolist()}
    [read] = [thread for thread in trace.threads if thread.name == "read"]
    assert any(file.endswith("fs/read_write.c") for file in trace.lines(read))
    assert trace.images.images[0].build_id == running().kernel.build_id


def test_a_command_ends_as_it_would_without(vmlinux: str) -> None:
    assert traced("busybox", "sh", "-c", "exit 7").exit_status == 7
    assert traced("busybox", "sh", "-c", "kill -TERM $$").exit_status == -signal.SIGTERM


def test_a_buffer_that_is_too_small_is_said(vmlinux: str, program: str) -> None:
    recorded = traced(program, nmemb=512)
    assert recorded.full
    assert recorded.exit_status == 1


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["/nonexistent/command"], "pykcov: /nonexistent/command: No such file or directory"),
        (["/etc"], "pykcov: /etc: Permission denied"),
    ],
)
def test_a_command_that_is_none_is_said_in_a_line(vmlinux: str, command: list[str], sentence: str) -> None:
    done = subprocess.run([PYKCOV, "kernel", "--", *command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, sentence + "\n")


def test_without_kcov_a_command_is_not_even_started(tmp_path: Path) -> None:
    if "PYKCOV_VMLINUX" in os.environ:
        pytest.skip("this kernel has kcov")
    made = tmp_path / "made"
    done = subprocess.run([PYKCOV, "kernel", "--", "touch", str(made)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("pykcov: open: ")
    assert done.stderr.count("\n") == 1
    assert not made.exists()


def kept(names: list[str], begins: bool) -> list[list[str]]:
    spans = OwnStops(names.__getitem__).without(range(len(names)), begins)
    return [names[first:last] for first, last in spans]


def test_what_belongs_to_stops_is_cut_off_both_ends() -> None:
    names = [
        *("ptrace_stop.part.0", "ptrace_do_notify", "syscall_trace_enter", "__se_sys_read", "ksys_read", "__fdget_pos"),
        *("ptrace_notify", "ptrace_do_notify", "__task_pid_nr_ns", "do_notify_parent_cldstop", "some_wakeup"),
    ]
    assert kept(names, begins=True) == [["__se_sys_read", "ksys_read", "__fdget_pos"]]
    assert kept([], begins=False) == []
    # Nothing but stops: two of them, one behind the other.
    assert kept([*names[:2], "get_signal", *names[6:]], begins=False) == []
    # What is left for the end of a system call is done in the stop.
    late = [*names[3:6], "ptrace_notify", "task_work_run", "__fput", *names[6:]]
    assert kept(late, begins=True) == [["__se_sys_read", "ksys_read", "__fdget_pos"], ["task_work_run", "__fput"]]
    # The end of a thread is no stop: nothing is to be cut off there.
    assert kept(names[3:6], begins=False) == [names[3:6]]

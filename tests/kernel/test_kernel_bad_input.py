"""What stands in the way of the kernel's device is said in a sentence, with what to do."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pykcov
from pykcov.kernel import linux
from pykcov.kernel.device import KernelDevice
from pykcov.kernel.linux import Linux
from pykcov.kernel.running import RunningKernel, Symbol

ROOT = os.geteuid() == 0


def test_a_kernel_that_is_not_known() -> None:
    with pytest.raises(ValueError, match=r"kernel='plan9': expected one of 'linux', 'openbsd', 'netbsd', 'freebsd'"):
        pykcov.open("plan9")  # type: ignore[call-overload]


@pytest.mark.parametrize("kernel", ["openbsd", "netbsd", "freebsd"])
def test_another_kernel_than_the_one_that_runs(kernel: str) -> None:
    with pytest.raises(pykcov.KcovError, match=f"'{kernel}' is another system than this one, {sys.platform}"):
        pykcov.open(kernel)  # type: ignore[call-overload]


def test_debugfs_that_is_not_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "_debugfs", lambda: "")
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(FileNotFoundError(2, "No such file")))
    with pytest.raises(pykcov.KcovError, match="debugfs is not mounted: `mount -t debugfs none /sys/kernel/debug`"):
        pykcov.open("linux")


def test_a_kernel_without_kcov(tmp_path: Path) -> None:
    with pytest.raises(pykcov.KcovError, match=r"this kernel .* was built without CONFIG_KCOV=y"):
        KernelDevice(Linux(str(tmp_path / "kcov")))


def test_where_debugfs_is_mounted_is_asked_of_the_kernel(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("proc /proc proc rw 0 0\ndebugfs /mnt/debug debugfs rw,relatime 0 0\n")
    assert linux._debugfs(str(mounts)) == "/mnt/debug"
    mounts.write_text("proc /proc proc rw 0 0\n")
    assert linux._debugfs(str(mounts)) == ""
    assert linux._debugfs(str(tmp_path / "none")) == ""


@pytest.mark.skipif(not ROOT, reason="becomes another user")
def test_no_permission(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setuid(65534)
            KernelDevice(Linux(str(tmp_path / "kcov")))
        except pykcov.KcovError as error:
            code = 0 if error.errno == 13 and "run as root" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_sizes_that_the_driver_takes_and_cannot_map(kcov: None) -> None:
    with pykcov.open("linux") as device:
        for nmemb in (2, 511, 513, 1000):
            with pytest.raises(pykcov.InvalidValueError, match=rf"512 to 268434944 words in steps of 512, not {nmemb}"):
                device.set_buffer_size(nmemb)
        with pytest.raises(pykcov.NoMemoryError, match="no room for"):
            device.set_buffer_size((1 << 27) - 512)
        device.set_buffer_size(512)


def test_a_thread_that_is_traced_by_somebody_else(kcov: None) -> None:
    mine = Linux()
    mine.open()
    mine.set_buffer_size(512)
    mine.enable(0)
    try:
        with pykcov.open("linux") as device:
            device.set_buffer_size(512)
            with pytest.raises(pykcov.DeviceBusyError, match="traced already, by another device or whoever started it"):
                device.enable()
    finally:
        mine.disable()
        mine.close()


def test_closing_while_another_thread_is_traced(kcov: None) -> None:
    device = pykcov.open("linux")
    device.set_buffer_size(512)
    enabled, done = threading.Event(), threading.Event()

    def body() -> None:
        device.enable()
        enabled.set()
        done.wait()

    thread = threading.Thread(target=body)
    thread.start()
    enabled.wait()
    with pytest.warns(pykcov.PykcovWarning, match=rf"closed while thread {thread.native_id} is traced"):
        device.close()
    done.set()
    thread.join()


def test_a_forked_child_is_told_that_it_is_not_traced(kcov: None) -> None:
    with pykcov.open("linux") as device:
        device.set_buffer_size(8192)
        device.enable()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                device.disable()
            except pykcov.NotOwnerError as error:
                code = 0 if "forked child, which is not traced" in str(error) else 2
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        device.disable()
    assert os.waitstatus_to_exitcode(status) == 0


def test_remote_handles_that_cannot_be(kcov: None) -> None:
    with pykcov.open("linux") as device:
        device.set_buffer_size(512)
        for subsystem, id in ((0, 0), (0, 1 << 32), (256, 1), (-1, 1)):
            with pytest.raises(pykcov.InvalidValueError, match="there is no handle"):
                device.remote_attach(subsystem, id)
        device.remote_attach(2, 5)
        with pytest.raises(pykcov.InvalidValueError, match=r"does not take these handles: \[\(2, 5\)\]"):
            device.enable()


def test_two_devices_with_one_handle(kcov: None) -> None:
    with pykcov.open("linux") as first, pykcov.open("linux") as second:
        for device in (first, second):
            device.set_buffer_size(512)
            device.remote_attach(pykcov.REMOTE_COMMON, 77)
        first.enable()
        failed: list[Exception] = []

        def body() -> None:
            try:
                second.enable()
            except pykcov.KcovError as error:
                failed.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        first.disable()
    assert type(failed[0]) is pykcov.DeviceBusyError


def test_a_kernel_that_hides_its_addresses_is_said(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/kallsyms").write_text("0000000000000000 T _text\n0000000000000000 T _etext\n")
    from pykcov.kernel.locations import KernelLocator

    locator = KernelLocator(RunningKernel(tmp_path, "6.1"))
    assert locator.symbol(0xFFFFFFFF81000100) is None
    assert "kptr_restrict" in next(iter(locator.remarks))


def test_a_random_base_is_taken_off_or_not(tmp_path: Path) -> None:
    """A kernel that lies 0x12000000 higher than its file says: as the driver records its pcs, and as it is."""
    pytest.importorskip("symbolic")
    source = ["int _text(int a) { return a; }", "int work(int a)", "{", "    return a * 3;", "}", "int _etext(void) {}"]
    (tmp_path / "kernel.c").write_text("\n".join(source))
    flags = ["-g", "-O0", "-static", "-nostdlib", "-no-pie", "-Wl,--build-id", "-mcmodel=kernel", "-fno-pic"]
    flags += ["-Wl,-Ttext-segment=0xffffffff81000000", "-Wl,-e,_text"]
    subprocess.run(["gcc", "-w", *flags, "kernel.c", "-o", "vmlinux"], cwd=tmp_path, check=True)
    names = subprocess.run(["nm", "vmlinux"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    addresses = {row.split()[2]: int(row.split()[0], 16) for row in names.splitlines() if row.split()[1] in "tT"}
    offset = 0x12000000
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/kallsyms").write_text(
        "".join(f"{address + offset:016x} T {name}\n" for name, address in addresses.items())
    )
    from pykcov.kernel.locations import KernelLocator

    kernel = RunningKernel(tmp_path, "6.1")
    kernel.vmlinux = lambda: tmp_path / "vmlinux"  # type: ignore[method-assign]
    locator = KernelLocator(kernel)
    assert locator.offset == offset
    pc = addresses["work"] + 5
    for recorded in (pc, pc + offset):
        assert locator.symbol(recorded) == Symbol(addresses["work"] + offset, "work", "")
        [place] = locator.locate(recorded)
        assert (place.function, Path(place.file).name, place.module) == ("work", "kernel.c", "kernel")
        assert place.line in (2, 3, 4)
    assert locator.symbol(pc + 2 * offset) is None
    assert list(locator.remarks) == []


def test_a_device_that_somebody_disabled_by_its_descriptor_can_be_closed(kcov: None) -> None:
    with pykcov.open("linux") as device:
        device.set_buffer_size(512)
        device.enable()
        device.ioctl(linux.KCOV_DISABLE)
        with pytest.raises(pykcov.NotOwnerError, match="somebody has disabled the device by its descriptor"):
            device.disable()
    assert device.state == "closed"

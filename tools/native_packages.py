"""Rebuild packages with C and Cython code from their source distributions, for tracing, and try them.

For each: its own tests have the results of the ordinary build, with pykcov tracing and without; one trace shows its
Python and its C in order; the report shows lines of both. Needs a C compiler and a package index. Last line:
`packages=N failures=M`; the exit status is 0 only when M is 0.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from pykcov.traces.locations import PYTHON_PC
from pykcov.traces.tracefile import TraceFile


@dataclass(frozen=True)
class Package:
    """A package and how to try it."""

    requirement: str
    tests: str
    """Where its tests are in the source distribution."""
    include: tuple[str, ...]
    """The modules of it that are traced."""
    script: str
    """Goes from Python into C and back several times."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the build needs besides the flags."""

    @property
    def name(self) -> str:
        """The name of the distribution."""
        return re.split("[<>=]", self.requirement)[0]


PACKAGES = [
    Package(
        "ujson>=5,<6",
        "tests",
        (),
        """
import ujson
def there(value):
    text = ujson.dumps(value)
    return ujson.loads(text)
for value in ([1, 2.5, "three"], {"key": None}, list(range(20))):
    assert there(value) == value
""",
        {"UJSON_BUILD_NO_STRIP": "1"},
    ),
    Package(
        "msgpack>=1,<2",
        "test",
        ("msgpack.*",),
        """
import msgpack
def there(value):
    packed = msgpack.packb(value, default=str)
    return msgpack.unpackb(packed, timestamp=3)
for value in ([1, 2.5, "three"], {"key": None}, msgpack.Timestamp(5, 6)):
    there(value)
assert msgpack.unpackb(msgpack.packb(msgpack.ExtType(5, b"x"))).data == b"x"
""",
    ),
    Package(
        "markupsafe>=3,<4",
        "tests",
        ("markupsafe.*",),
        """
import markupsafe
def there(text):
    return markupsafe.escape(text) + markupsafe.Markup("<b>%s</b>") % text
for text in ("<plain>", "a & b", 'quoted "text"', "none"):
    assert "<b>" in there(text)
""",
    ),
    Package(
        "cbor2>=5,<6",
        "tests",
        ("cbor2.*",),
        """
import cbor2
def there(value):
    return cbor2.loads(cbor2.dumps(value))
for value in ([1, 2.5, "three"], {"key": None}, cbor2.CBORTag(4000, [5])):
    assert there(value) == value
assert type(cbor2.CBOREncoder).__name__ and "_cbor2" in cbor2.CBOREncoder.__module__
""",
        {"CBOR2_BUILD_C_EXTENSION": "1"},
    ),
]

Check = tuple[str, bool, str]


@click.command()
@click.argument("work", type=click.Path(file_okay=False, path_type=Path))
@click.option("--only", multiple=True, help="Only the package of this name. May be repeated.")
@click.option("--compiler", default="", help="The compiler.  [default: that of Python]")
def main(work: Path, only: tuple[str, ...], compiler: str) -> None:
    """Build in the folder WORK and try there."""
    work = work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    failures = 0
    packages = [package for package in PACKAGES if not only or package.name in only]
    for package in packages:
        try:
            checks = list(try_package(package, work / package.name, compiler))
        except subprocess.CalledProcessError as error:
            checks = [("build", False, f"{shlex.join(map(str, error.cmd))}\n{error.stdout}{error.stderr}")]
        for name, passed, finding in checks:
            print(f"{package.name:12} {name:22} {'ok' if passed else 'FAILED':8} {finding}", flush=True)
            failures += not passed
    print(f"packages={len(packages)} failures={failures}")
    sys.exit(failures > 0)


def try_package(package: Package, work: Path, compiler: str) -> Iterable[Check]:
    """Do everything for one package."""
    source = unpack(package, work)
    flags = run(
        [sys.executable, "-m", "pykcov", "cflags", *(["--compiler", compiler] if compiler else [])]
    ).stdout.strip()
    build = {**package.environment, **compilers(compiler)}
    install(source, work / "bare", build)
    # Later in the same folder: what is traced are the sources that lie there.
    install(source, work / "site", {**build, "CFLAGS": flags, "CXXFLAGS": flags})
    yield "built", True, f"{source.name}, CFLAGS={flags}"

    expected = outcome(run_tests(package, source, work / "bare", []))
    plain = outcome(run_tests(package, source, work / "site", []))
    yield "tests without pykcov", plain == expected, f"{plain}; ordinary build {expected}"
    tracing = ["-m", "pykcov", "run", "-q", "-o", str(work / "tests.npz"), *included(package)]
    traced = outcome(run_tests(package, source, work / "site", tracing))
    yield "tests under pykcov run", traced == expected, f"{traced}; ordinary build {expected}"

    yield from try_script(package, work)


def try_script(package: Package, work: Path) -> Iterable[Check]:
    """Trace the script: order, then the report."""
    script, output = work / "script.py", work / "script.npz"
    script.write_text(package.script)
    words = ["-m", "pykcov", "run", "-q", "--mode", "pc", "-o", str(output), *included(package), str(script)]
    done = run([sys.executable, *words], work / "site", work)
    yield "script says nothing", done.stdout + done.stderr == "", done.stdout + done.stderr
    trace = TraceFile.load(output)
    native = trace.threads[0].entries < PYTHON_PC
    changes = int((native[1:] != native[:-1]).sum())
    yield "Python and C in order", changes >= 6, f"{native.sum()} C, {(~native).sum()} Python, {changes} changes"
    report = work / "html"
    done = run([sys.executable, "-m", "pykcov", "report", str(output), "--format", "html", "-o", str(report)])
    index = (report / "index.html").read_text()
    ran = trace.lines()
    c_lines = {Path(file).name: len(ran.get(file, ())) for file in trace.native_lines()}
    shown = [name for name, lines in c_lines.items() if lines and name in index]
    yield (
        "report shows both",
        bool(shown) and "script.py" in index,
        ", ".join(f"{name} {c_lines[name]}" for name in shown),
    )


def unpack(package: Package, work: Path) -> Path:
    """Fetch and unpack the source distribution; return its folder."""
    archives = work / "archives"
    if not archives.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        run([*command, "-d", str(archives), package.requirement])
    [archive] = archives.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(work, filter="data")
    return work / archive.name.removesuffix(".tar.gz")


def install(source: Path, target: Path, environment: Mapping[str, str]) -> None:
    """Build and install from the source folder, whose files stay where the debug information says."""
    shutil.rmtree(source / "build", ignore_errors=True)  # objects that were built with other flags
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-cache-dir", "--upgrade"]
    run([*command, "--target", str(target), str(source)], environment=environment)


def compilers(compiler: str) -> dict[str, str]:
    """Return the variables that choose a C compiler and the C++ compiler that belongs to it."""
    if not compiler:
        return {}
    return {"CC": compiler, "CXX": compiler.replace("clang", "clang++").replace("gcc", "g++")}


def run_tests(package: Package, source: Path, site: Path, tracing: list[str]) -> str:
    """Run the package's tests; return what pytest prints."""
    # -m pytest for Python itself and for pykcov run alike
    words = [*tracing, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "-o", "addopts=", package.tests]
    return run([sys.executable, *words], site, source, check=False).stdout


def outcome(output: str) -> str:
    """Return how many tests passed, failed and so on."""
    counts = re.findall(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)", output.strip().rpartition("\n")[2])
    return ", ".join(f"{number} {what}" for number, what in counts) or output[-500:]


def included(package: Package) -> list[str]:
    """Return the options that choose what is traced."""
    return [word for pattern in ("__main__", *package.include) for word in ("--include", pattern)]


def run(
    command: list[str],
    site: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command; `site` comes first on sys.path."""
    path = os.pathsep.join(filter(None, [str(site) if site else "", os.environ.get("PYTHONPATH", "")]))
    variables = {**os.environ, **(environment or {}), **({"PYTHONPATH": path} if path else {})}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=variables, check=check)


if __name__ == "__main__":
    main()

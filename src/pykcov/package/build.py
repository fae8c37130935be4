"""Makes a file of a harness, which ClusterFuzz takes for a libFuzzer target, by PyInstaller.

DIR/NAME                   a shell script that starts the program in the folder
DIR/NAME.pkg/              Python, pykcov, the harness and what it imports, with probes in
DIR/NAME_seed_corpus.zip   the first inputs
DIR/NAME.dict              words to put into inputs
DIR/NAME.options           flags

The program is run once when it is there: that tells whether it fuzzes, and fills its cache of probed code.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from pykcov.fuzz import libfuzzer
from pykcov.fuzz.settings import VARIABLE
from pykcov.package.start import FILL

INSTALL = "python -m pip install 'pykcov[package]'"

_TARGET = """\
#!/bin/sh
# LLVMFuzzerTestOneInput: by this word ClusterFuzz knows a fuzz target.
exec "$(dirname "$0")/{name}.pkg/{name}" "$@"
"""

_FUNCTION = """\
import sys

import pykcov.atheris

with pykcov.atheris.instrument_imports(include=[{package!r}]):
    import {module}

pykcov.atheris.Setup(sys.argv, {module}.{function})
pykcov.atheris.Fuzz()
"""

_MODULE_AND_FUNCTION = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_BEGAN = re.compile(r"^INFO: Loaded \d+ modules? ", re.MULTILINE)
_LINES_SHOWN = 12
_SECONDS = 600
"""For the run that fills the cache."""


class PackageError(Exception):
    """No target could be made: says why, and what to do."""


class Beside(NamedTuple):
    """Files that lie beside a target."""

    seeds: Path | None = None
    """A folder of inputs."""
    dictionary: Path | None = None
    options: Path | None = None


def build(harness: str, folder: Path, name: str | None, beside: Beside, options: Sequence[str]) -> Path:
    """Make the target, in the place of an older one, and return it.

    harness: a script, or 'module:function'. name: of the target; None: that of the script. options: of PyInstaller.
    Raises PackageError.
    """
    _check()
    function = _MODULE_AND_FUNCTION.fullmatch(harness)
    if function is None and not Path(harness).is_file():
        raise PackageError(f"can't open {harness!r}: no such harness")
    if name is None:
        name = function[0].replace(":", ".") if function else Path(harness).stem
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pykcov-package-") as scratch:
        work = Path(scratch)
        script = Path(harness)
        if function:
            script = work / f"{name}.py"
            module, path = function.groups()
            text = _FUNCTION.format(package=module.partition(".")[0], module=module, function=path)
            script.write_text(text, encoding="utf-8")
            options = [f"--paths={os.getcwd()}", *options]
        made = _collect(script, name, work, options)
        package = folder / f"{name}.pkg"
        shutil.rmtree(package, ignore_errors=True)
        shutil.move(made, package)
    _fill(package, name)
    target = folder / name
    target.write_text(_TARGET.format(name=name), encoding="utf-8")
    target.chmod(0o755)
    _put_beside(target, beside)
    return target


def _check() -> None:
    if PathFinder.find_spec("PyInstaller") is None:
        raise PackageError(f"this needs PyInstaller: {INSTALL}")
    try:
        own = libfuzzer.find().own
    except libfuzzer.LibFuzzerMissingError as error:
        raise PackageError(str(error)) from None
    if not own:
        raise PackageError(f"a target needs pykcov's own libFuzzer, without which pykcov was built: {libfuzzer.BUILD}")


def _collect(script: Path, name: str, work: Path, options: Sequence[str]) -> Path:
    """Have PyInstaller put together a folder with the program NAME, and return it."""
    command = [
        *(sys.executable, "-m", "PyInstaller", "--onedir", "--contents-directory=.", "--noconfirm"),
        *("--log-level=WARN", f"--name={name}", f"--distpath={work / 'made'}"),
        *(f"--workpath={work / 'work'}", f"--specpath={work}"),
        # Its place is taken by pykcov's.
        *("--hidden-import=pykcov.atheris", "--exclude-module=atheris"),
        *options,
        str(script.absolute()),
    ]
    # Standard input is not read: a question would be waited for.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    made = work / "made" / name
    if done.returncode or not (made / name).is_file():
        raise PackageError(f"PyInstaller has made no program of {script}:\n{_end_of(done.stdout + done.stderr)}")
    return made


def _fill(package: Path, name: str) -> None:
    """Run the program once, without an input of anybody's, so that its probed code is in its folder."""
    environment = os.environ | {VARIABLE: FILL}
    environment.pop("PYKCOV_CACHE", None)
    command = [str(package.absolute() / name), "-runs=0"]
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            done = subprocess.run(
                command,
                cwd=elsewhere,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PackageError(f"{name} -runs=0 has not ended after {_SECONDS} seconds") from None
    said = done.stderr.decode("utf-8", "replace")
    if not _BEGAN.search(said):
        raise PackageError(f"{name} -runs=0 does not fuzz (exit code {done.returncode}):\n{_end_of(said)}")
    for path in package.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def _put_beside(target: Path, beside: Beside) -> None:
    if beside.seeds is not None:
        with ZipFile(target.with_name(f"{target.name}_seed_corpus.zip"), "w", ZIP_DEFLATED) as file:
            for path in sorted(path for path in beside.seeds.rglob("*") if path.is_file()):
                file.write(path, path.relative_to(beside.seeds))
    for source, ending in ((beside.dictionary, "dict"), (beside.options, "options")):
        if source is not None:
            shutil.copyfile(source, target.with_name(f"{target.name}.{ending}"))


def _end_of(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_LINES_SHOWN:])

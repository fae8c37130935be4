"""What to give a compiler so that pykcov sees the code that it makes."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FALLBACK = Path(__file__).with_name("fallback.c")
_CALLBACKS = _FALLBACK.parents[1] / "core" / "callbacks.h"

# Without -fplt, which is the default of compilers but not of every distribution, the callback may be called through a
# register, and then it cannot be seen in the file which callback it is.
_COMMON = ("-g", "-fplt")
_GCC = (
    "-fsanitize-coverage=trace-pc,trace-cmp",
    # The pc of an event is the return address of the callback: a jump to it would leave that of the function's caller.
    "-fno-optimize-sibling-calls",
    # Equal pieces of code stay as many as they were: a pc stands for one place.
    "-fno-ipa-icf",
    "-fno-tree-tail-merge",
    "-fno-crossjumping",
)
_CLANG = (
    # Every block, as gcc does: without no-prune one stands for others that ran before or after it.
    "-fsanitize-coverage=bb,no-prune,trace-pc,trace-cmp",
    # It would link programs, such as the tests of a configure script, with a runtime of its own.
    "-fno-sanitize-link-runtime",
    # For the flags of the linker, which many builds give to the compiler too.
    "-Wno-unused-command-line-argument",
)
# By build-id a trace finds the file again.
_LINK = ("-Wl,--build-id",)

_OLDEST_GCC = 8

# Arguments with which a compiler only preprocesses or tells something.
_ASKS = {
    "-E",
    "-M",
    "-MM",
    "-fsyntax-only",
    "--version",
    "--help",
    "-dumpversion",
    "-dumpmachine",
    "-dumpspecs",
    "-###",
}
_DOES_NOT_LINK = {"-c", "-S", "-r"}


class BuildError(Exception):
    """There is no compiler, or none that can do it; says which one and why."""


class Flags(NamedTuple):
    """Arguments for a compiler. Both kinds may be given to every command, and twice."""

    compile: tuple[str, ...]
    link: tuple[str, ...]


def default_compiler() -> list[str]:
    """Return the compiler that builds extensions for this Python: $CC, or the one that Python was built with."""
    chosen = shlex.split(os.environ.get("CC", ""))
    return chosen or [_compiler_of_python()]


def _compiler_of_python() -> str:
    return next(iter(shlex.split(sysconfig.get_config_var("CC") or "")), "cc")


def split_command(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the compiler and the arguments of a command that may begin with a compiler; else it is Python's."""
    first = arguments[0] if arguments else ""
    if first and not first.startswith(("-", "@")) and not Path(first).suffix[1:].isalpha() and shutil.which(first):
        return [first], list(arguments[1:])
    return [_compiler_of_python()], list(arguments)


def added_flags(compiler: Sequence[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what to add to a command: nothing if it neither compiles nor links."""
    given = set(arguments)
    if given & _ASKS or all(argument.startswith("-") for argument in arguments):
        return ()
    both = flags(compiler)
    return both.compile if given & _DOES_NOT_LINK else both.compile + both.link


def flags(compiler: Sequence[str]) -> Flags:
    """Return the flags for a compiler, given as the words of its command; BuildError if it will not do."""
    extra = _CLANG if _is_clang(tuple(compiler)) else _GCC
    return Flags(_COMMON + extra, (*_LINK, f"-Wl,{fallback_object(compiler)}"))


def rust_flags(compiler: Sequence[str]) -> tuple[str, ...]:
    """Return flags for rustc (RUSTFLAGS), of which stable releases do; `compiler` is the C compiler that links."""
    passes = ("level=2", "trace-pc", "trace-compares", "prune-blocks=0")
    return (
        "-Cpasses=sancov-module",
        *(f"-Cllvm-args=-sanitizer-coverage-{option}" for option in passes),
        # Across units functions are inlined after the pass, out of its sight.
        "-Ccodegen-units=1",
        "-Cdebuginfo=2",
        "-Cstrip=none",
        *(f"-Clink-arg={argument}" for argument in flags(compiler).link),
    )


def fallback_object(compiler: Sequence[str]) -> Path:
    """Return the object file that instrumented code is linked with, compiling it if this compiler has not yet."""
    version = _run([*compiler, "--version"]).stdout
    source = _FALLBACK.read_bytes() + _CALLBACKS.read_bytes()
    key = hashlib.blake2b(shlex.join(compiler).encode() + version.encode() + source, digest_size=8).hexdigest()
    path = _cache_folder() / f"fallback-{key}.o"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        _run([*compiler, "-xc", "-O2", "-fPIC", "-w", "-c", str(_FALLBACK), "-o", str(temporary)])
        os.replace(temporary, path)
    return path


def _cache_folder() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "pykcov"
    # Flags are split at spaces by whoever uses them, and the compiler splits those for the linker at commas.
    if unfit := set(str(folder)) & set(", \t\n\"'\\"):
        raise BuildError(
            f"the path of the cache folder {str(folder)!r} has {' '.join(map(repr, sorted(unfit)))} in it, which "
            "compiler flags cannot hold: set XDG_CACHE_HOME to another folder"
        )
    return folder


@cache
def _is_clang(compiler: tuple[str, ...]) -> bool:
    macros = dict(
        line.split(maxsplit=2)[1:]
        for line in _run([*compiler, "-dM", "-E", "-xc", "/dev/null"]).stdout.splitlines()
        if len(line.split(maxsplit=2)) == 3
    )
    if "__clang__" in macros:
        return True
    if int(macros.get("__GNUC__", 0)) < _OLDEST_GCC:
        raise BuildError(f"{shlex.join(compiler)} is neither clang nor gcc {_OLDEST_GCC} or later")
    if "__ELF__" not in macros:
        raise BuildError(f"{shlex.join(compiler)} does not make ELF objects: native code is traced on Linux only")
    return False


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise BuildError(f"cannot run the compiler {command[0]!r}: {error.strerror}") from error
    if done.returncode:
        raise BuildError(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
    return done

"""Builds the C core and links libFuzzer; everything else about the package is in pyproject.toml."""

import os
import platform
import re
from collections.abc import Iterable
from glob import glob
from hashlib import sha256
from pathlib import Path
from typing import Any

from setuptools import Extension, setup

CORE = Path("src/pykcov/core")
PYTHON = CORE / "python"
FUNCTIONS_MODULE = str(PYTHON / "functions_module.h")
FUZZ = Path("src/pykcov/fuzz")
# With a glibc older than 2.34 these are libraries of their own.
LINK = ["-Wl,--as-needed", "-lpthread", "-ldl", "-lrt", "-lm"]
COMPILE = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"]

# By checksum, the static libraries with which tests/fuzz has passed. Others are linked too, and said to be others.
TESTED_LIBFUZZERS = {
    "53b6f7bfd285a905d543346fa605c63be8fad7ce2da0f58dd140d3cf9b249a45": "LLVM 16.0.6",
    "51eb16b8e38ca7fbb942a2a681f2dfc0c06b58de145fc1f62d96560ba02409a6": "LLVM 19.1.7",
    "ac4e9fa922e9b0d4eefe6e4558aedbb0ca54b304d266d980e7e9af5c5030a7bb": "LLVM 21.1.8",
}

# That of LLVM 14 ends where no input of the first ones reaches a probe.
OLDEST_LLVM = (16,)


def extension(name: str, sources: list[str], extra_link_args: Iterable[str] = (), **arguments: Any) -> Extension:
    """Return an extension that is built as all are."""
    return Extension(name, sources, extra_compile_args=COMPILE, extra_link_args=[*LINK, *extra_link_args], **arguments)


def find_libfuzzer() -> str | None:
    """Return libFuzzer's static library: of the newest LLVM, or what PYKCOV_LIBFUZZER_A names (nothing: none)."""
    chosen = os.environ.get("PYKCOV_LIBFUZZER_A")
    if chosen is not None:
        return chosen or None
    machine = platform.machine()
    found = [
        path
        for folder in ("/usr/lib/llvm-*/lib", "/usr/lib", "/usr/lib64", "/usr/local/lib")
        for name in (f"linux/libclang_rt.fuzzer_no_main-{machine}.a", f"{machine}-*/libclang_rt.fuzzer_no_main.a")
        for path in glob(f"{folder}/clang/*/lib/{name}")
    ]
    return max((path for path in found if llvm_version(path) >= OLDEST_LLVM), key=llvm_version, default=None)


def llvm_version(path: str) -> tuple[int, ...]:
    """Return what stands in the path of a library of clang."""
    match = re.search(r"/clang/([0-9.]+)/", path)
    return tuple(map(int, match[1].split("."))) if match else ()


def describe(path: str) -> str:
    """Return version and checksum of a static library."""
    checksum = sha256(Path(path).read_bytes()).hexdigest()
    version = TESTED_LIBFUZZERS.get(checksum)
    if version is None:
        numbers = ".".join(map(str, llvm_version(path))) or "of unknown version"
        version = f"LLVM {numbers}, which is none of those that pykcov was tested with"
    return f"{version}; SHA-256 of its static library: {checksum}"


def libfuzzer_extensions() -> list[Extension]:
    """Link libFuzzer, if it is there; pykcov/fuzz/libfuzzer.py says what is done without."""
    path = find_libfuzzer()
    if path is None:
        return []
    return [
        extension(
            "pykcov.fuzz._libfuzzer",
            sources=[str(FUZZ / "libfuzzer_version.c")],
            depends=[path, str(FUZZ / "libfuzzer.map")],
            define_macros=[("PYKCOV_LIBFUZZER_VERSION", f'"{describe(path)}"')],
            extra_link_args=[
                "-static-libstdc++",
                "-static-libgcc",
                *("-Wl,--whole-archive", path, "-Wl,--no-whole-archive", "-Wl,--gc-sections", "-Wl,-s"),
                # It calls its own functions, whatever else in the process has their names.
                *("-Wl,-Bsymbolic", f"-Wl,--version-script={FUZZ / 'libfuzzer.map'}"),
            ],
            language="c++",
            optional=True,  # without a C++ compiler
        )
    ]


setup(
    ext_modules=[
        extension(
            "pykcov._core",
            sources=sorted(str(path) for path in CORE.rglob("*.c")),
            depends=sorted(str(path) for path in CORE.rglob("*.h")),
            include_dirs=[str(CORE), str(PYTHON)],
        ),
        *(
            extension(
                f"pykcov.{name}",
                sources=[f"src/pykcov/instrument/{name}.c"],
                depends=[str(PYTHON / "critical.h"), FUNCTIONS_MODULE, "src/pykcov/instrument/set_code.h"],
                include_dirs=[str(CORE), str(PYTHON)],
            )
            for name in ("_exec", "_load", "_vanish")
        ),
        extension(
            "pykcov._view",
            sources=[f"src/pykcov/instrument/{name}.c" for name in ("_view", "view", "view_types")],
            depends=["src/pykcov/instrument/view.h", str(PYTHON / "critical.h"), FUNCTIONS_MODULE],
            include_dirs=[str(PYTHON)],
        ),
        *(
            extension(
                f"pykcov.{name}",
                sources=[f"src/pykcov/program/{name}.c"],
                depends=[FUNCTIONS_MODULE],
                include_dirs=[str(PYTHON)],
            )
            for name in ("_first_folder", "_outermost")
        ),
        extension(
            "pykcov._implied",
            sources=[f"src/pykcov/coverage/{name}.c" for name in ("_implied", "implied")],
            depends=["src/pykcov/coverage/implied.h", FUNCTIONS_MODULE],
            include_dirs=[str(PYTHON)],
        ),
        extension(
            "pykcov._records",
            sources=["src/pykcov/contrib/hypothesis/_records.c"],
            depends=[FUNCTIONS_MODULE, str(CORE / "kcov.h")],
            include_dirs=[str(CORE), str(PYTHON)],
        ),
        extension(
            "pykcov.fuzz._engine",
            sources=[
                str(FUZZ / name)
                for name in (
                    "after.c",
                    "comparing.c",
                    "engine.c",
                    "exchange.c",
                    "give.c",
                    "interrupts.c",
                    "libfuzzer.c",
                    "module.c",
                    "mutators.c",
                    "numbers.c",
                    "pairs.c",
                    "reached.c",
                    "replay.c",
                    "seen.c",
                    "stage.c",
                )
            ],
            depends=[
                *sorted(str(path) for path in FUZZ.glob("*.h")),
                "src/pykcov/instrument/set_code.h",
                FUNCTIONS_MODULE,
            ],
            include_dirs=[str(CORE), str(PYTHON), "src/pykcov/instrument"],
        ),
        extension(
            "pykcov.fuzz._provider",
            sources=[str(FUZZ / name) for name in ("consume.c", "provider.c")],
            depends=[str(FUZZ / "consume.h"), str(PYTHON / "critical.h"), FUNCTIONS_MODULE],
            include_dirs=[str(PYTHON)],
        ),
        # No modules: what libFuzzer looks for by name (fuzz/mutators.h, fuzz/memory.c).
        *(
            extension(
                f"pykcov.fuzz._{name}",
                sources=[str(FUZZ / f"{name}.c")],
            )
            for name in ("mutator", "memory", "stacks", "crossover")
        ),
        *libfuzzer_extensions(),
    ]
)

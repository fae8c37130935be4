"""Builds the C core; everything else about the package is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

CORE = Path("src/pykcov/core")
PYTHON = CORE / "python"
FUZZ = Path("src/pykcov/fuzz")
COMPILE = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"]

setup(
    ext_modules=[
        Extension(
            "pykcov._core",
            sources=sorted(str(path) for path in CORE.rglob("*.c")),
            depends=sorted(str(path) for path in CORE.rglob("*.h")),
            include_dirs=[str(CORE), str(PYTHON)],
            extra_compile_args=COMPILE,
        ),
        *(
            Extension(
                f"pykcov.{name}",
                sources=[f"src/pykcov/instrument/{name}.c"],
                depends=[str(PYTHON / "critical.h")],
                include_dirs=[str(CORE), str(PYTHON)],
                extra_compile_args=COMPILE,
            )
            for name in ("_exec", "_load")
        ),
        Extension("pykcov._outermost", sources=["src/pykcov/program/_outermost.c"], extra_compile_args=COMPILE),
        Extension(
            "pykcov.fuzz._engine",
            sources=[
                str(FUZZ / name)
                for name in (
                    "engine.c",
                    "exchange.c",
                    "give.c",
                    "interrupts.c",
                    "libfuzzer.c",
                    "module.c",
                    "mutators.c",
                    "numbers.c",
                    "pairs.c",
                    "replay.c",
                    "stage.c",
                )
            ],
            depends=sorted(str(path) for path in FUZZ.glob("*.h")),
            include_dirs=[str(CORE)],
            extra_compile_args=COMPILE,
        ),
        Extension(
            "pykcov.fuzz._provider",
            sources=[str(FUZZ / name) for name in ("consume.c", "provider.c")],
            depends=[str(FUZZ / "consume.h")],
            extra_compile_args=COMPILE,
        ),
        # No modules: what libFuzzer looks for by name (fuzz/mutators.h, fuzz/memory.c).
        Extension("pykcov.fuzz._mutator", sources=[str(FUZZ / "mutator.c")], extra_compile_args=COMPILE),
        Extension("pykcov.fuzz._memory", sources=[str(FUZZ / "memory.c")], extra_compile_args=COMPILE),
        Extension("pykcov.fuzz._crossover", sources=[str(FUZZ / "crossover.c")], extra_compile_args=COMPILE),
    ]
)

"""Builds the C core; everything else about the package is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

CORE = Path("src/pykcov/core")
COMPILE = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"]

setup(
    ext_modules=[
        Extension(
            "pykcov._core",
            sources=sorted(str(path) for path in CORE.glob("*.c")),
            depends=sorted(str(path) for path in CORE.glob("*.h")),
            include_dirs=[str(CORE)],
            extra_compile_args=COMPILE,
        ),
        Extension("pykcov._exec", sources=["src/pykcov/instrument/_exec.c"], extra_compile_args=COMPILE),
        Extension("pykcov._load", sources=["src/pykcov/instrument/_load.c"], extra_compile_args=COMPILE),
        Extension("pykcov._outermost", sources=["src/pykcov/program/_outermost.c"], extra_compile_args=COMPILE),
    ]
)

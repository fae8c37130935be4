"""Tests as targets: those of Hypothesis, and those with @pykcov.fuzz_test."""

from typing import NoReturn

from pykcov.fuzz.harness import HarnessError
from pykcov.fuzz.settings import Settings


def run(path: str, test: str, settings: Settings) -> NoReturn:
    """Fuzz a test."""
    raise HarnessError("tests cannot be fuzzed yet")

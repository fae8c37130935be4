"""A job of a thread pool belongs to who submitted it, whatever thread runs it."""

from collections.abc import Iterator
from concurrent.futures.thread import ThreadPoolExecutor

from pykcov.remote.replacement import Replacement


def replacements() -> Iterator[Replacement]:
    """Yield what takes jobs, and what starts the threads of a pool, which outlive the job that caused that."""
    yield Replacement(ThreadPoolExecutor, "submit", "carry", 1)
    yield Replacement(ThreadPoolExecutor, "_adjust_thread_count", "nobody")

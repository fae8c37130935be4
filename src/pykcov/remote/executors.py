"""A job of a thread pool belongs to who submitted it, whatever thread runs it.

What starts the threads of a pool works for nobody: they outlive the job that caused that.
"""

from pykcov.remote.replacement import Replacement

_MODULE = "concurrent.futures.thread"

CARRIERS = (
    Replacement(_MODULE, "ThreadPoolExecutor.submit", "carry", 1),
    Replacement(_MODULE, "ThreadPoolExecutor._adjust_thread_count", "nobody"),
)

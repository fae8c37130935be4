"""A job of a thread pool belongs to who submitted it, whatever thread runs it.

What starts the threads of a pool works for nobody: they outlive the job that caused that.
"""

from pykcov.remote.replacement import Replacement

_MODULE = "concurrent.futures.thread"
_BASE = "concurrent.futures._base"

CARRIERS = (
    Replacement(_MODULE, "ThreadPoolExecutor.submit", "carry", 1),
    Replacement(_MODULE, "ThreadPoolExecutor._adjust_thread_count", "nobody"),
    Replacement(_BASE, "Future.add_done_callback", "callback", 1, "fn"),
)

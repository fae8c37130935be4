"""A job of a pool of processes belongs to who submitted it, whatever process runs it.

A job that is pickled takes along how to reach the trace that is open for it (lending.py). What starts the processes
and the threads of a pool works for nobody: they outlive the job that caused that.
"""

from typing import TYPE_CHECKING

from pykcov._core import Carried
from pykcov.remote.replacement import Replacement

if TYPE_CHECKING:
    from concurrent.futures import Future


def _until_done(job: Carried, future: "Future[object]") -> None:
    # The executor keeps jobs that were cancelled, and those of workers that died.
    future.add_done_callback(job.finish)


_EXECUTOR = "concurrent.futures.process"
_POOL = "multiprocessing.pool"

CARRIERS = (
    Replacement(_EXECUTOR, "ProcessPoolExecutor.submit", "carry", 1, None, _until_done),
    Replacement(_EXECUTOR, "ProcessPoolExecutor._start_executor_manager_thread", "nobody"),
    Replacement(_EXECUTOR, "ProcessPoolExecutor._adjust_process_count", "nobody"),
    # Those of multiprocessing.pool.ThreadPool, too.
    Replacement(_POOL, "Pool.apply_async", "carry", 1, "func"),
    Replacement(_POOL, "Pool._map_async", "carry", 1, "func"),
    Replacement(_POOL, "Pool.imap", "carry", 1, "func"),
    Replacement(_POOL, "Pool.imap_unordered", "carry", 1, "func"),
    Replacement(_POOL, "Pool.__init__", "nobody"),
)

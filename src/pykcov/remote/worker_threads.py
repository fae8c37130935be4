"""The worker threads of trio, anyio and gevent outlive the job that had them started: they work for nobody.

trio and anyio run each job in the context of who hands it over; gevent's pool of threads does not.
"""

from pykcov.remote.replacement import Replacement

CARRIERS = (
    Replacement("trio._core._entry_queue", "TrioToken.run_sync_soon", "carry", 1, "sync_fn"),
    Replacement("trio._core._thread_cache", "WorkerThread.__init__", "nobody"),
    Replacement("anyio._backends._asyncio", "WorkerThread.start", "nobody"),
    Replacement("gevent.threadpool", "ThreadPool.spawn", "carry", 1, "func"),
    Replacement("gevent.threadpool", "ThreadPool._add_thread", "nobody"),
)

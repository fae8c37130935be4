"""The worker threads of trio, anyio and gevent outlive the job that had them started: they work for nobody.

anyio runs each job in the context of who hands it over, as trio's to_thread does; others that hand jobs to trio's
threads, and gevent's pool of threads, do not.
"""

from pykcov.remote.replacement import Replacement

CARRIERS = (
    Replacement("trio._core._entry_queue", "TrioToken.run_sync_soon", "carry", 1, "sync_fn"),
    Replacement("trio._core._thread_cache", "WorkerThread.__init__", "nobody"),
    Replacement("trio._core._thread_cache", "ThreadCache.start_thread_soon", "carry", 1, "fn"),
    # A callback: who waits for the job goes on, and its trace may end, before this returns.
    Replacement("trio._core._thread_cache", "ThreadCache.start_thread_soon", "callback", 2, "deliver"),
    Replacement("anyio._backends._asyncio", "WorkerThread.start", "nobody"),
    Replacement("gevent.threadpool", "ThreadPool.spawn", "carry", 1, "func"),
    Replacement("gevent.threadpool", "ThreadPool._add_thread", "nobody"),
)

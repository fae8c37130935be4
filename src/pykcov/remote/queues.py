"""A queue that takes the group along: for worker threads of one's own."""

from _thread import _local
from typing import Any

from pykcov._core import Carried, carry


class FollowedQueue:
    """Wraps a queue: a thread that gets an item works for whoever put it there, until its next get() or task_done().

        jobs = pykcov.remote.FollowedQueue(queue.Queue())

    For work queues with `put()` and `get()` as in `queue` and multiprocessing. All other attributes are those of the
    wrapped queue. Not for a PriorityQueue, which would have to compare items: use carry() for its jobs. Items that were
    put into the wrapped queue directly belong to nobody.
    """

    def __init__(self, queue: Any) -> None:
        """Wrap `queue`."""
        self.queue = queue
        self._thread = _local()

    def put(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Put an item, for the caller's group."""
        self.queue.put(carry(item), *args, **kwargs)

    def put_nowait(self, item: Any) -> None:
        """Put an item, for the caller's group."""
        self.queue.put_nowait(carry(item))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Get an item, and work for the group of whoever put it there."""
        self._done()
        return self._begin(self.queue.get(*args, **kwargs))

    def get_nowait(self) -> Any:
        """Get an item, and work for the group of whoever put it there."""
        self._done()
        return self._begin(self.queue.get_nowait())

    def task_done(self) -> None:
        """Return to whoever the thread worked for before, and notify the wrapped queue."""
        self._done()
        self.queue.task_done()

    def __getattr__(self, name: str) -> Any:
        """Return what the wrapped queue has."""
        return getattr(self.queue, name)

    def _begin(self, item: Any) -> Any:
        if type(item) is not Carried:
            return item
        self._thread.carried = item
        return item.__enter__()

    def _done(self) -> None:
        carried = self._thread.__dict__.pop("carried", None)
        if carried is not None:
            carried.__exit__(None, None, None)

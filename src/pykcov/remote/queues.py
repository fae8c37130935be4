"""A queue that takes the group along: for worker threads of one's own."""

from _thread import _local
from typing import Any

from pykcov._core import Carried, carry


class FollowedQueue:
    """Wraps a queue: a thread that gets an item works, until its next get() or task_done(), for whom put it there.

        jobs = pykcov.remote.FollowedQueue(queue.Queue())

    For queues of work, with `put()` and `get()` as those of `queue` and multiprocessing have them. What else a queue
    has is that of the wrapped one. Not for a PriorityQueue, which would have to compare items: use carry() for its
    jobs. Items that somebody put into the wrapped queue itself are nobody's.
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
        """Get an item, and work for the group of who put it there."""
        self._done()
        return self._begin(self.queue.get(*args, **kwargs))

    def get_nowait(self) -> Any:
        """Get an item, and work for the group of who put it there."""
        self._done()
        return self._begin(self.queue.get_nowait())

    def task_done(self) -> None:
        """Work for whom the thread worked before; and tell the queue, if that wants to know."""
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

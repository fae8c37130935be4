"""The workers of a campaign, by Dask's distributed: a cluster of this machine's own, or one that exists."""

import logging
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import dask.config
from distributed import Client, Future, LocalCluster

from pykcov.campaign import worker
from pykcov.campaign.slices import Result, Slice

_CONNECT_SECONDS = 30
# A slice that its worker has died of is not given to the next one: who runs the campaign decides.
_CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.daemon": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.retry.count": 3,
}


class ClusterError(Exception):
    """There is no cluster to work with: says why."""


class Done(NamedTuple):
    """A slice that is over."""

    word: str
    worker: str
    result: Result | None
    problem: str
    """Why there is no result."""


class Cluster:
    """Gives slices to workers, each one at a time."""

    def __init__(self, client: "Client") -> None:
        """Take a client of distributed's."""
        self._client = client
        self._futures: dict[str, tuple[str, Future[Any]]] = {}
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()

    def workers(self) -> list[str]:
        """Return the addresses of the workers that there are now; none while the scheduler is away."""
        try:
            return sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception:  # the scheduler is away, which shows in many ways
            return []

    def busy(self) -> set[str]:
        """Return the workers that have a slice."""
        return {address for address, _ in self._futures.values()}

    def give(self, address: str, word: str, work: Slice) -> None:
        """Have a worker run a slice."""
        future = self._client.submit(
            worker.run, work, key=f"pykcov-{word}", workers=[address], allow_other_workers=False, pure=False, retries=0
        )
        self._futures[word] = address, future
        future.add_done_callback(lambda _: self._done.put(word))

    def wait(self, seconds: float) -> list[Done]:
        """Return slices that are over; wait for one, so long at most."""
        words = []
        try:
            words.append(self._done.get(timeout=seconds))
            while True:
                words.append(self._done.get_nowait())
        except queue.Empty:
            pass
        found = [self._result(word) for word in words if word in self._futures]
        there = self.workers()
        if there:
            gone = [word for word, (address, future) in self._futures.items() if address not in there]
            found += [self._lost(word, "its worker is gone") for word in gone]
        return found

    def give_up(self, word: str, why: str) -> Done:
        """Wait no longer for a slice."""
        return self._lost(word, why)

    def end_slices(self) -> None:
        """Have all slices that run end soon."""
        self._on_workers(worker.end)

    def begin_slices(self) -> None:
        """Let slices begin, which they do not after end_slices()."""
        self._on_workers(worker.begin)

    def forget(self) -> None:
        """Have workers end what they keep loaded."""
        self._on_workers(worker.close)

    def _on_workers(self, function: Any) -> None:
        try:
            self._client.run(function, on_error="ignore")
        except Exception:
            logging.getLogger(__name__).debug("workers could not be told", exc_info=True)

    def _result(self, word: str) -> Done:
        address, future = self._futures.pop(word)
        try:
            return Done(word, address, future.result(timeout=30), "")
        except Exception as error:  # of the worker's, and of what distributed has to say of it
            words = " ".join(str(error).split()) or type(error).__name__
            if type(error).__name__ == "KilledWorker":
                words = "its worker died"
            return Done(word, address, None, words[:500])

    def _lost(self, word: str, why: str) -> Done:
        address, future = self._futures.pop(word)
        try:
            future.cancel()
        except Exception:
            logging.getLogger(__name__).debug("a slice could not be cancelled", exc_info=True)
        return Done(word, address, None, why)


@contextmanager
def cluster(workers: int, scheduler: str | None) -> Iterator[Cluster]:
    """Start a cluster of so many workers on this machine, or take the one of a scheduler. Raises ClusterError."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(_CONFIGURATION):
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError) as error:
                raise ClusterError(f"{scheduler}: no scheduler answers: {error}") from error
            with client:
                yield Cluster(client)
            return
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                local_directory=os.environ.get("TMPDIR"),
            ) as local,
            Client(local, set_as_default=False) as client,
        ):
            yield Cluster(client)

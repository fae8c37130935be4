"""What the requests of a process ran, by route."""

import atexit
import os
import random
import tempfile
import time
from _thread import allocate_lock
from array import array
from collections.abc import Iterable
from os import PathLike

from pykcov._exec import Unrecorded
from pykcov.instrument.rewrite import Granularity
from pykcov.remote.interrupts import EXIT, follow_exit
from pykcov.tracer import NMEMB, FollowedTrace, Tracer
from pykcov.traces.arcs import arcs_of, tells_arcs
from pykcov.traces.facts import Fact
from pykcov.traces.known import known_conditions
from pykcov.traces.locations import symbolize

_ROUTES = 10_000
"""Names of routes are made of what clients send where a framework tells none."""
_KINDS = 256


class RequestCoverage:
    """Traces some of the requests, each with all work that it causes, and keeps which lines ran for which route.

    What interrupts the process from outside, and what its end runs, goes to the contexts '(signal)', '(collector)' and
    '(exit)'; functions of atexit count if they were registered after this object was made.

    It serves one process. Each worker of a server has its own, and writes a data file of its own; `coverage combine`
    merges them. Nothing is instrumented before the first request that is traced. A PykcovWarning reports a request
    whose buffer was full.
    """

    def __init__(
        self,
        *,
        source: Iterable[str | PathLike[str]] = (),
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        stdlib: bool = False,
        granularity: Granularity = "line",
        sample: float = 1.0,
        data_file: str | PathLike[str] | None = ".coverage",
        every: float = 60.0,
        endpoint: str | None = None,
        nmemb: int = NMEMB,
    ) -> None:
        """Select what is traced, and where it goes.

        Args:
            source: as for pykcov.trace().
            include: as for pykcov.trace().
            exclude: as for pykcov.trace().
            stdlib: as for pykcov.trace().
            granularity: as for pykcov.trace(). With 'arc', the data has branches; with 'condition', also what each
                route saw of conditions, for `pykcov report --conditions`.
            sample: the share of requests that is traced, from 0 to 1; 0 switches everything off.
            data_file: name of a coverage.py data file, to which a suffix of the process is added. It is written when
                the application is shut down, and by a request that ends `every` seconds or more after the oldest
                request that is not in it. None writes no file.
            every: seconds; see data_file.
            endpoint: a path, such as '/coverage', that answers GET with the data so far, as a coverage.py data file.
                Whoever can reach it learns the names of files: do not leave it open to the world.
            nmemb: words of the buffer of each request.

        Raises:
            ValueError: sample is not in 0 ... 1, or an argument of pykcov.trace() is invalid.
        """
        if not 0 <= sample <= 1:
            raise ValueError(f"sample={sample!r}: expected a share of the requests, 0 to 1")
        if endpoint is not None and not endpoint.startswith("/"):
            raise ValueError(f"endpoint={endpoint!r}: expected a path that begins with '/'")
        self.sample = sample
        self.endpoint = endpoint
        self._tracer = Tracer(
            granularity=granularity, source=source, include=include, exclude=exclude, stdlib=stdlib, nmemb=nmemb
        )
        self._data_file = None if data_file is None else os.path.abspath(data_file)
        self._every = every
        self._lock = allocate_lock()
        self._pid = 0
        self._contexts: dict[str, dict[bytes, None]] = {}
        self._unsaved_since: float | None = None
        self._name = ""
        self._ended = 0
        atexit.register(self._at_exit)

    def chooses(self) -> bool:
        """Return whether to trace the next request."""
        return self.sample >= 1 or random.random() < self.sample

    def trace(self) -> FollowedTrace:
        """Return a trace for one request; add() it when it has ended."""
        if self._pid != os.getpid():
            self._begin()
        return self._tracer.trace(count_tasks=False)

    def add(self, context: str, trace: FollowedTrace) -> None:
        """Keep what a request ran, under the name of its route, such as 'GET /items/{id}'."""
        with Unrecorded():
            with self._lock:
                if context not in self._contexts and len(self._contexts) >= _ROUTES:
                    context = context.partition(" ")[0] + " (other routes)"
                kinds = self._contexts.setdefault(context, {})
                kinds[trace.raw()] = None
                if len(kinds) > _KINDS:
                    self._contexts[context] = {_union(kinds): None}
                now = time.monotonic()
                if self._unsaved_since is None:
                    self._unsaved_since = now
                due = self._every >= 0 and now - self._unsaved_since >= self._every
            if due:
                self.save()

    def save(self) -> str | None:
        """Write the data file again, and return its name; None if there is none to write."""
        if self._data_file is None or self._pid != os.getpid():
            return None
        with Unrecorded():
            self._write(self._name)
            self._unsaved_since = None
        return self._name

    def data(self) -> bytes:
        """Return what save() would write."""
        with Unrecorded(), tempfile.TemporaryDirectory(prefix="pykcov-") as folder:
            name = os.path.join(folder, "data")
            self._write(name)
            with open(name, "rb") as file:
                return file.read()

    def stop(self) -> None:
        """Save, and trace no further requests."""
        if self._pid != os.getpid():
            return
        self.save()
        self._ended, self._pid = self._pid, 0
        self.sample = 0
        self._tracer.stop()

    def _at_exit(self) -> None:
        """Save once more, with what the end of the interpreter has run."""
        self.stop()
        exit = self._tracer.interrupts().get(EXIT)
        if self._ended == os.getpid() and self._data_file is not None and exit is not None and exit.lines():
            with Unrecorded():
                self._write(self._name)

    def _begin(self) -> None:
        # A server that forks its workers may have used us before.
        with self._lock:
            if self._pid == os.getpid():
                return
            self._contexts, self._unsaved_since = {}, None
            self._name = f"{self._data_file}.{os.uname().nodename}.{os.getpid()}.{random.randrange(10**6):06}"
            self._tracer.start()
            follow_exit()
            self._pid = os.getpid()

    def _write(self, name: str) -> None:
        # Not before: a server starts without them.
        from pykcov.coverage.data import write_contexts
        from pykcov.native.locations import implied_by, lines_of

        with self._lock:
            ran = {context: _union(kinds) for context, kinds in self._contexts.items()}
        choice = self._tracer.choice
        chosen = {context: choice.of(memoryview(pcs).cast("Q")) for context, pcs in ran.items()}
        interrupts = self._tracer.interrupts()
        temporary = f"{name}.new"
        files = [file for file in self._tracer.files() if os.path.isabs(file)]
        if tells_arcs(self._tracer.granularity):
            arcs = [(context, arcs_of(implied_by(pcs))) for context, pcs in chosen.items()]
            arcs += [(context, found) for context, one in interrupts.items() if (found := one.arcs())]
            write_contexts(temporary, arcs, files, branch=True)
        else:
            lines = [(context, lines_of(pcs)) for context, pcs in chosen.items()]
            lines += [(context, those) for context, one in interrupts.items() if (those := one.lines())]
            write_contexts(temporary, lines, files)
        if self._tracer.granularity == "condition":
            from pykcov.coverage.datafile import add_conditions  # Not before: see above.

            seen = {context: _conditions_of(pcs) for context, pcs in chosen.items()}
            seen |= {context: one.conditions() for context, one in interrupts.items()}
            known = {file: facts for file, facts in known_conditions().items() if file in files}
            add_conditions(temporary, known, seen)
        os.replace(temporary, name)


def _conditions_of(pcs: Iterable[int]) -> dict[str, set[Fact]]:
    found: dict[str, set[Fact]] = {}
    for place in symbolize([*pcs]):
        found.setdefault(place.file, set()).update(place.conditions)
    return found


def _union(kinds: Iterable[bytes]) -> bytes:
    """Return all pcs of what several traces recorded, each once."""
    pcs: dict[int, None] = {}
    for kind in kinds:
        pcs.update(dict.fromkeys(memoryview(kind).cast("Q")))
    return array("Q", pcs).tobytes()

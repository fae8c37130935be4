"""Which lines of a service ran at all, since when, in all of its processes: production() with an endpoint."""

import os
import tempfile
from collections.abc import Iterable
from os import PathLike

from pykcov._exec import Unrecorded
from pykcov.instrument.rewrite import Granularity
from pykcov.observed import read
from pykcov.observing import production


class ServiceCoverage:
    """Observes all that this process and its forked children run, in requests and outside.

    Probes that were hit vanish. What ran is in the files of the folder at once, whatever becomes of a process
    (pykcov.production()). Nothing is known of routes.
    """

    sample = 1.0

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        granularity: Granularity = "line",
        source: Iterable[str | PathLike[str]] = (),
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        stdlib: bool = False,
        endpoint: str | None = None,
    ) -> None:
        """Begin now: make it before the modules of the application are imported.

        folder, granularity, source, include, exclude, stdlib: as for pykcov.production(), which raises the same.
        endpoint: a path, such as '/coverage', that answers GET with what all processes ran so far, as a data file of
        coverage.py. Whoever can reach it learns names of files: do not leave it open to the world.
        """
        if endpoint is not None and not endpoint.startswith("/"):
            raise ValueError(f"endpoint={endpoint!r}: expected a path that begins with '/'")
        self.endpoint = endpoint
        self._is_of_arcs = granularity == "arc"
        self._production = production(
            folder, granularity=granularity, source=source, include=include, exclude=exclude, stdlib=stdlib
        )

    def data(self) -> bytes:
        """Return what ran so far, in all processes that have ever used the folder, as a data file of coverage.py.

        Of each file the version counts that was loaded last.
        """
        # Not before: a service starts without it.
        from pykcov.coverage.data import write_contexts

        with Unrecorded(), tempfile.TemporaryDirectory(prefix="pykcov-") as temporary:
            observed = read(self._production.folder)
            newest = observed.newest()
            path = os.path.join(temporary, "data")
            if self._is_of_arcs:
                write_contexts(
                    path, [("", {name: observed.arcs(one) for name, one in newest.items()})], [*newest], branch=True
                )
            else:
                lines = {name: observed.line_times(one)[0] for name, one in newest.items()}
                write_contexts(path, [("", lines)], [*newest])
            with open(path, "rb") as file:
                return file.read()

    def stop(self) -> None:
        """Write what could not be written before. What the process runs until its end is observed, too."""
        self._production.flush()

    def close(self) -> None:
        """Observe no longer. Idempotent."""
        self._production.close()

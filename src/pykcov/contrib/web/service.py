"""Which lines of a service ran at all, since when, in all of its processes: production() with an endpoint."""

import os
import tempfile
from collections.abc import Iterable
from os import PathLike

from pykcov._exec import Unrecorded
from pykcov.instrument.rewrite import Granularity
from pykcov.once.production import production
from pykcov.once.report import read


class ServiceCoverage:
    """Records everything that this process and its forked children run, inside requests and outside.

    Probes that were hit vanish. What ran is in the files of the folder at once, whatever happens to a process
    (pykcov.production()). Routes are not told apart.
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
        """Start at once; create the object before the modules of the application are imported.

        Args:
            folder: as for pykcov.production().
            granularity: as for pykcov.production().
            source: as for pykcov.production().
            include: as for pykcov.production().
            exclude: as for pykcov.production().
            stdlib: as for pykcov.production().
            endpoint: a path, such as '/coverage', that answers GET with what all processes ran so far, as a coverage.py
                data file. Whoever can reach it learns the names of files: do not leave it open to the world.

        Raises:
            OSError: files cannot be created in the folder. Otherwise as pykcov.production().
        """
        if endpoint is not None and not endpoint.startswith("/"):
            raise ValueError(f"endpoint={endpoint!r}: expected a path that begins with '/'")
        self.endpoint = endpoint
        self._is_of_arcs = granularity == "arc"
        self._production = production(
            folder, granularity=granularity, source=source, include=include, exclude=exclude, stdlib=stdlib
        )

    def data(self) -> bytes:
        """Return what ran so far, in all processes that have ever used the folder, as a coverage.py data file.

        Of each file, the version that was loaded last counts.
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
        """Write what could not be written before. What the process runs until its end is recorded too."""
        self._production.flush()

    def close(self) -> None:
        """Stop recording. Idempotent."""
        self._production.close()

"""What travels between who runs a campaign and its workers: a slice of work, and what came of it.

A slice is one target, one seed, a bounded time and a corpus as of now. Nothing of it is kept by a worker that could
not be lost: what a worker has at hand (a loaded target, inputs in files) saves time only.
"""

from hashlib import blake2b
from typing import Any, NamedTuple

Reach = list[tuple[int, int]]
"""Places, and the range of hits of each (fuzz/reaching.py)."""


def digest_of(data: bytes) -> str:
    """Return the name of an input: a hash of its content."""
    return blake2b(data, digest_size=20).hexdigest()


class Target(NamedTuple):
    """What is fuzzed."""

    harness: str
    """As `pykcov fuzz` takes it, from the folder."""
    folder: str
    """Where its processes run: that of the project."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """For libFuzzer."""


class Slice(NamedTuple):
    """Work for a worker."""

    campaign: str
    """A word that is this campaign's own, for the worker's folder of inputs."""
    target: Target
    version: str
    """The code that is expected; '' if any is right, as by the first slice of a target."""
    seconds: float
    """0: only measure."""
    seed: int
    corpus: tuple[str, ...] = ()
    """Digests of the inputs to begin with."""
    measure: tuple[str, ...] = ()
    """Digests of inputs of which it is to be said what they reach."""
    inputs: dict[str, bytes] = {}  # noqa: RUF012 - nobody changes it
    """Those of them that the worker is not known to have."""
    replays: tuple[tuple[str, str], ...] = ()
    """Tokens of findings, and the digests of their inputs: whether they are there yet."""
    known: frozenset[str] = frozenset()
    """Names of findings that are known."""
    minimize: float = 5


class Finding(NamedTuple):
    """Something that an input brings about and that should not be."""

    name: str
    kind: str
    token: str
    report: str
    input: bytes
    minimized: bytes | None
    found: str
    """When, in UTC, by the clock of the worker."""


class Result(NamedTuple):
    """What came of a slice."""

    worker: str
    """Who worked: host and process."""
    python: str = ""
    version: str = ""
    """The code that was fuzzed."""
    problem: str = ""
    """Why nothing was fuzzed: the target cannot be loaded, say."""
    killed: bool = False
    """The process of the target was ended by somebody, so that it may go better another time."""
    missing: tuple[str, ...] = ()
    """Digests of inputs that the worker did not have; nothing was done."""
    places: list[list[Any]] = []  # noqa: RUF012 - nobody changes it
    """Places that were not told before: pc, file (in the folder of the target: from there), lines, function."""
    new: dict[str, bytes] = {}  # noqa: RUF012 - nobody changes it
    """New inputs by digest."""
    reach: dict[str, Reach] = {}  # noqa: RUF012 - nobody changes it
    """What new inputs, and those that were to be measured, reach."""
    seen: dict[int, int] = {}  # noqa: RUF012 - nobody changes it
    """Of places, how many executions reached them, those of the corpus left out; of many only that they are many."""
    unmeasured: tuple[str, ...] = ()
    """Digests of those of which that is not known, as the process that measures was ended, by the first perhaps."""
    findings: tuple[Finding, ...] = ()
    fixed: tuple[str, ...] = ()
    """Tokens of findings that are not there any more."""
    present: tuple[str, ...] = ()
    """Tokens of those that are."""
    executions: int = 0
    inside: float = 0
    """Seconds that the target ran."""
    fuzzing: float = 0
    """Seconds from the first input to the last."""
    seconds: float = 0
    """All that the slice took."""
    processor: float = 0
    """Seconds of processor time of the processes that fuzzed or measured, and of the worker itself."""
    fuzzing_processor: float = 0
    """Seconds of processor time of those that fuzzed."""
    code: int = 0
    """What `pykcov fuzz` would have ended with."""
    dropped: int = 0
    """Comparisons that did not fit into the buffer."""
    remarks: tuple[str, ...] = ()

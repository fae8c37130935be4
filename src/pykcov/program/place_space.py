"""Finds a pc in the trace for each place in the Python code of all processes of a run.

A pc is the same in every process, unless one of them has other code that would have it: that one's places get others.
"""

from _blake2 import blake2b

from pykcov.program.process import Process
from pykcov.traces.locations import Location
from pykcov.traces.pcs import PYTHON_PC


class PlaceSpace:
    """The places of a run, each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._locations: dict[Location, None] = {}
        self._places: dict[int, Location] = {}
        """By pc in the trace."""

    def copy(self) -> "PlaceSpace":
        """Return what is known so far."""
        copied = PlaceSpace()
        copied._locations, copied._places = dict(self._locations), dict(self._places)
        return copied

    @property
    def locations(self) -> list[Location]:
        """All of them, with their pcs in the trace."""
        return list(self._locations)

    def location(self, process: Process, pc: int) -> Location | None:
        """Return what a pc of a process stands for, if it was learned already."""
        return self._places.get(process.moved_pc(pc))

    def learn(self, process: Process, location: Location) -> None:
        """Note what a pc of a process stands for, under another one if it stands for something else in the trace."""
        pc = location.pc
        if location in self._locations and process.moved_pc(pc) == pc:
            return
        moved = pc
        while (known := self._places.get(moved)) is not None and known != location._replace(pc=moved):
            digest = blake2b(repr((moved, location)).encode("utf-8", "backslashreplace"), digest_size=8).digest()
            moved = PYTHON_PC | int.from_bytes(digest, "little") >> 2
        self._places[moved] = location._replace(pc=moved)
        self._locations[self._places[moved]] = None
        if process.moved_pc(pc) != moved:
            process.moved[pc] = moved

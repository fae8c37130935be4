"""Native pcs as Locations, beside those of Python code."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import index
from os.path import basename
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex

from pykcov.native.images import Image, Place, images, precedence
from pykcov.traces import locations
from pykcov.traces.locations import Implied, Location
from pykcov.traces.pcs import is_python

if TYPE_CHECKING:
    from pykcov.native.lines import ImageLines
    from pykcov.native.symbols import Symbol, Symbolizer

_SYSTEM = ("/usr/include/", "/usr/lib/", "/usr/local/include/", "/rustc/")
_MISSING = "needs symbolic, pyelftools and capstone: pip install 'pykcov[native]'"


_kernel_locator: Callable[[Iterable[int]], dict[int, list[Location]]] | None = None


def set_kernel_locator(locator: Callable[[Iterable[int]], dict[int, list[Location]]]) -> None:
    """Have `locator(pcs)` asked first: it returns the Locations of those pcs that are the running kernel's."""
    global _kernel_locator
    _kernel_locator = locator


class Remark(NamedTuple):
    """Something about native code that is not known."""

    image: str
    """Path of the executable or shared object."""
    reason: str


def symbolize(pcs: Iterable[SupportsIndex]) -> list[Location]:
    """Return the location of each pc, of Python and of native code, in the order given.

    Args:
        pcs: integers, such as an array of numpy. A pc that this process does not know gives a `Location` whose `known`
            is false.

    Raises:
        TypeError: an element is not an integer.
    """
    numbers = [index(pc) for pc in pcs]
    native = sorted({pc for pc in numbers if not is_python(pc)})
    if not native:
        return locations.symbolize(numbers)
    found = {pc: rows[0] for pc, rows in _located(native).items()}
    python = iter(locations.symbolize(pc for pc in numbers if is_python(pc)))
    return [next(python) if is_python(pc) else found[pc] for pc in numbers]


def lines_of(pcs: Iterable[SupportsIndex]) -> dict[str, list[int]]:
    """Return the source lines, Python's and others, that hits of these pcs imply: sorted, by file."""
    found: dict[str, set[int]] = {}
    for file, lines, _ in implied_by(pcs):
        if file:
            found.setdefault(file, set()).update(lines)
    return {file: sorted(numbers) for file, numbers in sorted(found.items())}


def implied_by(pcs: Iterable[SupportsIndex]) -> list[Implied]:
    """Return the files, source lines and arcs, Python's and others, that hits of these pcs imply."""
    numbers = {index(pc) for pc in pcs}
    native = sorted({pc for pc in numbers if not is_python(pc)})
    rows = [locations.implied(pc) for pc in numbers if is_python(pc)]
    if native:
        rows += [(row.file, row.lines, ()) for several in _located(native).values() for row in several if row.lines]
    return rows


def _located(pcs: Sequence[int]) -> dict[int, list[Location]]:
    """Return the Locations of each native pc of this process, and of the kernel's if it was asked for them."""
    kernel = _kernel_locator(pcs) if _kernel_locator is not None else {}
    rest = [pc for pc in pcs if pc not in kernel]
    return kernel | dict(zip(rest, _shared().locate(images(), rest) if rest else [], strict=True))


def native_locations(images: Sequence[Image], pcs: Sequence[int]) -> tuple[list[Location], list[Remark]]:
    """Return the Locations of native pcs and of all that instrumented images could have given; what is not known."""
    locator = Locator()
    found = [row for several in locator.locate(images, pcs) for row in several if row.known]
    for image in images:
        if image.instrumented:
            found += locator.all_of(image)
    return found, list(locator.remarks)


def native_comparisons(images: Sequence[Image], pcs: Sequence[int]) -> tuple[list[Location], list[Remark]]:
    """Return the Location of each native pc of a comparison, which implies no lines; what is not known."""
    locator = Locator()
    found = [several[0]._replace(lines=()) for several in locator.locate(images, pcs)]
    return [row for row in found if row.known], list(locator.remarks)


class Locator:
    """Makes Locations of native pcs. Opens each file once."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self.remarks: dict[Remark, None] = {}
        """In the order of discovery; a set."""
        self._symbolizer: Symbolizer | None = None
        self._lines: dict[tuple[str, str], ImageLines | None] = {}

    def locate(self, images: Sequence[Image], pcs: Sequence[int]) -> list[list[Location]]:
        """Return the Locations of each pc: one a source file that it implies lines of, at least one."""
        ordered = sorted(images, key=precedence)[::-1]
        found: list[list[Location]] = []
        for pc in pcs:
            image = next((image for image in ordered if image.start <= pc < image.end), None)
            found.append([locations.unknown(pc)] if image is None else self._rows(Place(image, pc - image.bias), pc))
        return found

    def all_of(self, image: Image) -> Iterator[Location]:
        """Return the Locations of all pcs of an image that could be recorded and imply lines."""
        for offset, _ in self._lines_of(image) or ():
            yield from (row for row in self._rows(Place(image, offset), offset + image.bias) if row.lines)

    def _rows(self, place: Place, pc: int) -> list[Location]:
        known = self._lines_of(place.image)
        if known is None or self._symbolizer is None:
            return [_without_lines(place, pc, None)]
        symbol = self._symbolizer.symbolize(place)
        if symbol.note:
            self.remarks[Remark(place.image.path, symbol.note)] = None
        lines = {file: set(numbers) for file, numbers in known.lines_of(place.offset).items()}
        # Where a function was inlined the line of its call has run, too.
        for frame in symbol.frames[1:]:
            if frame.file and frame.line:
                lines.setdefault(frame.file, set()).add(frame.line)
        rows = [_with_lines(place, pc, symbol, file, numbers) for file, numbers in lines.items() if not is_system(file)]
        return rows or [_without_lines(place, pc, symbol)]

    def _lines_of(self, image: Image) -> "ImageLines | None":
        key = (image.path, image.build_id)
        if key not in self._lines:
            self._lines[key] = self._read(image)
        return self._lines[key]

    def _read(self, image: Image) -> "ImageLines | None":
        try:
            # Not before: they take time, and need what may not be installed.
            from pykcov.native.elf import MissingError
            from pykcov.native.lines import ImageLines
            from pykcov.native.symbols import Symbolizer
        except ImportError:
            self.remarks[Remark(image.path, _MISSING)] = None
            return None
        self._symbolizer = self._symbolizer or Symbolizer()
        try:
            found = ImageLines(image)
        except MissingError as error:
            self.remarks[Remark(image.path, str(error))] = None
            return None
        except Exception as error:  # the bytes may be anything, and a parser of them complains in many ways
            self.remarks[Remark(image.path, f"its debug information cannot be read: {error}")] = None
            return None
        if found.problem:
            self.remarks[Remark(image.path, found.problem)] = None
        return found


_locator: Locator | None = None


def _shared() -> Locator:
    global _locator
    if _locator is None:
        _locator = Locator()
    return _locator


def is_system(file: str) -> bool:
    """Return whether a source file belongs to the system or to Python, not to the program: a header, mostly."""
    return file.startswith(_SYSTEM) or "/include/python3." in file


def _with_lines(place: Place, pc: int, symbol: "Symbol", file: str, lines: set[int]) -> Location:
    frame = next((frame for frame in symbol.frames if frame.file == file), None)
    line = frame.line if frame is not None and frame.line in lines else min(lines)
    innermost = frame or next(iter(symbol.frames), None)
    function = innermost.function if innermost is not None else ""
    return _location(place, pc, file, line, function, tuple(sorted(lines)))


def _without_lines(place: Place, pc: int, symbol: "Symbol | None") -> Location:
    name = basename(place.image.path)
    if symbol is None or not symbol.frames:
        return _location(place, pc, f"<{name}>", 0, "", ())
    frame = symbol.frames[0]
    if frame.file:
        file = f"<{basename(frame.file)}>" if is_system(frame.file) else frame.file
        return _location(place, pc, file, frame.line, frame.function, ())
    return _location(place, pc, f"<{name}>", 0, f"{frame.function}+{symbol.distance:#x}", ())


def _by_offset(place: Place) -> str:
    return f"{basename(place.image.path)}+{place.offset:#x}"


def _location(place: Place, pc: int, file: str, line: int, function: str, lines: tuple[int, ...]) -> Location:
    module = basename(place.image.path).partition(".")[0]
    # A damaged file may have a function without a name.
    return Location(pc, file, line, line, -1, -1, function or _by_offset(place), module, lines)

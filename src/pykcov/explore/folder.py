"""Writes the folder: the page, and its data in data/."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pykcov.counted import counted
from pykcov.explore import pack
from pykcov.explore.model import Compared, Exploration, Source, Way

_PAGE = Path(__file__).with_name("page")
_PACK = 1 << 19
"""Bytes of a pack of line sets before compression: a few dozen packs are loaded soon, thousands are not."""


class NotOursError(Exception):
    """A folder that holds something else is not written into."""


def write(exploration: Exploration, folder: Path) -> None:
    """Write the page for `exploration` into a folder, which is made, or was written by this.

    Raises NotOursError, OSError.
    """
    data = folder / "data"
    _make_room(folder, data)
    files = list(exploration.sources.values())
    packs = 0
    for content in _packs(files):
        _write_script(data, f"pack-{packs}", content)
        packs += 1
    for number, source in enumerate(files):
        _write_script(data, f"file-{number}", pack.json_bytes(_detail(source)))
    file_numbers = {name: number for number, name in enumerate(exploration.sources)}
    for number, way in enumerate(exploration.ways):
        _write_script(data, f"way-{number}", _way(way))
        functions = [[name, file_numbers.get(file, -1), line] for name, file, line in way.functions]
        _write_script(data, f"functions-{number}", pack.json_bytes(functions))
    _write_script(data, "handovers", b"".join(map(pack.numbers, zip(*exploration.handovers, strict=True))))
    _write_script(data, "index", pack.json_bytes(_index(exploration, packs)))
    for page in sorted(_PAGE.iterdir()):
        (folder / page.name).write_bytes(page.read_bytes())


def _make_room(folder: Path, data: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / "page.js").is_file():
        raise NotOursError(f"{folder}: holds something else; name a folder that is empty or does not exist (-o)")
    data.mkdir(exist_ok=True)
    for old in data.glob("*-*.js"):
        old.unlink()


def _write_script(data: Path, name: str, content: bytes) -> None:
    (data / f"{name}.js").write_bytes(pack.script(name, content))


def _packs(files: list[Source]) -> Iterator[bytes]:
    """Yield the matrices of all files in order, some in a pack, behind how many these are."""
    held: list[bytes] = []
    for source in files:
        held.append(pack.matrix(source.known, source.contexts))
        if sum(map(len, held)) > _PACK:
            yield pack.numbers((len(held),)) + b"".join(held)
            held = []
    if held:
        yield pack.numbers((len(held),)) + b"".join(held)


def _index(exploration: Exploration, packs: int) -> dict[str, Any]:
    return {
        "title": exploration.title,
        "contexts": exploration.contexts,
        "failed": sorted(exploration.failed),
        "files": [
            {
                "name": name,
                "known": source.known.bit_count(),
                "ran": (source.ran & source.known).bit_count(),
                "partial": len(source.partial),
                "unmatched": sum(not one.matched for one in source.compared),
                "remark": "; ".join(source.remarks),
            }
            for name, source in exploration.sources.items()
        ],
        "packs": packs,
        "ways": [
            {"name": way.name, "entries": way.entries, "spans": len(way.starts), "dropped": way.dropped}
            for way in exploration.ways
        ],
        "handovers": len(exploration.handovers),
        "remarks": list(exploration.remarks),
    }


def _detail(source: Source) -> dict[str, Any]:
    return {
        "text": source.text.removesuffix("\n").split("\n") if source.text else [],
        "partial": {str(line): where for line, where in sorted(source.partial.items())},
        "compared": [_compared(one) for one in source.compared],
    }


def _compared(one: Compared) -> dict[str, Any]:
    found = dict(vars(one))
    if one.histogram is not None:
        found["histogram"] = {
            "low": repr(one.histogram.low),
            "high": repr(one.histogram.high),
            "counts": one.histogram.counts,
        }
    return found


def _way(way: Way) -> bytes:
    columns = (pack.differences(way.starts), way.lengths, way.depths, way.callees)
    return b"".join(map(pack.numbers, columns))


def size_of(folder: Path) -> str:
    """Return how large a folder is, in words."""
    sizes = [os.path.getsize(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names]
    return f"{counted(len(sizes), 'file')}, {sum(sizes) / 1e6:.1f} MB"

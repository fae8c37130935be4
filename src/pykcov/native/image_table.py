"""The images of a trace as columns, and which of them a pc lies in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pykcov.native.images import Image, Place, precedence
from pykcov.traces import npz

type_of_column: Mapping[str, str] = {
    "path": "U",
    "build_id": "U",
    "start": "u8",
    "end": "u8",
    "bias": "u8",
    "instrumented": "b1",
    "loaded": "b1",
}


@dataclass(frozen=True, eq=False, repr=False)
class ImageTable:
    """Images by address."""

    images: Sequence[Image] = ()

    def find(self, pcs: Collection[int]) -> list[int]:
        """Return the index of the image that each pc lies in, -1 for none."""
        ordered = sorted(range(len(self.images)), key=lambda index: precedence(self.images[index]), reverse=True)
        return [
            next((index for index in ordered if self.images[index].start <= pc < self.images[index].end), -1)
            for pc in pcs
        ]

    def place(self, pc: int) -> Place | None:
        """Return the image that `pc` lies in and its offset there, None if it lies in none."""
        index = self.find([pc])[0]
        return None if index < 0 else Place(self.images[index], pc - self.images[index].bias)

    def columns(self) -> dict[str, npz.Array]:
        """Return the columns for a trace file, by the names of `type_of_column`."""
        return {
            name: npz.row(kind, [getattr(image, name) for image in self.images])
            for name, kind in type_of_column.items()
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, Sequence[Any]]) -> Self:
        """Make a table of saved columns, which were checked (traces/columns.py)."""
        return cls([Image(*row) for row in zip(*(columns[name] for name in type_of_column), strict=True)])

    @classmethod
    def of(cls, images: Iterable[Image], pcs: Collection[int]) -> Self:
        """Make a table of the images that matter to a trace: those that are instrumented or that a pc lies in."""
        everything = cls(list(images))
        hit = set(everything.find(pcs))
        return cls([image for index, image in enumerate(everything.images) if image.instrumented or index in hit])

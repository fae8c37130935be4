"""The images of a trace as numpy columns, and which of them a pc lies in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pykcov.native.images import Image, Place, precedence

type_of_column: Mapping[str, str] = {
    "path": "U",
    "build_id": "U",
    "start": "u8",
    "end": "u8",
    "bias": "u8",
    "instrumented": "b1",
    "loaded": "b1",
}


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Images by address."""

    images: Sequence[Image] = ()

    def find(self, pcs: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the index of the image that each pc lies in, -1 for none."""
        result = np.full(len(pcs), -1, "i8")
        for index in sorted(range(len(self.images)), key=lambda index: precedence(self.images[index])):
            image = self.images[index]
            result[(pcs >= np.uint64(image.start)) & (pcs < np.uint64(image.end))] = index
        return result

    def place(self, pc: int) -> Place | None:
        """Return the image that `pc` lies in and its offset there, None if it lies in none."""
        index = int(self.find(np.array([pc], "u8"))[0])
        return None if index < 0 else Place(self.images[index], pc - self.images[index].bias)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return numpy columns for a trace file, by the names of `type_of_column`."""
        return {
            name: np.array([getattr(image, name) for image in self.images], kind)
            for name, kind in type_of_column.items()
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]]) -> Self:
        """Make a table of saved columns; ValueError says which of them is missing or does not fit the others."""
        for name, kind in type_of_column.items():
            if name not in columns:
                raise ValueError(f"column {name!r} is missing")
            found = columns[name]
            if found.ndim != 1 or found.dtype.kind != np.dtype(kind).kind or len(found) != len(columns["path"]):
                raise ValueError(f"column {name!r} is no row of {len(columns['path'])} {kind}")
        return cls([Image(*row) for row in zip(*(columns[name].tolist() for name in type_of_column), strict=True)])

    @classmethod
    def of(cls, images: Iterable[Image], pcs: NDArray[np.uint64]) -> Self:
        """Make a table of the images that matter to a trace: those that are instrumented or that a pc lies in."""
        everything = cls(list(images))
        hit = set(everything.find(pcs).tolist())
        return cls([image for index, image in enumerate(everything.images) if image.instrumented or index in hit])

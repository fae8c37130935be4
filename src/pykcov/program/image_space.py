"""Finds a place for the executables and shared objects of all processes of a run in the addresses of one trace.

A program that is started on its own has them at addresses of its own.
"""

from collections.abc import Callable, Sequence

from pykcov.native.images import Image

_PAGE = 1 << 12


class ImageSpace:
    """The images of a run: those of the first process where they are, others where they do not lie over these."""

    def __init__(self) -> None:
        """Begin with none."""
        self._placed: dict[tuple[str, str], Image] = {}
        self._images: dict[Image, None] = {}

    @property
    def images(self) -> list[Image]:
        """All of them, each at one place."""
        return list(self._images)

    def place(self, images: Sequence[Image]) -> Callable[[int], int] | None:
        """Add the images of a process; return how far from there its native pcs are to lie, None if nowhere else."""
        distances = []
        is_first = not self._images
        for image in images:
            known = self._placed.get((image.path, image.build_id))
            if known is None:
                distance = 0 if is_first else self._way_out(image)
                known = _moved(image, distance)
                self._placed[image.path, image.build_id] = known
                self._images[known] = None
            elif image.bias != known.bias and is_first:
                self._images[image] = None  # it was loaded twice
                continue
            distance = known.bias - image.bias
            if distance:
                distances.append((image.start, image.end, distance))
        if not distances:
            return None
        return lambda pc: next((distance for start, end, distance in distances if start <= pc < end), 0)

    def _way_out(self, image: Image) -> int:
        """Return how far an image is to be moved so that it lies over no other."""
        if not any(other.start < image.end and image.start < other.end for other in self._images):
            return 0
        end = max(other.end for other in self._images)
        return end + _PAGE - end % _PAGE + image.start % _PAGE - image.start


def _moved(image: Image, distance: int) -> Image:
    return image._replace(start=image.start + distance, end=image.end + distance, bias=image.bias + distance)

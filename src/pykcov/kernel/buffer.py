"""KernelBuffer: the words of a kernel's device."""

from pykcov._core import TRACE_CMP, TRACE_PC
from pykcov.device import Buffer
from pykcov.traces.records import COMPARISON_WORDS


class KernelBuffer(Buffer):
    """The words of a kernel's device, mapped. Only `dropped` means something else: kernels do not count losses."""

    compares = False
    """Whether the device compares: the entries are of 4 words. KernelDevice says it."""

    @property
    def full(self) -> bool:
        """Whether the count has stopped at the end of the buffer: what came later is not there."""
        width = COMPARISON_WORDS if self.compares else 1
        return self.count >= (self.nmemb - 1) // width

    @property
    def dropped(self) -> int:
        """1 if the buffer is full, as at least one entry may be lost: how many nobody knows. Else 0."""
        return max(super().dropped, int(self.full))

    @property
    def mode(self) -> int:
        """The mode of the last successful enable of the device that made this mapping."""
        return super().mode or (TRACE_CMP if self.compares else TRACE_PC)

"""Signal handlers barge in on whatever the main thread works at: they are interrupts.

Handlers that were set before anybody followed a group are not: set them again, or use `pykcov.remote.interrupt()`.
"""

from pykcov.remote.replacement import Replacement

CARRIERS = (
    Replacement("signal", "signal", "interrupt", 1, "handler"),
    Replacement("signal", "getsignal", "unwrap"),
)

"""How processes end: exit codes of a campaign, names of signals."""

import signal

# Those of libFuzzer:
CRASHED = 77
INTERRUPTED = 72
OUT_OF_MEMORY = 71
TIMEOUT = 70
FAILED = 1
# Ours, as for `pykcov run`:
BLIND = 3


def native_kind(number: int) -> str:
    """Return the name of a signal that ended a process."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

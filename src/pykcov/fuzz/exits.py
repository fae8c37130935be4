"""Exit codes of a campaign."""

# Those of libFuzzer:
CRASHED = 77
INTERRUPTED = 72
OUT_OF_MEMORY = 71
TIMEOUT = 70
FAILED = 1
# Ours, as for `pykcov run`:
BLIND = 3

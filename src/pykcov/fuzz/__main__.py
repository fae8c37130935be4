"""The process that fuzzes: `python -m pykcov.fuzz SETTINGS`. It becomes the harness, so it has no more than this."""

import sys

try:
    import pykcov.instrument  # noqa: F401

    # What puts in probes needs these. They stay what they are, as under Atheris: a second `re` would have probes.
    modules_that_stay = frozenset(sys.modules)

    from pykcov.fuzz import worker

    worker.main(sys.argv[1], modules_that_stay)
except KeyboardInterrupt:
    print("pykcov: interrupted before it fuzzed", file=sys.stderr)
    sys.exit(72)  # as libFuzzer does

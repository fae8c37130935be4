"""The process that fuzzes: `python -m pykcov.fuzz SETTINGS`. It becomes the harness, so it has no more than this."""

import sys

_modules_of_bare_python = frozenset(sys.modules) - {"pykcov", "pykcov.fuzz"}

try:
    from pykcov.fuzz import worker

    worker.main(sys.argv[1], _modules_of_bare_python)
except KeyboardInterrupt:
    print("pykcov: interrupted before it fuzzed", file=sys.stderr)
    sys.exit(72)  # as libFuzzer does

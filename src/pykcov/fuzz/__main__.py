"""The process that fuzzes: `python -m pykcov.fuzz SETTINGS`. It becomes the harness, so it has no more than this."""

import sys

_modules_of_bare_python = frozenset(sys.modules) - {"pykcov", "pykcov.fuzz"}

from pykcov.fuzz import worker  # noqa: E402

worker.main(sys.argv[1], _modules_of_bare_python)

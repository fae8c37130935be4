"""The script that the child process starts with: loads pykcov from where it is and hands over to `child`.

It runs as `__main__` with the number of a socket as its first argument, and imports nothing that Python has not
imported already: `child` has to know what a bare Python would have.
"""

import _frozen_importlib
import _frozen_importlib_external
import sys

_modules_of_bare_python = frozenset(sys.modules)
_folder = __file__
for _ in ("bootstrap.py", "program", "pykcov"):
    _folder = _folder.rpartition("/")[0]
# Not by sys.path, where the program's folder may come first.
_specification = _frozen_importlib_external.PathFinder.find_spec("pykcov", [_folder])
_frozen_importlib._load(_specification)  # type: ignore[attr-defined]

from pykcov.program import child  # noqa: E402

child.main(int(sys.argv[1]), _modules_of_bare_python)

"""The script that the child process starts with: loads pykcov from where it is and hands over to `child`.

It runs as `__main__` with the number of a socket as its first argument, and imports nothing that Python has not
imported already: `child` has to know what a bare Python would have.

It lies in a folder by itself and has a name that cannot be imported: Python puts that folder first in sys.path.
"""

import _frozen_importlib
import _frozen_importlib_external
import sys

_modules_of_bare_python = frozenset(sys.modules)
_folder = __file__
for _ in ("pykcov-bootstrap.py", "start", "program", "pykcov"):
    _folder = _folder.rpartition("/")[0]
# Not by sys.path, where the program's folders may come first: with modules, too, that are called as those of the
# standard library that we need.
_path = sys.path[:]
sys.path[:] = [folder for folder in _path if folder.startswith(sys._stdlib_dir)]  # type: ignore[attr-defined]
_specification = _frozen_importlib_external.PathFinder.find_spec("pykcov", [_folder])
_frozen_importlib._load(_specification)  # type: ignore[attr-defined]

from pykcov.program import child  # noqa: E402

sys.path[:] = _path
child.main(int(sys.argv[1]), _modules_of_bare_python)

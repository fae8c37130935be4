"""The process that fuzzes: `python .../pykcov/fuzz/__main__.py SETTINGS`, which is sooner there than with -m.

It becomes the harness, so it has no more than this.
"""

import gc
import os
import sys

# What is imported here stays: looking for cycles in it would take a tenth of the time, now or later.
gc.disable()
if not sys.flags.safe_path:
    _first_folder, sys.path[0] = sys.path[0], os.getcwd()  # which was the folder of this file
# The program's folders may have modules that are called as those of the standard library that we need.
_path = sys.path[:]
_ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:] = [*(folder for folder in _path if folder.startswith(sys._stdlib_dir)), _ours]  # type: ignore[attr-defined]
try:
    import pykcov.instrument.imports  # noqa: F401

    # What puts in probes needs these. They stay what they are, as under Atheris: a second `re` would have probes.
    modules_that_stay = frozenset(sys.modules)

    from pykcov.fuzz import worker
    from pykcov.program import main_module

    if not sys.flags.safe_path:
        main_module.first_folder = _first_folder

    sys.path[:] = _path
    gc.freeze()
    gc.enable()
    worker.main(sys.argv[1], modules_that_stay)
except KeyboardInterrupt:
    print("pykcov: interrupted before it fuzzed", file=sys.stderr)
    sys.exit(72)  # as libFuzzer does

"""Reports of a trace. Every module of this folder whose name has no leading underscore renders one format.

Each has `OUTPUT_OPTION`, the option of coverage.py that says which file or folder is written to unless another one is
named, None for standard output, and `render(coverage, trace, output, show_missing, conditions)`,
which returns the total in per cent.
"""

import os


def formats() -> list[str]:
    """Return the names of all formats."""
    # Not by pkgutil, whose import takes longer than this.
    files = [name for folder in __path__ for name in os.listdir(folder)]
    return sorted(name.removesuffix(".py") for name in files if name.endswith(".py") and name[0] != "_")

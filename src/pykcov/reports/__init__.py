"""Reports of a trace. Every module of this folder whose name has no leading underscore renders one format.

Each has `OUTPUT_OPTION`, the option of coverage.py that says which file or folder is written to unless another one is
named, None for standard output, and `render(coverage, trace, output, show_missing)`.
"""

from pkgutil import iter_modules


def formats() -> list[str]:
    """Return the names of all formats."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))

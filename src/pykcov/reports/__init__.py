"""Reports of a trace. Every module of this folder whose name has no leading underscore renders one format.

Each has `DEFAULT_OUTPUT`, the file or folder written to unless another one is named, and
`render(coverage, trace, output, show_missing)`.
"""

from pkgutil import iter_modules


def formats() -> list[str]:
    """Return the names of all formats."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))

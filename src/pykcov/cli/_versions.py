"""Versions of installed packages."""

from importlib.metadata import PackageNotFoundError, version


def version_of(package: str) -> str:
    """Return the version of a package, or that it is not installed: pykcov may run from a source folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"

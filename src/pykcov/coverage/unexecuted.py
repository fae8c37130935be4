"""Python files under the source that nobody imported, as coverage.py finds them: their lines count as not run."""

import os
from collections.abc import Iterable, Iterator, Mapping

_ODD = frozenset(".#~!$@%^&*()+=,")
"""Nobody can import a file with one of these in its name: an editor has left it."""


def files_nobody_imported(
    folders: Iterable[str],
    packages: Iterable[str],
    imported: Mapping[str, str],
    omit_files: Iterable[str] = (),
    namespace_packages: bool = False,
) -> list[str]:
    """Return all Python files, of which none or some was imported: absolute, without links, in the order found.

    folders: with all packages below. packages: names of modules; only of those that were imported, as `imported` has
    them with their files. omit_files: as Configuration has them. namespace_packages: also folders without __init__.py.
    """
    places = [os.path.realpath(folder) for folder in folders]
    for name in packages:
        file = imported.get(name, "")
        if file.endswith("__init__.py"):
            places.append(os.path.dirname(os.path.realpath(file)))
    found = [file for place in dict.fromkeys(places) for file in _python_files(place, namespace_packages)]
    expressions = list(omit_files)
    if expressions:
        # Not before: few have patterns, and a process that starts many times would pay for it.
        import re

        omitted = re.compile("|".join(f"(?:{one})" for one in expressions)).match
        found = [file for file in found if not omitted(file)]
    return list(dict.fromkeys(found))


def _python_files(folder: str, namespace_packages: bool) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        if place != folder and not namespace_packages and "__init__.py" not in files:
            folders.clear()
            continue
        for name in files:
            stem, suffix = os.path.splitext(name)
            if suffix in (".py", ".pyw") and stem and _ODD.isdisjoint(stem):
                yield os.path.realpath(os.path.join(place, name))

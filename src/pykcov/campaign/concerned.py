"""Which targets a change concerns: those whose inputs run what has changed. The store knows who ran what.

Rather one too many than one too few: of what runs when a module is imported, all targets that have probes in it;
targets of which nothing is known; and those whose harness has changed.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from pykcov.campaign.slices import Target
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.summary import target_summaries
from pykcov.campaign.store.tables import places, reach
from pykcov.contrib.pytest_plugin.changes import Changes, compare, parse
from pykcov.contrib.pytest_plugin.revisions import Repository


class Concerned(NamedTuple):
    """What a change concerns."""

    targets: dict[Target, str]
    """And why: the first reason that was found."""
    remarks: list[str]
    """Of what is not known whom it concerns."""


class _Known(NamedTuple):
    """What is known of a target."""

    files: frozenset[str]
    """That have places, absolute."""
    functions: frozenset[tuple[str, str]]
    """That inputs reach: file and name."""


def concerned(targets: Sequence[Target], store: Store, repository: Repository, revision: str) -> Concerned:
    """Return which targets the changes since a revision concern. Raises RevisionError."""
    known = _known(store, targets)
    found: dict[Target, str] = {}
    remarks: list[str] = []
    for target in targets:
        if target.harness not in known:
            found[target] = "nothing is known of it yet"
    for file in repository.changed_files(revision):
        name = os.path.relpath(file, repository.root)
        reasons: dict[Target, str] = {}
        for target in targets:
            if os.path.realpath(file) == _harness_file(target):
                reasons[target] = f"{name} is its harness"
        reasons = _of_file(file, name, targets, known, repository, revision) | reasons
        if not reasons:
            remarks.append(name)
        for target, why in reasons.items():
            found.setdefault(target, why)
    return Concerned({target: found[target] for target in targets if target in found}, remarks)


def _of_file(
    file: str, name: str, targets: Sequence[Target], known: dict[str, _Known], repository: Repository, revision: str
) -> dict[Target, str]:
    """Return the targets that run what has changed in a file."""
    real = os.path.realpath(file)
    having = [target for target in targets if target.harness in known and real in known[target.harness].files]
    changes = _changes(file, repository, revision) if file.endswith(".py") else None
    if changes is None:
        return dict.fromkeys(having, f"{name} has changed")
    found: dict[Target, str] = {}
    if changes.module:
        found |= dict.fromkeys(having, f"{name}: what runs when it is imported has changed")
    for function in sorted(changes.functions):
        plain = function.partition("#")[0]
        for target in having:
            if (real, plain) in known[target.harness].functions:
                found[target] = f"its inputs run {plain}() of {name}"
    return found


def _changes(file: str, repository: Repository, revision: str) -> Changes | None:
    """Return what has changed in a file of Python; None if that cannot be told by function."""
    past = repository.text(revision, file)
    if past is None or not os.path.exists(file):
        return None
    try:
        return compare(parse(past), parse(Path(file).read_bytes().decode("utf-8", "surrogateescape")))
    except (SyntaxError, ValueError):
        return None


def _harness_file(target: Target) -> str:
    """Return the file that a target is written in; that of MODULE:FUNCTION is known by what it reaches."""
    return os.path.realpath(os.path.join(target.folder, target.harness.partition("::")[0]))


def _known(store: Store, targets: Sequence[Target]) -> dict[str, _Known]:
    """Return what the store knows of the targets it has run, in the version that was used last."""
    folders = {target.harness: target.folder for target in targets}
    found = {}
    with store.readers.connect() as connection:
        for each in target_summaries(store):
            if each.harness not in folders or not each.record.reached:
                continue
            folder = folders[each.harness]
            files = {
                name: os.path.realpath(os.path.join(folder, name))
                for name in connection.scalars(select(places.c.file).where(places.c.target == each.number).distinct())
            }
            reached = (
                select(places.c.file, places.c.function)
                .join(reach, (reach.c.target == places.c.target) & (reach.c.place == places.c.place))
                .where(places.c.target == each.number)
                .distinct()
            )
            functions = {(files[row[0]], row[1]) for row in connection.execute(reached)}
            found[each.harness] = _Known(frozenset(files.values()), frozenset(functions))
    return found

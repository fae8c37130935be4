"""Corpora and findings as plain files: to commit them, to look at them, to take them elsewhere (OSS-Fuzz).

FOLDER/
    campaign.json           which folder is of which target, and the states of findings
    TARGET/corpus/...       inputs, named by a hash of their content
    TARGET/findings/NAME/   as `pykcov fuzz` keeps them
"""

import json
import re
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pykcov.campaign.slices import Finding, digest_of
from pykcov.campaign.store.database import StoreError
from pykcov.campaign.store.store import STATES, Store
from pykcov.campaign.store.tables import corpus, findings, inputs
from pykcov.fuzz import findings as kept_findings
from pykcov.fuzz.corpus import files_of

_INDEX = "campaign.json"


def export(store: Store, folder: Path) -> tuple[int, int]:
    """Write all corpora and findings below a folder; return how many inputs and findings. OSError."""
    with store.readers.connect() as connection:
        harnesses = set(connection.scalars(select(corpus.c.harness))) | set(
            connection.scalars(select(findings.c.harness))
        )
        found = list(connection.execute(select(findings).order_by(findings.c.id)))
        numbers = {row.input for row in found} | {row.minimized for row in found if row.minimized is not None}
        digests = {
            row[0]: row[1] for row in connection.execute(select(inputs.c.id, inputs.c.digest)) if row[0] in numbers
        }
    index: dict[str, Any] = {}
    count = 0
    for harness in sorted(harnesses):
        own = folder / folder_name(harness)
        (own / "corpus").mkdir(parents=True, exist_ok=True)
        for digest in store.corpus(harness):
            path = own / "corpus" / digest
            if not path.exists():
                path.write_bytes(store.data([digest])[digest])
            count += 1
        states = {}
        for row in (row for row in found if row.harness == harness):
            data = store.data([digests[row.input]])[digests[row.input]]
            when = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(row.first_seen))
            finding = kept_findings.Finding(row.kind, row.token, row.report, data, harness, when, "")
            place = kept_findings.save(finding, str(own / "findings"))
            if row.minimized is not None:
                kept_findings.save_minimized(
                    finding, place, store.data([digests[row.minimized]])[digests[row.minimized]]
                )
            states[row.token] = row.state
        index[harness] = {"folder": own.name, "findings": states}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    return count, len(found)


def take(store: Store, folder: Path, harness: str | None, revision: str) -> tuple[int, int]:
    """Add what a folder holds; return how many inputs and findings are new. Raises StoreError, OSError.

    harness: the target, if the folder is none of export()'s: a corpus, or the folder of `pykcov fuzz`.
    """
    if harness is not None:
        return _take_target(store, folder, harness, {}, revision)
    try:
        index = json.loads((folder / _INDEX).read_text("utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{folder} has no {_INDEX}: say of which target its inputs are, by --target") from None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{folder / _INDEX}: {error}") from error
    added = found = 0
    for name, told in (index if isinstance(index, dict) else {}).items():
        own = told.get("folder") if isinstance(told, dict) else None
        if not isinstance(own, str) or own != Path(own).name or own in (".", ".."):
            raise StoreError(f"{folder / _INDEX}: {name!r} has no folder of its own")
        states = told.get("findings", {})
        one = _take_target(store, folder / own, name, states if isinstance(states, dict) else {}, revision)
        added, found = added + one[0], found + one[1]
    return added, found


def _take_target(store: Store, folder: Path, harness: str, states: dict[str, str], revision: str) -> tuple[int, int]:
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such folder")
    own_findings = folder / "findings"
    own_corpus = folder / "corpus" if (folder / "corpus").is_dir() else None if own_findings.is_dir() else folder
    files = files_of([own_corpus]) if own_corpus is not None else []
    added = store.add_inputs(harness, (path.read_bytes() for path in files))
    found = [_finding(path) for path in sorted(own_findings.iterdir())] if own_findings.is_dir() else []
    new = store.add_findings(harness, found, revision)
    store.set_states(harness, {token: state for token, state in states.items() if token in new and state in STATES})
    return added, len(new)


def _finding(folder: Path) -> Finding:
    try:
        kept = kept_findings.load(str(folder))
        whole = (folder / "input").read_bytes()
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder} holds no finding: {error}") from error
    minimized = kept.input if kept.input != whole else None
    return Finding(kept.name, kept.kind, kept.token, kept.report, whole, minimized, kept.found)


def folder_name(harness: str) -> str:
    """Return a name for the folder of a target, which no other one has."""
    name = re.sub(r"[^\w.-]+", "_", harness, flags=re.ASCII).strip("._")[:80]
    return name if name == harness else f"{name or 'target'}-{digest_of(harness.encode())[:8]}"

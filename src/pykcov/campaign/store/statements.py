"""Statements that more than one table needs, and what differs between databases."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from pykcov.campaign.slices import Result
from pykcov.campaign.store.tables import inputs

_CHUNK = 500
"""Parameters of a statement: databases bound how many it may have."""

T = TypeVar("T")


class Held(NamedTuple):
    """An input that the store has."""

    id: int
    size: int


def held_inputs(connection: Connection, digests: Sequence[str]) -> dict[str, Held]:
    """Return the inputs that the store has, of these digests."""
    found: dict[str, Held] = {}
    for chunk in chunks(digests):
        query = select(inputs.c.digest, inputs.c.id, inputs.c.size).where(inputs.c.digest.in_(chunk))
        found |= {digest: Held(number, size) for digest, number, size in connection.execute(query)}
    return found


def insert_once(connection: Connection, table: Table) -> Any:
    """Return an INSERT that can have ON CONFLICT, which is not the same class in each dialect."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def new_id(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert a row and return its number."""
    key = connection.execute(insert(table).values(row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def storable_text(text: str) -> str:
    """Return a text as databases can have it: without NUL and lone surrogates."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def storable(result: Result) -> Result:
    """Return a result whose texts databases can have."""
    found = tuple(
        each._replace(
            name=storable_text(each.name),
            kind=storable_text(each.kind),
            token=storable_text(each.token),
            report=storable_text(each.report),
        )
        for each in result.findings
    )
    return result._replace(
        findings=found,
        fixed=tuple(map(storable_text, result.fixed)),
        present=tuple(map(storable_text, result.present)),
        worker=storable_text(result.worker),
        problem=storable_text(result.problem),
    )


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return a sequence in pieces that a statement can take as parameters."""
    for at in range(0, len(values), _CHUNK):
        yield values[at : at + _CHUNK]

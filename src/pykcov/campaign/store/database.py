"""Opens the database of a store and brings its tables up to date."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 60
READS = "pykcov_reads"
"""The execution option of connections that only read."""
_LOCK = 7_592_036_919  # a number of ours, of PostgreSQL's advisory locks


class StoreError(Exception):
    """The store cannot be used: says which, and why."""


def url_of(store: str) -> URL:
    """Return where a store is: a URL of SQLAlchemy's, or the path of a file of SQLite's. Raises StoreError."""
    if "://" not in store:
        return URL.create("sqlite", database=os.path.abspath(store))
    try:
        url = make_url(store)
    except ArgumentError as error:
        raise StoreError(f"{store!r} is no path and no URL of a database") from error
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def open_database(store: str, *, create: bool = True) -> Engine:
    """Return the engine of a store whose tables are those of this pykcov. Raises StoreError.

    create: make the file of SQLite if it is not there.
    """
    url = url_of(store)
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"{shown(url)}: a store is SQLite or PostgreSQL")
    if url.get_backend_name() == "sqlite" and not create and not os.path.isfile(url.database or ""):
        raise StoreError(f"{url.database}: no such store; `pykcov campaign run` makes one")
    try:
        engine = create_engine(url, pool_pre_ping=True, **_arguments(url))
        if url.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        with engine.begin() as connection:
            _migrate(connection)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(f"{shown(url)}: {error}") from error
    except DBAPIError as error:
        raise StoreError(f"{shown(url)}: {str(error.orig).strip()}") from error
    return engine


def shown(url: URL) -> str:
    """Return a URL without its password; of SQLite the path."""
    return (url.database or "") if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def _arguments(url: URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS, "check_same_thread": False}}
    return {"connect_args": {"connect_timeout": 10}}


def _set_up_sqlite(connection: object, _: object) -> None:
    # Transactions are begun by _begin_sqlite().
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # At once for writing, so that two writers wait for each other and none fails; readers wait for nobody.
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    now = MigrationContext.configure(connection).get_current_revision()
    if now == script.get_current_head():
        return
    if now is not None and now not in {each.revision for each in script.walk_revisions()}:
        raise StoreError(f"{shown(connection.engine.url)} was made by a newer pykcov (its tables are those of {now})")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"{shown(connection.engine.url)}: {error}") from error

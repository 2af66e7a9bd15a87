"""Recorders of every kind, and short words for events and queries."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem, DCBReadResponse
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.dcb.postgres_tt import PostgresTTDCBFactory
from eventsourcing.utils import Environment
from eventsourcing_umadb import DCBFactory as UmaDBFactory

from reps_ledger.log.postgres.roles import EVENTS, KEEP
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.sqlite.file import OBJECTS, objects_at

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from eventsourcing.dcb.api import DCBRecorder
    from psycopg import Connection

__all__ = [
    "LOGS",
    "condition",
    "event",
    "item",
    "make_older",
    "make_older_on_postgres",
    "memory_recorder",
    "positions",
    "postgres_recorder",
    "query",
    "shared_target",
    "sqlite_path",
    "sqlite_recorder",
    "targets",
    "umadb_recorder",
]

LOGS: Final = ["memory", "sqlite", "postgres", "umadb", "library"]
"""Every kind of log that a ledger can be opened on."""


def event(kind: str = "happened", *tags: str, data: bytes = b"{}") -> DCBEvent:
    """An event of this type with these tags."""
    return DCBEvent(kind, data, list(tags))


def item(*tags: str, types: tuple[str, ...] = ()) -> DCBQueryItem:
    """A query item: all of these tags, any of these types."""
    return DCBQueryItem(list(types), list(tags))


def query(*tags: str, types: tuple[str, ...] = ()) -> DCBQuery:
    """A query of one item."""
    return DCBQuery([item(*tags, types=types)])


def condition(*tags: str, types: tuple[str, ...] = (), after: int | None = None) -> DCBAppendCondition:
    """Fail if anything past ``after`` matches the query of one item."""
    return DCBAppendCondition(query(*tags, types=types), after)


def positions(response: DCBReadResponse) -> list[int]:
    """The positions of what was read."""
    return [found.position for found in response]


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Where a ledger file may be made."""
    return tmp_path / "ledger.db"


@pytest.fixture
def sqlite_recorder(sqlite_path: Path) -> Iterator[SQLiteRecorder]:
    """A recorder on a new file."""
    with SQLiteRecorder(sqlite_path) as recorder:
        yield recorder


@pytest.fixture
def memory_recorder() -> Iterator[SQLiteRecorder]:
    """A recorder on a new log in memory."""
    with SQLiteRecorder(":memory:") as recorder:
        yield recorder


@contextmanager
def postgres_recorder(dsn: str) -> Iterator[DCBRecorder]:
    """The library's recorder on a PostgreSQL database."""
    address = urlsplit(dsn)
    env = {
        "POSTGRES_DBNAME": address.path.lstrip("/"),
        "POSTGRES_HOST": str(address.hostname),
        "POSTGRES_PORT": str(address.port),
        "POSTGRES_USER": str(address.username),
        "POSTGRES_PASSWORD": address.password or "",
    }
    with PostgresTTDCBFactory(env) as factory:
        try:
            yield factory.dcb_recorder()
        finally:
            factory.close()


@contextmanager
def umadb_recorder(url: str) -> Iterator[DCBRecorder]:
    """The recorder of ``eventsourcing-umadb`` on a UmaDB server."""
    factory = UmaDBFactory(Environment(env={"UMADB_URI": url}))
    try:
        yield factory.dcb_recorder()
    finally:
        factory.umadb.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shared_target(request: pytest.FixtureRequest) -> str:
    """Where a ledger may be made that several processes can open."""
    if request.param == "postgres":
        dsn: str = request.getfixturevalue("postgres_dsn")
        return dsn
    path: Path = request.getfixturevalue("sqlite_path")
    return str(path)


@pytest.fixture
def targets(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Where a ledger of this kind may be made; only its own server is started."""

    def target(log: str) -> Any:
        match log:
            case "memory":
                return None
            case "sqlite":
                return tmp_path / "life.db"
            case "postgres":
                return request.getfixturevalue("postgres_dsn")
            case "umadb":
                return request.getfixturevalue("umadb_url").replace("http", "umadb")
            case _:
                return InMemoryDCBRecorder()

    return target


def make_older(connection: sqlite3.Connection, version: int) -> None:
    """Make the guards of a ledger file those of an older format, as releases of then made them."""
    older = objects_at(version)
    for name, statement in OBJECTS.items():
        if older.get(name) != statement:
            connection.execute(f"DROP TRIGGER {name}")
            if name in older:
                connection.execute(older[name])
    connection.execute(f"PRAGMA user_version = {version}")


def make_older_on_postgres(connection: Connection[Any]) -> None:
    """Make the guards of a ledger on PostgreSQL those of format 3, as releases of then made them."""
    for statement in (
        f"DROP TRIGGER {KEEP} ON {EVENTS}",
        "DROP FUNCTION reps_redacts()",
        f"""CREATE OR REPLACE TRIGGER reps_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {EVENTS}
        FOR EACH STATEMENT EXECUTE FUNCTION reps_refuse()""",
        f"COMMENT ON TABLE {EVENTS} IS 'reps-ledger format 3'",
    ):
        connection.execute(statement.encode())

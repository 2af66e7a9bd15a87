"""Where the tables of state are kept: in a SQLite file beside the log's, or in memory.

Whoever writes holds the one write lock from beginning to end, so that two who refresh at once do the work
once, and commits rows and position together, so that a crash leaves those of one position or of another.
Readers see what was committed last, and wait for nobody. `synchronous` is NORMAL: after a loss of power the
tables may be those of an earlier position, and are brought up to date from there.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from reps_ledger.errors import Busy, Closed, Damaged, InvalidInput, ReadOnly, StorageError
from reps_ledger.files import STATE_MARK, claim_database, create_empty
from reps_ledger.state.schema import (
    FORMAT,
    META,
    OF_MEMBERS,
    TABLES,
    Dialect,
    Row,
    Table,
    create_indexes,
    create_table,
    create_views,
)

TELL: Final = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
"""Says what tables are of."""

CLOSED: Final = "these tables, or their ledger, were closed; open them again"
"""What is said to who uses them all the same."""

_TIMEOUT: Final = 60.0
_AT_ONCE: Final = 500
"""Members whose rows one statement removes."""


class Reader(Protocol):
    """One transaction that reads: all that it returns is as of one commit."""

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return the rows of a statement; question marks stand for the values."""

    def table(self, statement: str, *values: object) -> tuple[tuple[str, ...], list[Row]]:
        """Return the names of a statement's columns, and its rows."""

    def meta(self) -> dict[str, str]:
        """Return what the tables are of; empty where there are none yet."""


class Writer(Reader, Protocol):
    """One transaction that writes."""

    def create(self) -> None:
        """Make all tables anew, empty and without indexes."""

    def index(self) -> None:
        """Make the indexes and views of new tables."""

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows to a table."""

    def remove(self, members: Sequence[str]) -> None:
        """Remove the rows of some members from every table."""

    def remove_communities(self, names: Sequence[str]) -> None:
        """Remove the rows of some communities."""

    def tell(self, meta: Mapping[str, str]) -> None:
        """Say what the tables are of."""


class Store(Protocol):
    """Where tables are kept."""

    @property
    def dialect(self) -> Dialect:
        """Whose SQL it speaks."""

    def reading(self) -> contextlib.AbstractContextManager[Reader]:
        """Read in one transaction: everything as of one commit."""

    def writing(self) -> contextlib.AbstractContextManager[Writer]:
        """Write in one transaction; it waits for others that write.

        Raises:
            Busy: it waits too long.
        """

    def close(self) -> None:
        """Close it."""


class SqliteStore:
    """Tables in a SQLite file of their own, or in memory.

    Args:
        path: the file; None for memory.

    Raises:
        PathTaken: the file is something else.
        StorageError: it cannot be opened.
    """

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._guard = threading.RLock()
        self._writer = _connected(path)
        # A file has a connection for readers too, who then wait for no writer; threads write one at a time.
        self._reader = self._writer if path is None else _connected(path)
        if self._reader is not self._writer:
            self._reader.execute("PRAGMA query_only = ON")
        self._turn = self._guard if path is None else threading.RLock()
        self._finalizer = weakref.finalize(self, _close, self._writer, self._reader)

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reader]:
        """Read in one transaction; see `Store`."""
        with self._guard, _translated(self.path):
            self._must_be_open()
            connection = self._reader
            if connection.in_transaction:  # in memory, while this thread writes
                yield _SqliteReader(connection)
                return
            connection.execute("BEGIN")
            try:
                yield _SqliteReader(connection)
            finally:
                _roll_back(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        """Write in one transaction; see `Store`."""
        with self._turn, _translated(self.path):
            self._must_be_open()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield _SqliteWriter(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                _roll_back(self._writer)
                raise

    def _must_be_open(self) -> None:
        if not self._finalizer.alive:
            raise Closed(CLOSED)


class _SqliteReader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    def table(self, statement: str, *values: object) -> tuple[tuple[str, ...], list[Row]]:
        found = self._connection.execute(statement, values)
        return tuple(name for name, *_ in found.description or ()), found.fetchall()

    def meta(self) -> dict[str, str]:
        if not self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"):
            return {}
        return {str(name): str(value) for name, value in self.rows("SELECT name, value FROM meta")}


class _SqliteWriter(_SqliteReader):
    def create(self) -> None:
        before = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'table') ORDER BY type DESC"
        for kind, name in self.rows(before):  # views first
            self._connection.execute(f'DROP {kind} "{name}"')
        self._connection.execute(META)
        for table in TABLES:
            self._connection.execute(create_table(table, "sqlite"))
        self._connection.execute(f"PRAGMA user_version = {FORMAT}")

    def index(self) -> None:
        for table in TABLES:
            for statement in create_indexes(table):
                self._connection.execute(statement)
        for statement in create_views("sqlite"):
            self._connection.execute(statement)

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        marks = ", ".join("?" for _ in table.columns)
        self._connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows)

    def remove(self, members: Sequence[str]) -> None:
        for table in OF_MEMBERS:
            self._remove(table.name, "member", members)

    def remove_communities(self, names: Sequence[str]) -> None:
        self._remove("community", "community", names)

    def _remove(self, table: str, column: str, values: Sequence[str]) -> None:
        for first in range(0, len(values), _AT_ONCE):
            some = values[first : first + _AT_ONCE]
            marks = ", ".join("?" for _ in some)
            self._connection.execute(f'DELETE FROM "{table}" WHERE {column} IN ({marks})', some)

    def tell(self, meta: Mapping[str, str]) -> None:
        self._connection.executemany(TELL, meta.items())


def _connected(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        try:
            claim_database(path, STATE_MARK, field="path")
        except OSError as error:
            raise StorageError(f"{path} cannot be opened: {error.strerror or error}") from error
        create_empty(path)
    with _translated(path):
        name = ":memory:" if path is None else str(path)
        connection = sqlite3.connect(name, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    (marked,) = connection.execute("PRAGMA application_id").fetchone()
    if marked != STATE_MARK:
        (there,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if marked or there:
            raise InvalidInput(f"{path} is the database of another program; name another file", field="path")
        connection.execute(f"PRAGMA application_id = {STATE_MARK}")
    if path is not None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, unless SQLite ended it by itself, as it does where the disk is full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _close(*connections: sqlite3.Connection) -> None:
    for connection in connections:
        connection.close()


_LOCKED: Final = Busy, ": another process writes these tables; try again"
_OF_FILES: Final[Mapping[int, tuple[type[StorageError], str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOTADB: (
        Damaged,
        (
            " is no database. If it held tables of state it is damaged: remove it, and they are made anew "
            "from the log; if it is something else, name another file"
        ),
    ),
    sqlite3.SQLITE_CORRUPT: (Damaged, " is damaged; remove it, and the tables are made anew from the log"),
    sqlite3.SQLITE_CANTOPEN: (
        StorageError,
        (
            " cannot be opened: it must be a file, in a folder that is there and may be written to; "
            "tables can be kept elsewhere, by path"
        ),
    ),
    sqlite3.SQLITE_FULL: (
        StorageError,
        ": the disk is full; the tables are as they were. Make room, and try again",
    ),
}
"""What is said of a file, by SQLite's code."""


@contextlib.contextmanager
def _translated(path: Path | None) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _OF_FILES:
            kind, words = _OF_FILES[code]
            raise kind(f"{path}{words}") from error
        if code == sqlite3.SQLITE_READONLY:
            raise ReadOnly(f"the tables of state are only read here: {error}") from error
        if code == sqlite3.SQLITE_ERROR or isinstance(error, sqlite3.ProgrammingError):
            raise InvalidInput(f"that cannot be asked of the tables: {error}", field="query") from error
        raise StorageError(f"the tables of state: {error}") from error

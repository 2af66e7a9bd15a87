"""The tables of state in a schema of the PostgreSQL that holds the log."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reps_ledger.errors import Busy, Closed, InvalidInput, ReadOnly, StorageError
from reps_ledger.state.schema import (
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
from reps_ledger.state.store import CLOSED, TELL, Reader, Writer

if TYPE_CHECKING:
    from psycopg import Connection

SCHEMA: Final = "reps_state"
"""The schema of the tables."""

_NEXT: Final = "reps_state_next"
"""The one in which they are made anew, until they take the place of those that readers see."""

_LOCK: Final = 0x52657453
"""The advisory lock of whoever writes."""


class PostgresStore:
    """Tables in PostgreSQL.

    Args:
        connect: opens a connection to the database.

    Raises:
        StorageError: it cannot be opened.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, connect: Callable[[], Connection[Any]]) -> None:
        self._guard = threading.RLock()
        self._turn = threading.RLock()  # threads write one at a time, as they share the connection
        with _translated():
            self._writer = connect()
            self._reader = connect()
            for connection in (self._writer, self._reader):
                connection.autocommit = True

    def close(self) -> None:
        """Close the connections."""
        self._writer.close()
        self._reader.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reader]:
        """Read in one transaction; see `Store`."""
        _must_be_open(self._reader)
        with self._guard, _translated(), self._reader.transaction():
            self._reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._reader.execute(f"SET LOCAL search_path TO {SCHEMA}")
            yield _PostgresReader(self._reader)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        """Write in one transaction; see `Store`."""
        _must_be_open(self._writer)
        with self._turn, _translated(), self._writer.transaction():
            self._writer.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            self._writer.execute(f"SET LOCAL search_path TO {SCHEMA}")
            yield _PostgresWriter(self._writer)


class _PostgresReader:
    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[Row]:
        return self.table(statement, *values)[1]

    def table(self, statement: str, *values: object) -> tuple[tuple[str, ...], list[Row]]:
        marks = statement.count("?")
        if marks != len(values):
            raise InvalidInput(
                f"that cannot be asked of the tables: {marks} question marks, and {len(values)} values",
                field="query",
            )
        with self._connection.cursor() as cursor:
            # With a parameter, if only in a comment, the server takes one statement and no second:
            # of "COMMIT; DELETE …" the second would be in a transaction that may write.
            text = statement.replace("%", "%%").replace("?", "%s") + "\n-- %s"
            cursor.execute(text, (*values, 0))
            names = tuple(column.name for column in cursor.description or ())
            return names, [tuple(row) for row in cursor.fetchall()]

    def meta(self) -> dict[str, str]:
        if self.rows("SELECT to_regclass(?) IS NULL", f"{SCHEMA}.meta") == [(True,)]:
            return {}
        return {str(name): str(value) for name, value in self.rows("SELECT name, value FROM meta")}


class _PostgresWriter(_PostgresReader):
    def create(self) -> None:
        self._run(f"DROP SCHEMA IF EXISTS {_NEXT} CASCADE", f"CREATE SCHEMA {_NEXT}")
        self._run(f"SET LOCAL search_path TO {_NEXT}", META)
        for table in TABLES:
            self._run(create_table(table, "postgresql"))

    def index(self) -> None:
        for table in TABLES:
            self._run(*create_indexes(table))
            self._run(f'ANALYZE "{table.name}"')
        self._run(*create_views("postgresql"))
        # Only now do readers wait, for as long as it takes to change names.
        self._run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", f"ALTER SCHEMA {_NEXT} RENAME TO {SCHEMA}")
        self._run(f"SET LOCAL search_path TO {SCHEMA}")

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{name}"' for name in table.names)
        statement = f'COPY "{table.name}" ({names}) FROM STDIN'
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def remove(self, members: Sequence[str]) -> None:
        for table in OF_MEMBERS:
            self.rows(f'DELETE FROM "{table.name}" WHERE member = ANY(?) RETURNING NULL', list(members))

    def remove_communities(self, names: Sequence[str]) -> None:
        self.rows("DELETE FROM community WHERE community = ANY(?) RETURNING NULL", list(names))

    def tell(self, meta: Mapping[str, str]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(TELL.replace("?", "%s"), list(meta.items()))

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement)


def _must_be_open(connection: Connection[Any]) -> None:
    if connection.broken:
        raise StorageError("the connection to the tables of state was lost; open them again")
    if connection.closed:
        raise Closed(CLOSED)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    import psycopg

    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise Busy(f"others write these tables: {error}") from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise ReadOnly(f"the tables of state are only read here: {error}") from error
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise InvalidInput(f"that cannot be asked of the tables: {error}", field="query") from error
    except psycopg.Error as error:
        raise StorageError(f"the tables of state: {error}") from error

"""Taking ciphertexts out of a ledger file, so that no byte of them stays in the file or in its log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from reps_ledger.errors import Altered, Busy, StorageError
from reps_ledger.log.sqlite.errors import is_busy
from reps_ledger.log.sqlite.file import make_current
from reps_ledger.log.sqlite.guards import altered
from reps_ledger.log.sqlite.pool import Connections
from reps_ledger.log.storage import NOT_SOUND

_DATA: Final = "SELECT data FROM events WHERE position = ?"
_REDACT: Final = "UPDATE events SET data = ? WHERE position = ?"
_PURGE: Final = "PRAGMA wal_checkpoint(TRUNCATE)"

PENDING: Final = (
    "others still read the ledger as it was, so that its write-ahead log keeps what was redacted until they "
    "end; the next redaction, and opening the ledger with its keys, tries again"
)
"""Why what was redacted is still in the write-ahead log, in words."""


def redact_rows(
    connections: Connections, positions: Iterable[int], change: Callable[[int, bytes], bytes]
) -> None:
    """Change stored bytes by taking ciphertexts away, all in one transaction; see `Redacting`."""
    with connections.writing() as connection:
        _must_write_zeros(connection)
        connections.begin(connection)
        try:
            make_current(connection)
            for position in positions:
                row = connection.execute(_DATA, (position,)).fetchone()
                if row is not None and (changed := change(position, row[0])) != row[0]:
                    _put(connection, position, changed)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        connections.mark(connection)


def purge(connections: Connections, *, waits: bool) -> list[str]:
    """Empty the write-ahead log, which has earlier states of pages; return why that could not be."""
    if connections.path is None:
        return []
    try:
        with connections.writing(None if waits else 0.0) as connection:
            blocked = _blocked(connection, waits=waits)
    except Busy:
        blocked = True
    return [PENDING] if blocked else []


def _blocked(connection: sqlite3.Connection, *, waits: bool) -> bool:
    """Empty the write-ahead log; return whether others kept it from that."""
    (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {timeout if waits else 0}")
    try:
        (blocked, *_) = connection.execute(_PURGE).fetchone()
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        return True
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")
    return bool(blocked)


def _must_write_zeros(connection: sqlite3.Connection) -> None:
    """Make sure that what is freed is written over, and that no copy is put into a temporary file.

    Raises:
        StorageError: SQLite does not do it.
    """
    connection.execute("PRAGMA temp_store = MEMORY")
    for pragma, wanted in (("secure_delete", 1), ("temp_store", 2)):
        found = connection.execute(f"PRAGMA {pragma}").fetchone()
        if found != (wanted,):
            raise StorageError(
                f"SQLite does not do {pragma} = {wanted}; it says {found}: nothing was redacted"
            )


def _put(connection: sqlite3.Connection, position: int, data: bytes) -> None:
    """Write the bytes of a row, and read them back: a trigger might swallow or change them.

    Raises:
        Altered: something is there that does.
    """
    try:
        connection.execute(_REDACT, (data, position))
    except sqlite3.IntegrityError as error:
        if found := altered(connection):
            raise Altered(f"the database refuses a redaction: {'; '.join(found)}") from error
        raise StorageError(f"position {position}: {NOT_SOUND}: {error}") from error
    if connection.execute(_DATA, (position,)).fetchone() != (data,):
        found = altered(connection) or ["nothing that could do that is to be seen by now"]
        raise Altered(
            f"the database does not hold what was redacted: {'; '.join(found)}. Nothing was changed"
        )

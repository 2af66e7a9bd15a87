"""What a ledger asks of its connections to PostgreSQL: sessions of its own, commits that are on the disk."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from eventsourcing.persistence import OperationalError, PersistenceError
from eventsourcing.postgres import ConnectionPool

from reps_ledger.errors import Busy, ConfigurationError, StorageError
from reps_ledger.log.postgres.roles import EVENTS, SCHEMA, TAGS

if TYPE_CHECKING:
    from eventsourcing.postgres import PostgresDatastore
    from psycopg import Connection

SETTING: Final = "reps_ledger.session"
"""A setting of our own, that each connection is opened with: it says whether settings arrive."""

_ASKED: Final = f"""
SELECT current_setting('{SETTING}', true) AS ours, current_setting('synchronous_commit') AS commits
"""
_NO_SESSION: Final = (
    "a pooler (such as PgBouncer) is between this ledger and PostgreSQL and keeps the settings of sessions "
    "away, by which waits are limited and followers told: name PostgreSQL's own address, or have the pooler "
    "pass on the parameter `options`, in session mode"
)
_REFUSED: Final = "unsupported startup parameter"  # what PgBouncer says
_NOT_DURABLE: Final = (
    "synchronous_commit is off for this database or role: what is acknowledged could be lost when the server "
    "fails. ALTER ROLE … SET synchronous_commit = on, or add options=-csynchronous_commit%3Don to the address"
)
_HOLDERS: Final = f"""
SELECT a.pid, a.usename, a.application_name, a.state, c.relname, l.mode,
    round(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint AS seconds
FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.granted AND n.nspname = '{SCHEMA}' AND c.relname IN ('{EVENTS}', '{TAGS}')
    AND a.pid <> pg_backend_pid() AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
ORDER BY a.xact_start, a.pid LIMIT 3
"""  # noqa: S608 — no text from outside


def must_have_sessions(datastore: PostgresDatastore, *, records: bool) -> None:
    """Raise an error where connections do not keep their settings, or commits are not on the disk.

    Connections that are opened later commit as this one does.

    Args:
        datastore: the library's connections, opened with `SETTING`.
        records: whether anything will be committed.

    Raises:
        ConfigurationError: a pooler is in between that keeps settings away.
        StorageError: there is no connection, or commits would not be on the disk.
    """
    try:
        with connect(datastore) as connection:
            ours, commits = connection.execute(_ASKED.encode()).fetchone() or (None, None)
    except psycopg.Error as error:
        if _REFUSED in str(error):
            raise ConfigurationError(_NO_SESSION) from error
        raise StorageError(f"PostgreSQL cannot be opened: {error}") from error
    if ours != "on":
        raise ConfigurationError(_NO_SESSION)
    if records and commits == "off":
        raise StorageError(_NOT_DURABLE)
    options: Any = datastore.pool.kwargs
    options["options"] += f" -c synchronous_commit={commits}"


def connect(datastore: PostgresDatastore) -> Connection[Any]:
    """Connect to the PostgreSQL of the library's connections, beside these."""
    return connect_like(datastore.pool)


def connect_like(pool: ConnectionPool[Connection[Any]]) -> Connection[Any]:
    """Connect as a pool does, beside it."""
    options: Any = pool.kwargs
    ask = pool.get_password_func
    password = {"password": ask()} if ask else {}
    return psycopg.connect(**{**options, **password, "row_factory": psycopg.rows.tuple_row})


class LivePool(ConnectionPool["Connection[Any]"]):
    """A pool that gives no connection that the server closed meanwhile: it is replaced, and nobody is told.

    The pool's own check waits a second after the first dead connection, and longer after each further one.
    """

    def getconn(self, timeout: float | None = None) -> Connection[Any]:
        """Return a connection that was not closed.

        Raises:
            psycopg.OperationalError: the server cannot be reached.
        """
        while True:
            connection = super().getconn(timeout)
            try:
                if not _is_dead(connection):
                    return connection
                connect_like(self).close()
            except BaseException:
                # As it was: where the pool fails to replace one, it waits longer before each further try.
                self.putconn(connection)
                raise
            connection.close()
            self.putconn(connection)  # which opens another one in its place


def live_pool(
    pool: ConnectionPool[Connection[Any]], configure: Callable[[Connection[Any]], None]
) -> LivePool:
    """Return a pool like one that was not opened yet.

    Args:
        pool: the library's.
        configure: prepares each new connection.
    """
    return LivePool(
        connection_class=pool.connection_class,
        kwargs=pool.kwargs,
        get_password_func=pool.get_password_func,
        min_size=pool.min_size,
        max_size=pool.max_size,
        open=False,
        configure=configure,
        timeout=pool.timeout,
        max_waiting=pool.max_waiting,
        max_lifetime=pool.max_lifetime,
    )


def _is_dead(connection: Connection[Any]) -> bool:
    """Whether the server closed an idle connection, by what there is to read of it; it is not read."""
    if connection.closed:
        return True
    try:
        with closing(socket.socket(fileno=os.dup(connection.fileno()))) as end:
            found = end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:  # nothing, as is usual
        return False
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}  # of which nothing follows
    # The end, or an error that comes before it. What is encrypted does not say; then another one is as good.
    return found in {b"", b"E"} or bool(connection.pgconn.ssl_in_use)


@contextmanager
def naming_holders(datastore: PostgresDatastore) -> Iterator[None]:
    """Turn the error of a lock that did not come in time into one that says who holds it.

    Raises:
        Busy: others hold the tables locked.
    """
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        raise Busy(f"others hold the ledger's tables locked: {_holders(datastore)}; try again") from error


def _holders(datastore: PostgresDatastore) -> str:
    """Return who holds locks on the ledger's tables, in words."""
    try:
        with datastore.cursor() as cursor:
            cursor.execute(_HOLDERS.encode())
            found = cursor.fetchall()
    except PersistenceError as error:
        return f"nobody can say who ({error})"
    said = []
    for row in found:
        name = row["application_name"] or "unnamed"
        who = f"{name} of {row['usename']}, {row['state']}, for {row['seconds']} s"
        said.append(f"process {row['pid']} ({who}) holds {row['relname']} in {row['mode']}")
    return "; ".join(said) or "whoever did has let go by now"

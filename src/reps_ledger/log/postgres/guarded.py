"""The library's recorder on PostgreSQL, guarded, and open to roles that do not own its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem
from eventsourcing.dcb.popo import SimpleDCBReadResponse
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.persistence import IntegrityError, PersistenceError

from reps_ledger.errors import Altered, Busy, ReadOnly, StorageError
from reps_ledger.log.postgres.altered import Rows, altered, removing
from reps_ledger.log.postgres.following import WatchfulSubscription
from reps_ledger.log.postgres.roles import (
    APPEND,
    APPEND_AT_HEAD,
    EVENTS,
    FORMAT,
    FORMAT_OF,
    SCHEMA,
    SOUND,
    TAGS,
    definers_sql,
    guards_sql,
)
from reps_ledger.log.postgres.session import connect, naming_holders
from reps_ledger.log.storage import (
    NOT_SOUND,
    Stored,
    Unfit,
    encoded_tags,
    fitting_tags,
    must_be_empty,
    without_details,
)
from reps_ledger.log.tag_fingerprint import TagFingerprint

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBEvent, DCBReadResponse, DCBSequencedEvent
    from eventsourcing.postgres import PostgresDatastore
    from psycopg import Connection

_MAKING: Final = 0x7265_7073  # any number of our own: who makes the tables holds a lock on it
_TABLES: Final = "reps_events"
_PAGE: Final = 5_000
_STATE: Final = f"""
SELECT pg_has_role(c.relowner, 'USAGE'),
    (SELECT bool_or(p.prosecdef) FROM pg_proc p WHERE p.proname = '{APPEND}'
        AND p.pronamespace = c.relnamespace)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '{EVENTS}' AND n.nspname = '{SCHEMA}'
"""  # noqa: S608 — no text from outside

_APPEND_AT_HEAD: Final = f"SELECT * FROM {SCHEMA}.{APPEND_AT_HEAD}(%s, %s)"  # noqa: S608 — see above
_LAST: Final = f"SELECT coalesce(max(id), 0) FROM {SCHEMA}.{EVENTS}"  # noqa: S608 — see above
_LOAD: Final = f"COPY {SCHEMA}.{EVENTS} (id, type, data, tags) FROM STDIN"
_LOAD_TAGS: Final = f"""
INSERT INTO {SCHEMA}.{TAGS} (tag, main_id) SELECT said.tag, e.id
FROM {SCHEMA}.{EVENTS} e, unnest(e.tags) AS said (tag)
"""  # noqa: S608 — see above
_OWNS: Final = f"""
SELECT pg_has_role(c.relowner, 'USAGE') AS owns FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '{EVENTS}' AND n.nspname = '{SCHEMA}'
"""  # noqa: S608 — see above
_HELD: Final = f"SELECT data FROM {SCHEMA}.{EVENTS} WHERE id = %s FOR UPDATE"  # noqa: S608 — see above
_REDACT: Final = f"UPDATE {SCHEMA}.{EVENTS} SET data = %s WHERE id = %s RETURNING data"  # noqa: S608 — see above
_READ_BACK: Final = f"""
SELECT e.type, e.data, e.tags, (SELECT count(DISTINCT t.tag) FROM {SCHEMA}.{TAGS} t
    WHERE t.tag = ANY(e.tags) AND t.main_id = e.id) AS indexed
FROM {SCHEMA}.{EVENTS} e WHERE e.id > %s AND e.id <= %s ORDER BY e.id
"""  # noqa: S608 — no text from outside
_INDEX: Final = f"""
SELECT %s::bigint, t.tag, e.type, t.main_id
FROM {SCHEMA}.{TAGS} t LEFT JOIN {SCHEMA}.{EVENTS} e ON e.id = t.main_id WHERE t.main_id <= %s
"""  # noqa: S608 — no text from outside
_UNINDEXED: Final = f"""
SELECT e.id, said.tag FROM {SCHEMA}.{EVENTS} e, unnest(e.tags) AS said (tag) WHERE NOT EXISTS
    (SELECT FROM {SCHEMA}.{TAGS} t WHERE t.tag = said.tag AND t.main_id = e.id) LIMIT 10
"""  # noqa: S608 — no text from outside
_UNTRUE: Final = f"""
SELECT t.main_id, t.tag FROM {SCHEMA}.{TAGS} t WHERE NOT EXISTS
    (SELECT FROM {SCHEMA}.{EVENTS} e WHERE e.id = t.main_id AND t.tag = ANY(e.tags)) LIMIT 10
"""  # noqa: S608 — no text from outside


class GuardedRecorder(PostgresDCBRecorderTT):
    """The library's recorder: its reads and subscriptions miss nothing; appends at the head, checks."""

    _is_current = False

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> DCBReadResponse:
        """Return the events that match, in order of position, at most ``limit`` of them.

        The library's statement counts an event towards its limit once for each item that it
        matches, so that a page of several items may come back short, or even look like the last
        one. So it is asked on until nothing more comes.
        """
        asked = DCBQuery([]) if query is None else DCBQuery(_without_repeats(query))
        with naming_holders(self.datastore):
            return self._read_all(asked, after, limit)

    def _read_all(self, asked: DCBQuery, after: int | None, limit: int | None) -> DCBReadResponse:
        if limit is None or len(asked.items) <= 1:
            return super().read(asked, after=after, limit=limit)
        found: list[DCBSequencedEvent] = []
        while len(found) < limit:
            page = list(super().read(asked, after=after, limit=limit - len(found)))
            if not page:
                break
            found += page
            after = page[-1].position
        return SimpleDCBReadResponse(iter(found), found[-1].position if found else None)

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        """Append events, all or none, unless the condition fails.

        Raises:
            Busy: others hold the tables locked; it says who.
        """
        with naming_holders(self.datastore):
            self._make_current()
            return self._append(events, condition)

    def _append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None) -> int:
        if condition is None:
            return self._read_back(events, super().append(events))
        items = _without_repeats(condition.fail_if_events_match)
        if items:
            only = DCBAppendCondition(DCBQuery(items), condition.after)
            return self._read_back(events, super().append(events, only))
        with self.datastore.cursor() as cursor:
            cursor.execute(_APPEND_AT_HEAD, (condition.after, self.construct_psycopg_dcb_events(events)))
            row = cursor.fetchone()
        if row is None:
            raise IntegrityError(condition)
        last: int = row[APPEND_AT_HEAD]
        return self._read_back(events, last)

    def _make_current(self) -> None:
        """Make the guards that an older schema lacks, before this release appends to it for the first time.

        Only the owner of the tables can; for others it goes on as it was until the owner appends, or repairs.
        """
        if self._is_current:
            return
        for row in self._rows(FORMAT_OF):
            if int(str(row["version"])) < FORMAT and row["owns"]:
                with _alone(self.datastore) as connection:
                    connection.execute(guards_sql())
        self._is_current = True

    def _read_back(self, events: Sequence[DCBEvent], last: int | None) -> int:
        """Compare what was committed with what was to be; a trigger might have swallowed or changed it.

        Raises:
            Altered: it is something else.
        """
        if last is None:
            raise Altered(
                f"the database gives no position to what is appended: {'; '.join(self.schema_check())}"
            )
        with self.datastore.cursor() as cursor:
            cursor.execute(_READ_BACK, (last - len(events), last))
            rows = cursor.fetchall()
        there = [(row["type"], bytes(row["data"]), row["tags"], row["indexed"]) for row in rows]
        if there != [(each.type, each.data, each.tags, len({*each.tags})) for each in events]:
            found = "; ".join(self.schema_check()) or "nothing that could do that is to be seen by now"
            raise Altered(f"the database does not hold what was appended up to position {last}: {found}")
        return last

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Any:
        """Return an iterator that waits for events to come; it ends when it is stopped."""
        return WatchfulSubscription(self, query, after)

    def load_rows(self, rows: Iterable[Stored]) -> int:
        """Take all rows as they are in one transaction, into an empty log; return how many they are.

        Only the owner of the tables may: nobody else writes positions.

        Raises:
            InvalidInput: the log is not empty. The rows were not looked at.
            Unfit: the last row that was taken cannot be held; nothing is kept.
            ReadOnly: this role may not.
            StorageError: the server cannot be reached, or cannot do it.
        """
        count = last = 0
        self._make_current()
        try:
            with connect(self.datastore) as connection, connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {SCHEMA}.{EVENTS} IN EXCLUSIVE MODE")
                cursor.execute(_LAST)
                (head,) = cursor.fetchone() or (0,)
                must_be_empty(head)
                # What was recorded is taken as it is, also what is no entry: it may be voided.
                cursor.execute(f"ALTER TABLE {SCHEMA}.{EVENTS} DISABLE TRIGGER {SOUND}")
                with cursor.copy(_LOAD) as copy:
                    for position, name, data, tags in rows:
                        copy.write_row((position, name, data, _fitting(position, name, tags, last)))
                        count, last = count + 1, position
                cursor.execute(f"ALTER TABLE {SCHEMA}.{EVENTS} ENABLE TRIGGER {SOUND}")
                cursor.execute(_LOAD_TAGS)
                cursor.execute(f"ALTER SEQUENCE {SCHEMA}.{EVENTS}_id_seq RESTART WITH {last + 1}")
                cursor.execute(f"NOTIFY {self.channel_name}")
        except psycopg.errors.InsufficientPrivilege as error:
            raise ReadOnly(
                f"only the owner of the tables takes in what was recorded: {without_details(error)}"
            ) from error
        except psycopg.Error as error:
            raise StorageError(f"the log could not be written: {without_details(error)}") from error
        return count

    keeps: tuple[str, ...] = (
        f"earlier versions of these rows, until VACUUM FULL {SCHEMA}.{EVENTS} writes the table anew",
        "what was there in its write-ahead log, until its segments are recycled and written over",
        "what was there in archives of that log, on replicas that lag behind, in base backups and in dumps",
    )
    """What is kept of what was redacted, until others do something, in words."""

    def must_be_redactable(self) -> None:
        """Raise an error where whoever asks may not redact.

        Raises:
            ReadOnly: they do not own the tables.
        """
        if not any(row["owns"] for row in self._rows(_OWNS)):
            raise ReadOnly("only the owner of the tables redacts: this role may not change them")

    def redact_rows(self, positions: Iterable[int], change: Callable[[int, bytes], bytes]) -> None:
        """Take ciphertexts out of rows, all in one transaction.

        Args:
            positions: of the rows.
            change: from a position and its stored bytes to what is to be stored there.

        Raises:
            ReadOnly: this role may not.
            Altered: the database does not hold what was to be stored; nothing was changed.
            StorageError: it is more than a redaction, or the server cannot be reached.
        """
        with naming_holders(self.datastore):
            self._make_current()
        try:
            with connect(self.datastore) as connection:
                connection.execute(f"SET LOCAL lock_timeout = '{self.datastore.lock_timeout}s'".encode())
                for position in positions:
                    row = connection.execute(_HELD.encode(), [position]).fetchone()
                    if row is None or (changed := change(position, bytes(row[0]))) == row[0]:
                        continue
                    done = _redacted(connection, position, changed)
                    if done is None or bytes(done[0]) != changed:
                        raise Altered(
                            "the database does not hold what was redacted, and nothing was changed: "
                            f"{'; '.join(self.schema_check())}"
                        )
        except psycopg.errors.InsufficientPrivilege as error:
            raise ReadOnly(f"only the owner of the tables redacts: {without_details(error)}") from error
        except psycopg.errors.LockNotAvailable as error:
            raise Busy(
                f"others hold the ledger's tables locked; try again: {without_details(error)}"
            ) from error
        except psycopg.Error as error:
            raise StorageError(f"nothing was redacted: {without_details(error)}") from error

    def purge(self, *, waits: bool = True) -> list[str]:  # noqa: ARG002 — as others have it
        """Do nothing: a server removes what it keeps when it is told to; see `keeps`."""
        return []

    def backup(self, target: object, on_progress: object = None) -> int:  # noqa: ARG002 — as others have it
        """Refuse: a file of this process's own is no place for a server's backup.

        Raises:
            StorageError: always; it says what to do.
        """
        raise StorageError(
            f"{target} was not written: a ledger in PostgreSQL is backed up by pg_dump, which copies "
            "one moment of it while others record; docs/backup.md says how"
        )

    def structure_check(self) -> list[str]:
        """What is wrong with the tables but for the index of tags, in words.

        PostgreSQL has no check of its own that any role may run; pages that are damaged raise
        when they are read, where the cluster has checksums.
        """
        return self.schema_check()

    def schema_check(self) -> list[str]:
        """What is missing, changed or foreign among the tables and what acts on them, in words."""
        return altered(lambda statement: [(*row.values(),) for row in self._rows(statement)], made_by(self))

    def index_check(self, fingerprint: TagFingerprint) -> list[str]:
        """What is wrong with the index of tags, in words.

        Args:
            fingerprint: of what the entries say.
        """
        if fingerprint.agrees(self._index(fingerprint)):
            return []
        missing = self._rows(_UNINDEXED)
        untrue = self._rows(_UNTRUE)
        return [
            *(f"position {r['id']}: the tag {r['tag']!r} is not in the index" for r in missing),
            *(f"position {r['main_id']}: the index has {r['tag']!r}, the entry does not" for r in untrue),
        ]

    def _index(self, fingerprint: TagFingerprint) -> Iterator[tuple[int, str, str, int]]:
        with _translated(), self.datastore.transaction(commit=False) as cursor:
            cursor.execute(
                f"DECLARE reps_index NO SCROLL CURSOR FOR {_INDEX}", (fingerprint.secret, fingerprint.last)
            )
            while True:
                cursor.execute(f"FETCH {_PAGE} FROM reps_index")
                rows = cursor.fetchall()
                for row in rows:
                    yield row["int8"], row["tag"], row["type"], row["main_id"]
                if len(rows) < _PAGE:
                    return

    def _rows(self, statement: str) -> list[Mapping[str, object]]:
        with _translated(), self.datastore.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


def _redacted(connection: Connection[Any], position: int, data: bytes) -> tuple[bytes] | None:
    """Change the stored bytes of a row, and return what is there then; None where nothing is.

    Raises:
        StorageError: it is more than a redaction, or what is there is not as a ledger writes it.
    """
    try:
        return connection.execute(_REDACT.encode(), [data, position]).fetchone()
    except (psycopg.errors.RestrictViolation, psycopg.DataError) as error:
        raise StorageError(f"position {position}: {NOT_SOUND}: {without_details(error)}") from error


def _fitting(position: int, name: str, tags: str, last: int) -> list[str]:
    """Return the tags of a row that belongs after the last one."""
    if position <= last:
        raise Unfit(f"position {position} comes after {last}")
    if "\0" in name:
        raise Unfit("its stored name has a NUL character")
    found = fitting_tags(tags)
    if encoded_tags(found) != tags:
        raise Unfit("its tags are not written as a ledger writes them, and PostgreSQL does not keep how")
    return list(found)


def _without_repeats(query: DCBQuery) -> list[DCBQueryItem]:
    """Return the items of a query, each once and each tag once.

    The library compares how many tags an event has of an item with how many the item has, where
    a repeated one counts twice: nothing would match.
    """
    items = ((tuple(dict.fromkeys(i.types)), tuple(dict.fromkeys(i.tags))) for i in query.items)
    return [DCBQueryItem(list(types), list(tags)) for types, tags in dict.fromkeys(items)]


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except PersistenceError as error:
        raise StorageError(f"the log could not be checked: {without_details(error)}") from error


def open_guarded(datastore: PostgresDatastore, *, read_only: bool = False) -> GuardedRecorder:
    """Open the recorder: make and guard its tables where there are none.

    Args:
        datastore: the library's connections.
        read_only: whether nothing is made.

    Raises:
        ReadOnly: the server only reads, as a standby does, and tables or guards are missing.
        StorageError: there is no connection, or the tables cannot be made.
    """
    with _alone(datastore, waits=not read_only) as connection:
        recorder = GuardedRecorder(datastore, events_table_name=_TABLES)
        if connection.execute(_STATE).fetchone() is None:
            if read_only:
                raise StorageError("there is no ledger in this database, and none is made to be read")
            recorder.create_table()
            connection.execute(guards_sql())
    return recorder


def repair_guarded(datastore: PostgresDatastore) -> list[str]:
    """Make guards and functions what they should be, and remove what is foreign; say what was wrong.

    Args:
        datastore: the library's connections, of the owner of the tables.

    Raises:
        Altered: that does not put all right.
        StorageError: there is no ledger, no connection, or this role may not.
    """
    with _alone(datastore) as connection:
        recorder = GuardedRecorder(datastore, events_table_name=_TABLES)
        state = connection.execute(_STATE).fetchone()
        if state is None:
            raise StorageError("there is no ledger there; open it once, as its owner")
        rows, made = _asking(connection), made_by(recorder)
        found = altered(rows, made)
        if not found:
            return []
        for statement in (*removing(rows, made), *(each for each in made if "CREATE TYPE" not in each)):
            connection.execute(statement.encode())
        connection.execute(guards_sql())
        if state[1]:
            connection.execute(definers_sql())
        if left := altered(rows, made):
            raise Altered(f"this cannot be put right by itself: {'; '.join(left)}")
    return found


def made_by(recorder: PostgresDCBRecorderTT) -> list[str]:
    """Return the statements by which the library's recorder makes its tables."""
    return [statement.as_string() for statement in recorder.sql_create_statements]


def _asking(connection: Connection[Any]) -> Rows:
    return lambda statement: connection.execute(statement.encode()).fetchall()


@contextmanager
def _alone(datastore: PostgresDatastore, *, waits: bool = True) -> Iterator[Connection[Any]]:
    """Connect, and have others wait who make the same tables.

    A direct connection says at once why there is none. PostgreSQL fails when two make the same function
    at once.
    """
    try:
        with connect(datastore) as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{datastore.lock_timeout}s'")
            if waits:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MAKING])
            yield connection
    except (PersistenceError, psycopg.Error) as error:
        raise _unopened(error) from error


def _unopened(error: Exception) -> StorageError:
    """Return what to raise where a database cannot be opened."""
    causes = (error, error.__cause__)
    if any(isinstance(each, psycopg.errors.ReadOnlySqlTransaction) for each in causes):
        return ReadOnly(f"PostgreSQL only reads here; open it with read_only=True to ask it: {error}")
    return StorageError(f"PostgreSQL cannot be opened: {error}")

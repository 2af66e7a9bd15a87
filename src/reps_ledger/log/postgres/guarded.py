"""The library's recorder on PostgreSQL, guarded, and open to roles that do not own its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem
from eventsourcing.dcb.popo import SimpleDCBReadResponse
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.persistence import IntegrityError, PersistenceError

from reps_ledger.errors import ReadOnly, StorageError
from reps_ledger.log.postgres.following import WatchfulSubscription
from reps_ledger.log.postgres.roles import APPEND, APPEND_AT_HEAD, EVENTS, GUARDS, SCHEMA, TAGS, guards_sql
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
        AND p.pronamespace = c.relnamespace),
    (SELECT count(*) FROM pg_trigger t JOIN pg_class g ON g.oid = t.tgrelid
        WHERE t.tgname IN ('reps_events_stay', 'reps_tags_stay')
        AND g.relnamespace = c.relnamespace)
    + (SELECT count(*) FROM pg_proc p WHERE p.proname = '{APPEND_AT_HEAD}'
        AND p.pronamespace = c.relnamespace)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '{EVENTS}' AND n.nspname = '{SCHEMA}'
"""  # noqa: S608 — no text from outside
_GUARDED: Final = len(GUARDS) + 1

_APPEND_AT_HEAD: Final = f"SELECT * FROM {SCHEMA}.{APPEND_AT_HEAD}(%s, %s)"  # noqa: S608 — see above
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
_WHOLE: Final = f"""
SELECT t.tgname, c.relname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{SCHEMA}'
"""  # noqa: S608 — no text from outside
_INVALID: Final = f"""
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class g ON g.oid = i.indrelid JOIN pg_namespace n ON n.oid = g.relnamespace
WHERE n.nspname = '{SCHEMA}' AND g.relname IN ('{EVENTS}', '{TAGS}')
AND NOT (i.indisvalid AND i.indisready)
"""  # noqa: S608 — no text from outside


class GuardedRecorder(PostgresDCBRecorderTT):
    """The library's recorder: its reads and subscriptions miss nothing; appends at the head, checks."""

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> DCBReadResponse:
        """Return the events that match, in order of position, at most ``limit`` of them.

        The library's statement counts an event towards its limit once for each item that it
        matches, so that a page of several items may come back short, or even look like the last
        one. So it is asked on until nothing more comes.
        """
        asked = DCBQuery([]) if query is None else DCBQuery(_without_repeats(query))
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
        """Append events, all or none, unless the condition fails."""
        if condition is None:
            return super().append(events)
        items = _without_repeats(condition.fail_if_events_match)
        if items:
            return super().append(events, DCBAppendCondition(DCBQuery(items), condition.after))
        with self.datastore.cursor() as cursor:
            cursor.execute(_APPEND_AT_HEAD, (condition.after, self.construct_psycopg_dcb_events(events)))
            row = cursor.fetchone()
        if row is None:
            raise IntegrityError(condition)
        last: int = row[APPEND_AT_HEAD]
        return last

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Any:
        """Return an iterator that waits for events to come; it ends when it is stopped."""
        return WatchfulSubscription(self, query, after)

    def structure_check(self) -> list[str]:
        """What is wrong with the tables but for the index of tags, in words.

        PostgreSQL has no check of its own that any role may run; pages that are damaged raise
        when they are read, where the cluster has checksums.
        """
        rows = self._rows(_WHOLE)
        present = {(row["tgname"], row["relname"]): row["tgenabled"] for row in rows}
        found = []
        for name, table in GUARDS.items():
            enabled = present.get((name, table))
            if enabled not in {"O", "A"}:
                found.append(f"{name} is {'missing' if enabled is None else 'disabled'}")
        found += [f"the index {row['relname']} is not valid" for row in self._rows(_INVALID)]
        return found

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
        raise StorageError(f"the log could not be checked: {error}") from error


def connect(datastore: PostgresDatastore) -> Connection[Any]:
    """Connect to the PostgreSQL of the library's connections, beside these."""
    options: Any = datastore.pool.kwargs
    ask = datastore.pool.get_password_func
    password = {"password": ask()} if ask else {}
    return psycopg.connect(**{**options, **password, "row_factory": psycopg.rows.tuple_row})


def open_guarded(datastore: PostgresDatastore, *, read_only: bool = False) -> GuardedRecorder:
    """Open the recorder: make and guard its tables, where this role may and it was not done.

    A role that does not own the tables makes nothing. Where the append function runs with its
    owner's rights (see `roles_sql`), the tables are left as they are too: making them again would
    take those rights from it, and the writer could append no more.

    Args:
        datastore: the library's connections.
        read_only: whether nothing is made.

    Raises:
        ReadOnly: the server only reads, as a standby does, and tables or guards are missing.
        StorageError: there is no connection, or the tables cannot be made.
    """
    try:
        # A direct connection says at once why there is none. While it lives, others who open
        # the same database wait: PostgreSQL fails when two make the same function at once.
        with connect(datastore) as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{datastore.lock_timeout}s'")
            if not read_only:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MAKING])
            recorder = GuardedRecorder(datastore, events_table_name=_TABLES)
            state = connection.execute(_STATE).fetchone()
            if read_only:
                if state is None:
                    raise StorageError("there is no ledger in this database, and none is made to be read")
                return recorder
            owned, with_roles, guards = (True, False, 0) if state is None else state
            if owned and not with_roles:
                recorder.create_table()
            if owned and guards != _GUARDED:
                connection.execute(guards_sql())
    except (PersistenceError, psycopg.Error) as error:
        raise _unopened(error) from error
    return recorder


def _unopened(error: Exception) -> StorageError:
    """Return what to raise where a database cannot be opened."""
    causes = (error, error.__cause__)
    if any(isinstance(each, psycopg.errors.ReadOnlySqlTransaction) for each in causes):
        return ReadOnly(f"PostgreSQL only reads here; open it with read_only=True to ask it: {error}")
    return StorageError(f"PostgreSQL cannot be opened: {error}")

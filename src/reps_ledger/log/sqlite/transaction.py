"""Writing to a ledger file: transactions, one after another, and what is inserted in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from eventsourcing.dcb.api import DCBEvent, DCBRecorder
from eventsourcing.persistence import IntegrityError, ProgrammingError

from reps_ledger.errors import Altered, InvalidInput, StorageError
from reps_ledger.log.group_commit import Outcome
from reps_ledger.log.sqlite.errors import KNOWN, translated
from reps_ledger.log.sqlite.file import (
    CHECKPOINT_OFTEN,
    CHECKPOINT_RARELY,
    HEAD,
    INDEX_TAGS,
    INSERT_EVENT,
    INSERT_ROWS,
    INSERT_TAG,
    MANY,
    make_current,
)
from reps_ledger.log.sqlite.guards import altered
from reps_ledger.log.sqlite.pool import Connections
from reps_ledger.log.sqlite.read import FEW, Lender, Span, SQLiteReads, first_match, matcher
from reps_ledger.log.storage import encoded_tags, tags_if_readable

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery

T = TypeVar("T")

_AFTER: Final = "SELECT position, type, data, tags FROM events WHERE position > ? ORDER BY position"
_KINDS: Final = "SELECT position, type, tags FROM events WHERE position > ? ORDER BY position"
Batch = list[tuple[DCBEvent, str]]
"""Events, each with its tags as they are stored."""

_ESCAPED_NUL: Final = "\\u0000"


class SQLiteTransaction(SQLiteReads, DCBRecorder):
    """The log inside of a transaction that writes: what is read includes what was appended in it.

    Args:
        path: of the file; None in memory.
    """

    read_only = False

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._head = 0
        self._writes_much = False
        self._inserting = False  # or it was interrupted: then what is there is not whole
        self.appended = 0

    def begin(self, connection: sqlite3.Connection) -> None:
        """Be inside of the transaction that a connection began."""
        self._connection = connection
        self._inserting = False
        self.appended = 0
        self._head = connection.execute(HEAD).fetchone()[0]

    def end(self, connection: sqlite3.Connection) -> None:
        """Be inside of none any more; whatever was not committed is taken back."""
        self._connection = None
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if self._writes_much:
            self._writes_much = False
            connection.execute(CHECKPOINT_OFTEN)

    def mark(self) -> int | None:
        """Return the last position; None where the transaction was ended, or an insertion in it."""
        connection = self._connection
        whole = connection is not None and connection.in_transaction and not self._inserting
        return self._head if whole else None

    def must_be_whole(self) -> None:
        """Raise an error where an insertion was interrupted, and whoever was did not say so."""
        if self._inserting:
            raise StorageError("an insertion was interrupted; nothing was written")

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        """Append events, all or none, unless the condition fails; see `SQLiteRecorder.append`."""
        batch = batch_of(events)
        try:
            appended = self.insert(batch, condition)
        except KNOWN as error:
            raise translated(error, self.path) from error
        if not appended:
            raise IntegrityError(condition)
        return self._head

    def insert(self, batch: Batch, condition: DCBAppendCondition | None) -> bool:
        """Insert a batch; say whether the condition did not keep it from that."""
        connection = self._lent()
        if condition is not None and _fails(connection, condition, self._head):
            return False
        many = len(batch) >= MANY
        if many and not self._writes_much:
            # Let the write-ahead log grow while much is written; a small append reuses it, which is cheaper
            # than growing it.
            self._writes_much = True
            connection.execute(CHECKPOINT_RARELY)
        changes = connection.total_changes
        self._inserting = True
        try:
            (insert_many if many else _insert_few)(connection, self._head, batch)
        except sqlite3.IntegrityError as error:
            if found := altered(connection):
                raise Altered(f"the database refuses what is inserted: {'; '.join(found)}") from error
            raise
        _read_back(connection, self._head, batch, connection.total_changes - changes)
        self._head += len(batch)
        self.appended += len(batch)
        self._inserting = False
        return True

    def head(self) -> int:
        """The last position, 0 if there is none."""
        return self._head

    @property
    def _lender(self) -> Lender:
        return self

    def subscribe(
        self,
        query: DCBQuery | None = None,  # noqa: ARG002 — as others have it
        *,
        after: int | None = None,  # noqa: ARG002 — as others have it
    ) -> NoReturn:
        """Refuse: nothing comes while a transaction lasts."""
        raise ProgrammingError("nothing can be followed inside of a transaction")

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer to a question."""
        try:
            return question(self._lent())
        except KNOWN as error:
            raise translated(error, self.path) from error

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend the connection for reading."""
        return nullcontext(self._lent())

    def _lent(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ProgrammingError("this transaction has ended")
        return self._connection


class _Untold:
    """Where nobody asks what became of a transaction that was interrupted."""

    committed = False


class Transactions:
    """The transactions that write to one log, one after another.

    Args:
        connections: to the log.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.inside = SQLiteTransaction(connections.path)
        self._is_current = False

    def transact(
        self, run: Callable[[], None], timeout: float | None = None, outcome: Outcome | None = None
    ) -> None:
        """Run something in a transaction beside which nobody writes, and commit what it appended `inside`.

        Args:
            run: what to run.
            timeout: how many seconds to wait for that; None for the default.
            outcome: is told whether what was appended is there for good, also where an interrupt comes next.
        """
        inside, outcome = self.inside, outcome or _Untold()
        failed = True
        with self._connections.writing(timeout) as connection:
            self._connections.begin(connection, timeout)
            try:
                if not self._is_current:
                    make_current(connection)
                inside.begin(connection)
                run()
                if inside.appended:
                    inside.must_be_whole()
                    failed = False
                    try:
                        connection.execute("COMMIT")
                    except sqlite3.Error:
                        failed = True
                        raise
                    self._is_current = True
            finally:
                try:
                    outcome.committed = not failed and not connection.in_transaction
                finally:  # said twice: one interrupt cannot keep it from both
                    outcome.committed = not failed and not connection.in_transaction
                    inside.end(connection)
            if inside.appended:
                self._connections.mark(connection)

    def mark(self) -> int | None:
        """Return what differs once the transaction holds more; None where it was ended, or is not whole."""
        return self.inside.mark()


def batch_of(events: Sequence[DCBEvent]) -> Batch:
    """Return events with their tags as they are stored.

    Raises:
        eventsourcing.persistence.ProgrammingError: there are none.
        InvalidInput: a tag cannot be stored.
    """
    batch = [(event, _encoded(event.tags)) for event in events]
    if not batch:
        raise ProgrammingError("there are no events to append; pass at least one")
    return batch


def _encoded(tags: list[str]) -> str:
    try:
        text = encoded_tags(tags)
    except UnicodeEncodeError as error:
        raise InvalidInput(f"a tag is not valid Unicode: {error}", field="tags") from error
    # SQLite's JSON functions end a text at a NUL; PostgreSQL does not take one at all.
    if _ESCAPED_NUL in text and any("\0" in tag for tag in tags):
        raise InvalidInput("a tag has a NUL character", field="tags")
    return text


def _read_back(connection: sqlite3.Connection, head: int, batch: Batch, changes: int) -> None:
    """Compare what is there with what was inserted, which a trigger might have swallowed or changed.

    Raises:
        Altered: it is something else. The transaction is ended, and nothing of it kept.
    """
    indexed = sum([len({*event.tags}) for event, _ in batch])
    wanted = [(head + number, event.type, event.data, text) for number, (event, text) in enumerate(batch, 1)]
    if changes != len(batch) + indexed or connection.execute(_AFTER, (head,)).fetchall() != wanted:
        connection.execute("ROLLBACK")
        found = "; ".join(altered(connection)) or "nothing that could do that is to be seen by now"
        raise Altered(f"the database does not hold what was inserted: {found}. Nothing was written")


def _insert_few(connection: sqlite3.Connection, head: int, batch: Batch) -> None:
    """Insert a few entries, and their tags one by one."""
    rows = []
    tags = []
    for position, (event, text) in enumerate(batch, start=head + 1):
        rows.append((position, event.type, event.data, text))
        tags += [(tag, event.type, position) for tag in event.tags]
    connection.executemany(INSERT_EVENT, rows)
    connection.executemany(INSERT_TAG, tags)


def insert_many(connection: sqlite3.Connection, head: int, batch: Batch) -> None:
    """Insert many entries, many rows a statement, then index them all.

    Each statement gives other threads of Python a turn, and waits for its own again.
    """
    rows = [
        (position, event.type, event.data, text)
        for position, (event, text) in enumerate(batch, start=head + 1)
    ]
    most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(rows[0])
    done = 0
    for count, statement in INSERT_ROWS.items():
        while count <= most and len(rows) - done >= count:
            values = list(chain.from_iterable(rows[done : done + count]))
            connection.execute(statement, values)
            done += count
    connection.executemany(INSERT_EVENT, rows[done:])
    # In the order of the index, so that its pages are touched once each.
    connection.execute(INDEX_TAGS, (head,))


def _fails(connection: sqlite3.Connection, condition: DCBAppendCondition, head: int) -> bool:
    after = max(0, condition.after or 0)
    if after >= head:
        return False
    items = condition.fail_if_events_match.items
    span = Span(after, head)
    if not items:
        return True
    if head - span.after <= FEW:
        matches = matcher(items)
        rows = connection.execute(_KINDS, (span.after,)).fetchall()
        return any(matches(kind, tags_if_readable(tags)) for _, kind, tags in rows)
    return first_match(connection, items, span)

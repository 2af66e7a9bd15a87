"""The log in one SQLite file, behind the library's recorder API.

Following the log: what was recorded, then what is recorded from now on.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar

from eventsourcing.dcb.api import DCBEvent, DCBRecorder, DCBSubscription
from eventsourcing.persistence import IntegrityError

from reps_ledger.domain.arguments import checked
from reps_ledger.errors import Closed
from reps_ledger.log.group_commit import GroupCommit
from reps_ledger.log.sqlite.backup import Progress, back_up
from reps_ledger.log.sqlite.file import (
    CHECKPOINT_OFTEN,
    CHECKPOINT_RARELY,
    HEAD,
    OBJECTS,
    SOUND,
    index_problems,
    make_current,
    problems,
)
from reps_ledger.log.sqlite.guards import altered
from reps_ledger.log.sqlite.pool import Connections
from reps_ledger.log.sqlite.read import Lender, Row, SQLiteReads
from reps_ledger.log.sqlite.redacting import purge, redact_rows
from reps_ledger.log.sqlite.transaction import SQLiteTransaction, Transactions, batch_of, insert_many
from reps_ledger.log.storage import Unfit, fitting_tags, must_be_empty
from reps_ledger.log.tag_fingerprint import TagFingerprint

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBReadResponse, DCBSequencedEvent


T = TypeVar("T")
_POLL_SECONDS: Final = 0.05


class SQLiteSubscription(DCBSubscription["SQLiteRecorder"]):
    """Yields each matching event once, in order, and waits for the next when there is none.

    It is woken by appends through its own recorder, and asks for the head of the log twenty times
    a second to learn of those by other processes. That is one search in the file, as cheap as
    SQLite's ``data_version``, and needs no connection held open for each subscription.

    It has no thread: one thread iterates, and any thread may call ``stop``.
    """

    def __init__(self, recorder: SQLiteRecorder, query: DCBQuery | None, after: int | None) -> None:
        super().__init__(recorder, query, after)
        self._awake = threading.Event()
        self._response: DCBReadResponse | None = None  # None after a failure, to read again

    def __next__(self) -> DCBSequencedEvent:
        """Return the next event, however long that takes.

        Raises:
            StopIteration: the subscription was stopped, or its recorder closed.
        """
        while not self._has_been_stopped:
            try:
                event = self._next_recorded()
            except Closed:
                self.stop()
                break
            if event is not None:
                return event
            self._awake.wait(_POLL_SECONDS)
        raise StopIteration

    def _next_recorded(self) -> DCBSequencedEvent | None:
        """The next event there is by now, if there is one."""
        if self._response is None:
            # Cleared before looking: whatever is recorded after the look sets it again.
            self._awake.clear()
            if self._recorder.head() <= self._last_position:
                return None
            self._response = self._recorder.read(self._query, after=self._last_position)
        response, self._response = self._response, None
        for event in response:
            self._last_position = event.position
            self._response = response
            return event
        # None of those up to there matched; they need not be looked at again.
        self._last_position = max(self._last_position, response.head or 0)
        return None

    def wake(self) -> None:
        """End the wait, if there is one."""
        self._awake.set()

    def stop(self) -> None:
        """Stop the iteration, in whatever thread it waits."""
        super().stop()
        self._recorder.forget(self)
        self._awake.set()


MEMORY: Final = ":memory:"
TIMEOUT: Final = 5.0
"""How many seconds an append waits for its turn, where nobody says."""

_LOADED: Final = 1_000  # rows that are inserted at a time


class SQLiteRecorder(SQLiteReads, DCBRecorder):
    """Appends, reads and follows events in one SQLite file, from any thread and any process.

    An append is on the disk when it returns. Positions are 1, 2, 3 … without gaps, and a reader
    who has seen a position has been able to see every one below it.

    Args:
        path: the file, or ``":memory:"`` for a log that ends with this object.
        timeout: how many seconds an append waits for its turn before it raises ``Busy``.
        create: whether a missing or empty file becomes a new log.
        read_only: whether the file is only read. Nothing is made or changed then, and nothing is left beside
            it, so that it may lie on a medium that cannot be written; others may write to it meanwhile.

    Raises:
        StorageError: the file cannot be opened; one of its subclasses says why. Nothing was
            changed then.
    """

    @checked
    def __init__(
        self, path: str | Path, *, timeout: float = TIMEOUT, create: bool = True, read_only: bool = False
    ) -> None:
        # Resolved once, so that neither chdir nor a link that is moved leads elsewhere later.
        self._path = None if str(path) == MEMORY else Path(os.path.realpath(path))
        self._connections = Connections(self._path, timeout=timeout, create=create, read_only=read_only)
        self._is_current = False
        self._transactions = Transactions(self._connections)
        self._group = GroupCommit(self._transactions, timeout)
        self._followers: weakref.WeakSet[SQLiteSubscription] = weakref.WeakSet()
        self._followers_guard = threading.Lock()

    @property
    def _lender(self) -> Lender:
        return self._connections

    @property
    def path(self) -> Path | None:
        """The file, absolute and with symbolic links resolved; None for a log in memory."""
        return self._path

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        """Append the events, all or none, unless the condition fails.

        Args:
            events: at least one.
            condition: fails if any event past its ``after`` matches its query.

        Returns:
            The position of the last of them, when all are on the disk.

        Raises:
            eventsourcing.persistence.IntegrityError: the condition failed.
            eventsourcing.persistence.ProgrammingError: there were no events.
            ReadOnly: the log was opened to be read.
            Busy: others kept writing for longer than the timeout.
            StorageError: no room, a read-only or damaged file, or closed.
        """
        batch = batch_of(events)
        last: list[int] = []

        def insert() -> None:
            if self.inside.insert(batch, condition):
                last.append(self.inside.head())

        self._transactions.transact(insert)
        if not last:
            raise IntegrityError(condition)
        self.wake()
        return last[0]

    def together(self, work: Callable[[], T], *, undone: Callable[[], None], weight: int) -> T:
        """Do something `inside` of a transaction that other threads may share; see `GroupCommit.run`."""
        done = self._group.run(work, undone=undone, weight=weight)
        self.wake()
        return done

    @property
    def inside(self) -> SQLiteTransaction:
        """The log inside of the transaction that `together` makes."""
        return self._transactions.inside

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> SQLiteSubscription:
        """Return an iterator that never ends by itself: it waits for events to come.

        Args:
            query: as for ``read``.
            after: only events past this position.
        """
        subscription = SQLiteSubscription(self, query, after)
        with self._followers_guard:
            self._followers.add(subscription)
        return subscription

    def head(self) -> int:
        """The last position, 0 if there is none."""
        return self._connections.ask(lambda connection: int(connection.execute(HEAD).fetchone()[0]))

    def backup(self, target: str | os.PathLike[str], on_progress: Progress | None = None) -> int:
        """Copy the log as it is now into a new file, while others append; see `backup.back_up`.

        Args:
            target: the new file.
            on_progress: called now and then with how many pages were copied, and of how many.

        Returns:
            The last position in the copy.

        Raises:
            Damaged: the log is not whole.
            StorageError: there is something at the target, or it cannot be written.
        """
        with self._connections.saving() as connection:
            return back_up(connection, self._path, target, on_progress)

    def load_rows(self, rows: Iterable[Row]) -> int:
        """Take all rows as they are in one transaction, into an empty log; return how many they are.

        Raises:
            InvalidInput: the log is not empty. The rows were not looked at.
            Unfit: the last row that was taken cannot be held; nothing is kept.
            StorageError: no room, a read-only or damaged file, or closed.
        """
        with self._connections.writing() as connection:
            self._connections.begin(connection)
            try:
                (head,) = connection.execute(HEAD).fetchone()
                must_be_empty(head)
                make_current(connection)
                connection.execute(CHECKPOINT_RARELY)
                # What was recorded is taken as it is, also what is no entry: it may be voided.
                connection.execute(f"DROP TRIGGER IF EXISTS {SOUND}")
                fitting = _fitting(rows)
                while batch := list(islice(fitting, _LOADED)):
                    insert_many(connection, head, batch)
                    head += len(batch)
                connection.execute(OBJECTS[SOUND])
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                connection.execute(CHECKPOINT_OFTEN)
            self._connections.mark(connection)
        self.wake()
        return int(head)

    keeps: tuple[str, ...] = ()
    """What is kept of what was redacted after `purge`, until others do something, in words."""

    def must_be_redactable(self) -> None:
        """Raise nothing: whoever may write the file may redact in it."""

    def redact_rows(self, positions: Iterable[int], change: Callable[[int, bytes], bytes]) -> None:
        """Take ciphertexts out of rows, all in one transaction; see `redacting.redact_rows`.

        Args:
            positions: of the rows.
            change: from a position and its stored bytes to what is to be stored there.

        Raises:
            ReadOnly: the log was opened to be read.
            Busy: others kept writing for longer than the timeout.
            StorageError: what is to be stored is more than a redaction, or cannot be written.
        """
        redact_rows(self._connections, positions, change)

    def purge(self, *, waits: bool = True) -> list[str]:
        """Leave no byte of what was redacted in any file; return why that could not be, in words.

        Args:
            waits: whether to wait for others who read what was there before.
        """
        return purge(self._connections, waits=waits)

    def integrity_check(self) -> list[str]:
        """Everything that is wrong with the file, in words; empty if it is whole.

        Takes time in proportion to the log. It finds what SQLite can tell of a damaged file,
        guards that were dropped, gaps, and a tag index that does not say what the entries say. It
        does not find a changed entry whose index rows were changed along with it.
        """
        return self.structure_check() + self.index_check()

    def structure_check(self) -> list[str]:
        """What `integrity_check` says, but for the tag index."""
        return self.schema_check() + self._check(problems)

    def schema_check(self) -> list[str]:
        """What is missing, changed or foreign among the tables, indexes and triggers; it takes no time."""
        return self._check(altered)

    def index_check(self, fingerprint: TagFingerprint | None = None) -> list[str]:
        """What `integrity_check` says of the tag index.

        Args:
            fingerprint: of what the entries say, if they were read already.
        """
        return self._check(lambda connection: index_problems(connection, fingerprint))

    def _check(self, search: Callable[[sqlite3.Connection], Iterable[str]]) -> list[str]:
        def searched(connection: sqlite3.Connection) -> list[str]:
            connection.execute("BEGIN")
            found = list(search(connection))
            connection.execute("ROLLBACK")
            return found

        return self._connections.ask(searched)

    def wake(self) -> None:
        """Have the subscriptions of this object look for events now."""
        if not self._followers:
            return
        with self._followers_guard:
            followers = list(self._followers)
        for follower in followers:
            follower.wake()

    def forget(self, subscription: SQLiteSubscription) -> None:
        """Have a subscription woken no more."""
        with self._followers_guard:
            self._followers.discard(subscription)

    def close(self) -> None:
        """Stop the subscriptions and close the file; closing twice is well."""
        with self._followers_guard:
            followers = list(self._followers)
        for follower in followers:
            follower.stop()
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _fitting(rows: Iterable[Row]) -> Iterator[tuple[DCBEvent, str]]:
    """Yield rows to insert, each of which belongs at the next position."""
    for expected, (position, name, data, tags) in enumerate(rows, start=1):
        if position != expected:
            raise Unfit(
                f"position {position} follows {expected - 1}, and a ledger in SQLite has no gaps; import a "
                "history that has some into PostgreSQL, or by the rules, which give new positions"
                if position > expected
                else f"position {position} comes after {expected - 1}"
            )
        fitting_tags(tags)
        yield DCBEvent(name, data, []), tags

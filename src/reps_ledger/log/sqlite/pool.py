"""Connections to one ledger, lent to one thread at a time, and what becomes of them in a fork.

SQLite's state must not cross a fork: a child that inherits an open connection believes that it
holds locks that it does not, so that its parent may delete the log that the child writes to, and
committed entries are lost. Therefore everything is closed just before a fork, and parent and
child each open connections of their own afterwards.

A pool that nobody closed closes its connections itself when it is dropped, or at the end of the
process; only in the process that opened them.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Final, TypeVar

from reps_ledger.errors import Busy, Closed, LedgerError, ReadOnly, StorageError
from reps_ledger.files import TURN_SUFFIX
from reps_ledger.log.sqlite import mark
from reps_ledger.log.sqlite.errors import KNOWN, is_busy, of_path, translated
from reps_ledger.log.sqlite.file import (
    RETRY_SECONDS,
    assert_writable,
    connect,
    connect_in_memory,
    must_have_its_log,
    prepare,
)
from reps_ledger.log.sqlite.presence import FileConnection, OpenFiles
from reps_ledger.log.sqlite.read_only import ReadingConnection, connect_to_read, is_passing, prepare_to_read
from reps_ledger.log.sqlite.turn import Turn
from reps_ledger.log.storage import OPENED_TO_READ

_IDLE_AT_MOST: Final = 8
_LOOK_SECONDS: Final = 0.5
"""How long a writer waits in the queue before it asks SQLite all the same: others may have been stopped."""

_PAUSE_SECONDS: Final = 0.000_6
"""The longest pause of a writer that looks again and again, where there is no queue."""

T = TypeVar("T")
_BEGIN: Final = "BEGIN IMMEDIATE"
_FORKED: Final = (
    "this process was forked in the middle of an operation on the ledger;"
    " fork while no thread uses it, or open the ledger in a process started afresh"
)


class _Loan:
    """One connection, lent for one operation: a context manager that costs next to nothing."""

    __slots__ = ("__weakref__", "_connection", "_connections", "_finds", "_in_turn", "_timeout", "_turn")

    def __init__(
        self, connections: Connections, *, in_turn: bool, finds: bool, timeout: float | None = None
    ) -> None:
        self._connections = connections
        self._in_turn = in_turn
        self._timeout = connections.timeout if timeout is None else timeout
        self._finds = finds and connections.path is not None
        self._turn: threading.Lock | None = None

    def __enter__(self) -> sqlite3.Connection:
        if self._in_turn:
            self._turn = self._connections.await_turn(self, self._timeout)
        try:
            self._connection = self._connections.take()
        except BaseException:
            self._end_turn()
            raise
        if self._finds:
            self._must_find_it()
        return self._connection

    def _must_find_it(self) -> None:
        """Give the connection back, and raise, where its file is not at its path any more."""
        own = self._connection
        files = own.files if isinstance(own, FileConnection) else None
        try:
            gone = None if files is None else files.gone()
        except OSError as error:
            gone = str(error)
        if gone is not None:
            self._connections.give_back(self._connection, sound=True)
            self._end_turn()
            raise StorageError(gone)

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, *_traceback: object
    ) -> None:
        changed = self._connections.was_changed(self._connection, error)
        try:
            # An error of ours outside of a transaction says nothing against the connection, which may
            # be the last that leads to a file without a name.
            ours = isinstance(error, LedgerError) and not self._connection.in_transaction
            sound = (error is None or ours) and not changed
            self._connections.give_back(self._connection, sound=sound)
        finally:
            self._end_turn()
        if changed and (error is None or isinstance(error, KNOWN)):
            raise Busy(
                f"{of_path(self._connections.path)}: others opened or closed it while it was read; try again"
            ) from error
        if isinstance(error, KNOWN):
            raise translated(error, self._connections.path) from error

    def _end_turn(self) -> None:
        if self._turn is not None:
            try:
                self._connections.leave()
            finally:
                self._turn.release()
                self._turn = None


class _Idle:
    """Connections that no operation uses now, and the process that opened them.

    Apart from the pool, since what closes them once the pool is gone must not keep it alive.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.files: OpenFiles | None = None  # of the first connection
        self.marked = False  # whether any of them put a mark into the file, or found one there
        self.turn = None if path is None else Turn(path, path.with_name(path.name + TURN_SUFFIX))
        self.connections: list[sqlite3.Connection] = []
        self.process = os.getpid()
        self.most = _IDLE_AT_MOST

    @property
    def foreign(self) -> bool:
        """Whether they came with a fork that Python was not told of, so that none may be used.

        A ledger in memory is copied whole by a fork, and has no locks that others could see.
        """
        return self.path is not None and self.process != os.getpid()

    def close(self) -> None:
        """Close them all; forget, without closing, those that another process opened."""
        connections, self.connections = self.connections, []
        if self.foreign:
            _inherited.extend(connections)
            return
        for connection in connections:
            _dismiss(connection)
        if self.turn is not None:
            self.turn.close()
        if self.marked and self.path is not None and self.files is not None:
            self.marked = not mark.take_away(self.path, self.files.file)

    def end(self) -> None:
        """Close them all, and keep none that is given back afterwards, as the process ends."""
        self.most = 0
        self.close()


class Connections:
    """A small pool for a file, or the one connection that is a ledger in memory.

    Args:
        path: absolute, with symbolic links resolved; None for a ledger in memory.
        timeout: how many seconds an operation waits for its turn.
        create: whether a missing or empty file becomes a ledger.
        read_only: whether it is only read, and nothing is left beside it.
    """

    _turn: threading.Lock
    _writer: weakref.ref[_Loan] | None

    def __init__(self, path: Path | None, *, timeout: float, create: bool, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.timeout = timeout
        self._why_closed: str | None = None
        # In memory: the thread that writes, and by what.
        self._writes: tuple[int, sqlite3.Connection] | None = None
        self._idle = _Idle(path)
        self._renew()
        weakref.finalize(self, self._idle.end)
        if path is None:
            self._idle.connections.append(connect_in_memory(timeout))
        else:
            if read_only:
                prepare_to_read(path)
            else:
                prepare(path, timeout=timeout, create=create)
            must_have_its_log_unless_open(path)
            with self.reading() as connection:
                if not read_only:
                    assert_writable(connection, timeout)
        _all.add(self)

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection for reading; errors from below come out as ours.

        In memory there is one: a thread that writes by it, and meanwhile reads otherwise, gets it again.

        Raises:
            Closed: there are no connections any more.
            StorageError: the file was moved, deleted or replaced.
        """
        writes = self._writes
        if writes is not None and writes[0] == threading.get_ident():
            return nullcontext(writes[1])
        return _Loan(self, in_turn=self.path is None, finds=True)

    def saving(self) -> _Loan:
        """Lend a connection for copying all that there is, wherever the file's name leads by now.

        Raises:
            Closed: there are no connections any more.
        """
        return _Loan(self, in_turn=self.path is None, finds=False)

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer to a question; asked again where others changed what was read without locks.

        Raises:
            Busy: they do so for longer than the timeout.
            Closed: there are no connections any more.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                with self.reading() as connection:
                    return question(connection)
            except Busy:
                if not self.read_only or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def writing(self, timeout: float | None = None) -> _Loan:
        """Lend a connection to the one thread of this process whose turn it is to write; see `begin`.

        Args:
            timeout: how many seconds to wait for that; None for the pool's own.

        Raises:
            ReadOnly: the ledger was opened to be read.
            Busy: its turn did not come within the timeout.
            Closed: there are no connections any more.
        """
        if self.read_only:
            raise ReadOnly(f"{of_path(self.path)} {OPENED_TO_READ}")
        # Whether the file is there is asked once it may write: see `begin`.
        return _Loan(self, in_turn=True, finds=False, timeout=timeout)

    def begin(self, connection: sqlite3.Connection, timeout: float | None = None) -> None:
        """Begin to write by a lent connection: a transaction beside which there is no other one.

        Args:
            connection: from `writing`.
            timeout: how many seconds to wait for the turn of this process; None for the pool's own.

        Raises:
            Busy: it did not come.
            StorageError: the file or its log was moved, deleted or replaced.
        """
        turn = self._idle.turn
        if turn is None:
            connection.execute(_BEGIN)
            self._writes = threading.get_ident(), connection
            return
        if turn.take(0.0):
            connection.execute(_BEGIN)
        else:
            self._wait_to_begin(connection, turn, self.timeout if timeout is None else timeout)
        self._must_be_there(connection)

    def _wait_to_begin(self, connection: sqlite3.Connection, turn: Turn, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        left = timeout
        while not (came := turn.take(max(0.0, min(left, _LOOK_SECONDS)))):
            if self._begun(connection):
                turn.leave()
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise Busy(f"{of_path(self.path)}: others keep writing to it; nothing was written, try again")
            if came is None:
                time.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311 — not a secret
        connection.execute(_BEGIN)

    def _begun(self, connection: sqlite3.Connection) -> bool:
        """Begin to write if that is possible at once."""
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute(_BEGIN)
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            return False
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")
        return True

    def leave(self) -> None:
        """Let other processes write, once a transaction that `begin` began was ended."""
        self._writes = None
        if self._idle.turn is not None:
            self._idle.turn.leave()

    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
        return self._why_closed is None

    def close(self) -> None:
        """Close every connection: those lent out as soon as they come back."""
        with self._guard:
            self._why_closed = self._why_closed or "the ledger was closed"
            self._idle.close()

    def await_turn(self, loan: _Loan, timeout: float) -> threading.Lock:
        """Wait until no other thread of this process writes; return what to release after that."""
        deadline = time.monotonic() + timeout
        left, lost = timeout, False
        while True:
            turn = self._turn  # a child process gets another one
            if turn.acquire(timeout=max(0.0, min(left, _LOOK_SECONDS))):
                self._writer = weakref.ref(loan)
                return turn
            writer = self._writer
            if writer is not None and writer() is not None:
                lost = False
            elif lost:  # still: an interrupt kept whoever had it from releasing it
                self._turn = threading.Lock()
            else:
                lost = True
            left = deadline - time.monotonic()
            if left <= 0:
                raise Busy(
                    f"{of_path(self.path)}: other threads keep writing to it; nothing was written, try again"
                )

    def take(self) -> sqlite3.Connection:
        """Return a connection that nobody else has."""
        with self._guard:
            if self._idle.foreign:
                self._disown()
            if self._why_closed is not None:
                raise Closed(f"{of_path(self.path)}: {self._why_closed}")
            while self._idle.connections:
                connection = self._idle.connections.pop()
                if self.is_usable(connection):
                    self._lent += 1
                    return connection
                _dismiss(connection)
            if self.path is None:  # it is lent in turn: not idle, it was closed as Python ended
                raise Closed(f"{of_path(None)}: it ended with the process")
            self._lent += 1
        try:
            if self.read_only:
                return connect_to_read(self.path, self.timeout, shared=is_written_here(self.path))
            return self._opened(self.path)
        except BaseException as error:
            self._one_less()
            if isinstance(error, KNOWN):
                raise translated(error, self.path) from error
            raise

    def _opened(self, path: Path) -> FileConnection:
        """Open a connection to the file that the first one opened, and to no other."""
        files = self._idle.files
        if files is not None and (gone := files.gone()) is not None:
            # Not even opened: SQLite would take the log that lies there for that file's.
            raise StorageError(gone)
        connection = connect(path, self.timeout)
        if files is None:
            self._idle.files = connection.files
            self._idle.marked = mark.is_put(connection)
        elif connection.files is None or connection.files.file != files.file:
            _dismiss(connection)
            raise StorageError(files.gone() or f"{path} was replaced; open it again")
        return connection

    def mark(self, connection: sqlite3.Connection) -> None:
        """See that the file is marked, after an append; see `mark`."""
        if self.path is not None and isinstance(connection, FileConnection) and not connection.marked:
            mark.put(connection, self.path)
            self._idle.marked = True

    @staticmethod
    def _must_be_there(connection: sqlite3.Connection) -> None:
        """Raise, in place of a commit that nobody would find, and end the transaction.

        Raises:
            StorageError: the file or its log was moved, deleted or replaced.
        """
        files = connection.files if isinstance(connection, FileConnection) else None
        gone = None if files is None else files.any_gone()
        if gone is not None:
            connection.execute("ROLLBACK")
            raise StorageError(f"{gone}. Nothing was written")

    def is_usable(self, connection: sqlite3.Connection) -> bool:
        """Whether a connection reads what the file holds now: one that locks hold nobody off may not."""
        if not isinstance(connection, ReadingConnection):
            return True
        assert self.path is not None, "what is in memory is not only read"
        return connection.is_current(self.path) and connection.can_read()

    def was_changed(self, connection: sqlite3.Connection, error: BaseException | None) -> bool:
        """Whether others changed the file while it was read without locks: what was read may be wrong."""
        if not isinstance(connection, ReadingConnection):
            return False
        assert self.path is not None, "what is in memory is not only read"
        return not connection.read_right(self.path) or (error is not None and is_passing(error))

    def give_back(self, connection: sqlite3.Connection, *, sound: bool) -> None:
        """Keep a connection for the next one, unless something went wrong with it."""
        if not sound and self.path is None:
            with suppress(Exception):  # what is in memory lives and dies with this connection
                connection.rollback()
            sound = True
        with self._guard:
            if sound and self._why_closed is None and len(self._idle.connections) < self._idle.most:
                self._idle.connections.append(connection)
                self._lent -= 1
                self._guard.notify_all()
                return
        _dismiss(connection)  # which rolls back whatever was under way
        self._one_less()  # only now: a fork waits for it

    def _one_less(self) -> None:
        with self._guard:
            self._lent -= 1
            self._guard.notify_all()

    def _disown(self) -> None:
        """Forget, without closing, what a fork that Python was not told of left here."""
        self._idle.close()
        self._idle.process = os.getpid()
        self._why_closed = _FORKED

    def before_fork(self) -> None:
        """Hold every thread off, and leave no connection for a child to inherit."""
        wait = min(self.timeout, threading.TIMEOUT_MAX)
        deadline = time.monotonic() + wait
        # With a limit: a signal handler may fork in the middle of an operation of its own thread.
        for lock in (self._turn, self._guard):
            if lock.acquire(timeout=wait):
                self._held.append(lock)
        if self._guard in self._held:
            while self._lent and self._guard.wait(max(0.0, deadline - time.monotonic())):
                pass
        if self.path is not None:
            self._idle.close()

    def after_fork_in_parent(self) -> None:
        """Let the threads go on."""
        while self._held:
            self._held.pop().release()

    def after_fork_in_child(self) -> None:
        """Begin anew; only the forking thread lives on here."""
        if self._lent:
            self._why_closed = _FORKED
        if self.path is not None and self._idle.turn is not None:
            self._idle.turn.disown()
            self._idle.turn = self._idle.turn.anew()
        self._renew()

    def _renew(self) -> None:
        self._idle.process = os.getpid()
        self._lent = 0
        self._guard = threading.Condition(threading.Lock())
        self._turn = threading.Lock()
        self._writer = None  # who has the turn
        self._held: list[threading.Lock | threading.Condition] = []  # during a fork


def must_have_its_log_unless_open(path: Path) -> None:
    """Refuse a ledger file that was copied or moved away from its log; one that is open here has it.

    Raises:
        StorageError: it was, as far as can be known.
    """
    if any(pool.path == path and pool.is_open for pool in list(_all)):
        return
    try:
        must_have_its_log(path)
    except OSError as error:
        raise translated(error, path) from error


def is_written_here(path: Path | None) -> bool:
    """Whether this process has a ledger file open to write."""
    return any(pool.path == path and not pool.read_only and pool.is_open for pool in list(_all))


def _dismiss(connection: sqlite3.Connection) -> None:
    with suppress(Exception):  # it is being given up; what failed was reported already
        connection.close()


_all: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []
_inherited: list[sqlite3.Connection] = []  # closing them would meddle with the parent's locks


def _before_fork() -> None:
    for connections in list(_all):
        connections.before_fork()
        _forking.append(connections)


def _after_fork_in_parent() -> None:
    while _forking:
        _forking.pop().after_fork_in_parent()


def _after_fork_in_child() -> None:
    while _forking:
        _forking.pop().after_fork_in_child()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )

"""Faults from below: each has its own error, nothing is lost, and the process goes on."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from programs import start
from recorders import event, positions, query
from reps_ledger.errors import (
    Busy,
    Closed,
    Damaged,
    InvalidInput,
    LedgerError,
    NotALedger,
    ReadOnly,
    StorageError,
    TooLarge,
)
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.sqlite import pool as pools
from reps_ledger.log.sqlite.errors import translated

if TYPE_CHECKING:
    from pathlib import Path


def test_a_connection_that_cannot_be_opened(sqlite_path: Path) -> None:
    """With no file handle left an append fails, typed; with one again, all goes on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event()])
        pools._before_fork()  # closes what is open, so that a new one is needed
        pools._after_fork_in_parent()
        lowest = os.open(os.devnull, os.O_RDONLY)
        os.close(lowest)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            for _ in range(3):
                with pytest.raises(StorageError, match="too many files"):
                    recorder.append([event()])
            with pytest.raises(StorageError, match="Too many open files"):
                SQLiteRecorder(sqlite_path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert recorder.append([event()]) == 2


def test_a_failure_in_the_middle_of_an_append(sqlite_recorder: SQLiteRecorder) -> None:
    """Whatever interrupts an append, nothing of it is kept, and the turn is the next one's."""

    def interrupted() -> None:
        with sqlite_recorder._connections.writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO events VALUES (1, 'a', x'00', '[]')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sqlite_recorder.head() == 0
    assert sqlite_recorder.append([event()]) == 1


def test_a_failure_in_memory_keeps_the_log(memory_recorder: SQLiteRecorder) -> None:
    """What is in memory outlives a failed append."""
    memory_recorder.append([event()])
    with pytest.raises(InvalidInput):
        memory_recorder.append([event(), event("\ud800")])
    assert positions(memory_recorder.read()) == [1]
    assert memory_recorder.append([event()]) == 2


def test_a_full_disk(sqlite_path: Path) -> None:
    """A full disk is a typed error that says what to do; the same process goes on with room."""
    with start("fill", sqlite_path) as program:
        kind, words, count, head, after = program.end().splitlines()
    assert kind == "StorageError"
    assert "nothing was written" in words
    assert int(count) * 50 == int(head)
    assert int(head) + 50 == int(after)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert list(range(1, int(after) + 1)) == positions(recorder.read())
        assert recorder.integrity_check() == []


def test_a_turn_that_does_not_come(sqlite_path: Path) -> None:
    """A thread that does not get its turn within the timeout is told that the log is busy."""
    with SQLiteRecorder(sqlite_path, timeout=0.05) as recorder:
        with recorder._connections.writing(), pytest.raises(Busy, match="threads"):
            recorder.append([event()])
        assert recorder.append([event()]) == 1


def test_a_turn_that_an_interrupt_kept(sqlite_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that whoever was interrupted could not release keeps the others for a moment only."""
    monkeypatch.setattr(pools, "_LOOK_SECONDS", 0.02)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder._connections._turn.acquire(timeout=1)  # by nobody who is there any more
        assert recorder.append([event()]) == 1
        assert recorder.append([event()]) == 2


@pytest.mark.parametrize("where", ["file", "memory"])
def test_use_after_close(where: str, sqlite_path: Path) -> None:
    """Everything but closing again says that the ledger was closed."""
    recorder = SQLiteRecorder(sqlite_path if where == "file" else ":memory:")
    recorder.append([event("a", "x") for _ in range(1_500)])
    reading = recorder.read(query("x"))
    limited = recorder.read(query("x"), limit=1_400)
    recorder.close()
    recorder.close()
    for use in (
        recorder.head,
        recorder.read,
        recorder.integrity_check,
        lambda: recorder.append([event()]),
        lambda: positions(reading),
        lambda: limited.head,
    ):
        with pytest.raises(Closed, match="was closed"):
            use()
    assert list(recorder.subscribe()) == []


def test_closing_in_the_middle_of_an_operation(sqlite_path: Path) -> None:
    """An operation under way when another thread closes ends well; then the file is closed."""
    recorder = SQLiteRecorder(sqlite_path)
    recorder.append([event()])
    with recorder._connections.reading() as connection:
        threading.Thread(target=recorder.close).start()
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
    with pytest.raises(Closed):
        recorder.head()
    assert {"ledger.db"} == {path.name for path in sqlite_path.parent.iterdir()}


def test_the_pool_keeps_a_few(sqlite_recorder: SQLiteRecorder) -> None:
    """However many are lent at once, only a few stay open."""
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(sqlite_recorder._connections.reading())
    assert len(sqlite_recorder._connections._idle.connections) == pools._IDLE_AT_MOST


def test_a_fork_in_the_middle_of_an_operation(sqlite_path: Path) -> None:
    """A fork waits no longer than the timeout; the child is told what happened to it."""
    with SQLiteRecorder(sqlite_path, timeout=0.05) as recorder:
        pool = recorder._connections
        with pool.writing(), pool._guard:
            pool.before_fork()  # gets neither lock, and must give neither back
            pool.after_fork_in_parent()
        assert recorder.append([event()]) == 1
        with pool.reading():
            pool.before_fork()
            pool.after_fork_in_child()
        with pytest.raises(Closed, match="forked"):
            recorder.head()


def test_connections_of_another_process_are_let_be(sqlite_recorder: SQLiteRecorder) -> None:
    """What a fork behind Python's back left here is neither used nor closed."""
    pool = sqlite_recorder._connections
    (inherited,) = pool._idle.connections
    pool._idle.process = -1
    for _ in range(2):
        with pytest.raises(Closed, match="forked"):
            sqlite_recorder.head()
    assert pools._inherited == [inherited]
    assert inherited.execute("SELECT count(*) FROM events").fetchone() == (0,)
    pools._inherited.pop().close()


def test_a_fork_waits_for_other_threads(sqlite_recorder: SQLiteRecorder) -> None:
    """A fork comes after what other threads have under way, so that no connection is inherited."""
    pool = sqlite_recorder._connections
    lent = threading.Event()

    def read() -> None:
        with pool.reading(), pool.reading():
            lent.set()
            time.sleep(0.05)

    thread = threading.Thread(target=read)
    thread.start()
    assert lent.wait(5)
    pools._before_fork()
    assert (pool._lent, pool._idle.connections) == (0, [])
    pools._after_fork_in_parent()
    thread.join(5)
    assert sqlite_recorder.append([event()]) == 1


def test_a_child_begins_anew(sqlite_recorder: SQLiteRecorder) -> None:
    """In a child every recorder goes on, with connections of its own."""
    pools._before_fork()
    assert sqlite_recorder._connections._idle.connections == []
    pools._after_fork_in_child()
    assert sqlite_recorder.append([event()]) == 1


def test_a_ledger_in_memory_is_forked_with_its_process(memory_recorder: SQLiteRecorder) -> None:
    """A child has its own copy of a log in memory."""
    memory_recorder.append([event()])
    memory_recorder._connections.before_fork()
    memory_recorder._connections.after_fork_in_child()
    assert memory_recorder.append([event()]) == 2


def raised(code: int) -> sqlite3.Error:
    """An error as the ``sqlite3`` module raises it."""
    error = sqlite3.OperationalError("words from SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (raised(sqlite3.SQLITE_BUSY_SNAPSHOT), Busy),
        (raised(sqlite3.SQLITE_NOTADB), NotALedger),
        (raised(sqlite3.SQLITE_CORRUPT_INDEX), Damaged),
        (raised(sqlite3.SQLITE_READONLY_DBMOVED), ReadOnly),
        (raised(sqlite3.SQLITE_PERM), ReadOnly),
        (raised(sqlite3.SQLITE_CANTOPEN), StorageError),
        (raised(sqlite3.SQLITE_FULL), StorageError),
        (raised(sqlite3.SQLITE_IOERR_WRITE), StorageError),
        (raised(sqlite3.SQLITE_TOOBIG), TooLarge),
        (raised(sqlite3.SQLITE_CONSTRAINT_TRIGGER), InvalidInput),
        (raised(sqlite3.SQLITE_NOMEM), StorageError),
        (sqlite3.ProgrammingError("has no code"), StorageError),
        (PermissionError(errno.EACCES, "denied"), ReadOnly),
        (OSError(errno.EROFS, "read-only"), ReadOnly),
        (OSError(errno.EIO, "broken"), StorageError),
        (OverflowError("too large"), TooLarge),
    ],
)
def test_every_fault_has_its_error(error: Exception, expected: type[LedgerError], sqlite_path: Path) -> None:
    """Each kind of fault from below comes out as one kind of ours, whatever its extended code."""
    for path in (sqlite_path, None):
        assert expected is type(translated(error, path))


def test_wrong_parameters_have_no_effect_on_others(sqlite_recorder: SQLiteRecorder) -> None:
    """An error that the sqlite3 module raises by itself is translated like those of SQLite."""
    with pytest.raises(StorageError), sqlite_recorder._connections.reading() as connection:
        connection.execute("SELECT ?", ())
    assert sqlite_recorder.append([event()]) == 1

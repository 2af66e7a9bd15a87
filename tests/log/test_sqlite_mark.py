"""A file that was copied or moved without its write-ahead log says so, and no whole copy does."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from golden import make
from processes import Program
from recorders import event
from reps_ledger.errors import StorageError
from reps_ledger.log.sqlite import SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def log_of(path: Path) -> Path:
    """The write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def head_of(path: Path) -> int:
    """The last position in a file that is opened, twice: it is as whole the second time."""
    with SQLiteRecorder(path, create=False) as recorder:
        head = recorder.head()
    with SQLiteRecorder(path, create=False) as recorder:
        assert recorder.head() == head
        assert recorder.integrity_check() == []
    return head


def refused(path: Path) -> None:
    """Opening a file is refused, as often as it is tried, and leaves it as it was."""
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StorageError, match="was copied or moved while its ledger was open"):
            SQLiteRecorder(path)
        with pytest.raises(StorageError, match="entries may be missing"):
            rl.restore(path, path.with_name("restored.db"))
    assert path.read_bytes() == before
    assert not path.with_name("restored.db").exists()
    assert not log_of(path).exists()


WRITES: Final = """
import sys
from programs import batch, heard, say
from reps_ledger.log import SQLiteRecorder
with SQLiteRecorder(sys.argv[1]) as recorder:
    for number in range(3):
        say(recorder.append(batch("w", number)))
    heard()
"""
"""Records, and then waits to be killed: at its end it would close the ledger."""


def killed(path: Path) -> None:
    """Leave a ledger as a process does that is killed: with its log."""
    with Program("-c", WRITES, path) as program:
        assert [program.hear() for _ in range(3)] == ["3", "6", "9"]
        program.kill()


def copied(path: Path, *, log: bool = False) -> Path:
    """Copy the file, with its log or without."""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    if log:
        shutil.copy(log_of(path), log_of(copy))
    return copy


def test_a_copy_of_the_file_alone(sqlite_path: Path) -> None:
    """It lacks all that is only in the log: it is not opened as an older ledger."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event()])
        recorder.append([event()])
        copy = copied(sqlite_path)
        refused(copy)
        assert recorder.append([event()]) == 3
    assert head_of(sqlite_path) == 3
    refused(copy)  # also later


def test_what_a_copy_has_can_be_had(sqlite_path: Path) -> None:
    """Who has nothing else makes a ledger of it, knowing what may be missing; it is one like any other."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event() for _ in range(300)])
        with closing(sqlite3.connect(sqlite_path)) as other:
            other.execute("PRAGMA wal_checkpoint")
        recorder.append([event()])
        copy = copied(sqlite_path)
    restored = sqlite_path.with_name("again.db")
    assert rl.restore(copy, restored, incomplete=True) == 300
    assert head_of(restored) == 300
    with SQLiteRecorder(restored) as again:
        assert again.append([event()]) == 301
        refused(copied(restored))


def test_a_file_that_is_moved_away_from_its_log(sqlite_path: Path) -> None:
    """Under an open ledger, and after its process was killed; moved back, it is whole."""
    killed(sqlite_path)
    moved = sqlite_path.rename(sqlite_path.with_name("moved.db"))
    refused(moved)
    moved.rename(sqlite_path)
    assert head_of(sqlite_path) == 9
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event()])
        refused(sqlite_path.rename(moved))


@pytest.mark.parametrize("many", [False, True])
def test_a_copy_with_its_log(sqlite_path: Path, *, many: bool) -> None:
    """Both files of a killed process, or of a quiet one, are the whole ledger."""
    if many:
        killed(sqlite_path)
        assert head_of(copied(sqlite_path, log=True)) == 9
    else:
        with SQLiteRecorder(sqlite_path) as recorder:
            recorder.append([event()])
            assert head_of(copied(sqlite_path, log=True)) == 1


def closed(path: Path) -> None:
    """A ledger that was closed."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])


def closed_by_both(path: Path) -> None:
    """A ledger that two had open, of whom one recorded."""
    with SQLiteRecorder(path) as first, SQLiteRecorder(path) as second:
        first.append([event()])
        first.close()
        assert second.head() == 1


def dropped(path: Path) -> None:
    """A ledger that nobody closed, and that was collected."""
    recorder = SQLiteRecorder(path)
    recorder.append([event()])
    del recorder
    gc.collect()


def read_after_a_kill(path: Path) -> None:
    """A ledger that was only read since a process was killed."""
    killed(path)
    with SQLiteRecorder(path) as recorder:
        assert recorder.head() == 9


def closed_after_an_error(path: Path) -> None:
    """A ledger whose last connection was given up, before it was closed."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])
        with pytest.raises(ZeroDivisionError), recorder._connections.reading():
            _ = 1 // 0
        assert not log_of(path).exists()


def forked(path: Path) -> None:
    """A ledger that is open while its process forks, after which nothing was recorded."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])
        recorder._connections.before_fork()
        shutil.copy(path, path.with_name("during.db"))
        recorder._connections.after_fork_in_parent()
    assert head_of(path.with_name("during.db")) == 1


@pytest.mark.parametrize(
    "leave", [closed, closed_by_both, dropped, read_after_a_kill, closed_after_an_error, forked]
)
def test_a_copy_of_a_file_that_nobody_has_open(sqlite_path: Path, leave: Callable[[Path], None]) -> None:
    """Then the file alone is whole, wherever it is copied or moved to."""
    leave(sqlite_path)
    head = head_of(sqlite_path)
    assert head > 0
    shutil.copy(sqlite_path, sqlite_path.with_name("copy.db"))
    assert head_of(sqlite_path.with_name("copy.db")) == head
    assert head_of(sqlite_path.rename(sqlite_path.with_name("moved.db"))) == head


def backed_up(path: Path, copy: Path) -> None:
    """A copy by ours."""
    with SQLiteRecorder(path) as recorder:
        recorder.backup(copy)


def by_sqlite(path: Path, copy: Path) -> None:
    """A copy by SQLite's backup, over an older one, as often as the schema has changed."""
    for _ in range(20):
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)


def vacuumed(path: Path, copy: Path) -> None:
    """A copy by ``VACUUM INTO``."""
    with closing(sqlite3.connect(path)) as source:
        source.execute("VACUUM INTO ?", [str(copy)])


@pytest.mark.parametrize("make_copy", [backed_up, by_sqlite, vacuumed])
def test_copies_that_sqlite_makes_are_whole(
    sqlite_path: Path, make_copy: Callable[[Path, Path], None]
) -> None:
    """What is made of an open ledger by other means than copying its file is opened as ever."""
    copy = sqlite_path.with_name("copy.db")
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event()])
        recorder.append([event()])
        make_copy(sqlite_path, copy)
        assert head_of(copy) == 2


def test_another_program_that_closes_last(sqlite_path: Path) -> None:
    """Who looks at a ledger with SQLite after a kill, and so ends its log, does no harm."""
    killed(sqlite_path)
    with closing(sqlite3.connect(sqlite_path)) as other:
        assert other.execute("SELECT count(*) FROM events").fetchone() == (9,)
    assert not log_of(sqlite_path).exists()
    assert head_of(sqlite_path) == 9


def test_a_ledger_that_was_not_recorded_in(sqlite_path: Path) -> None:
    """Its file is whole although it is open."""
    closed(sqlite_path)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.head() == 1
        assert head_of(copied(sqlite_path)) == 1


def test_ledgers_of_older_versions_are_as_they_were(tmp_path: Path) -> None:
    """Whose copies cannot be told apart: none is refused."""
    old = tmp_path / "old.db"
    shutil.copy(make.FOLDER / "0.1.0" / "ledger.db", old)
    with rl.open(old) as ledger:
        ledger.record(rl.MemberJoined(member="new"), by="council")
        assert head_of(copied(old)) in {ledger.position, ledger.position - 1}


def test_a_mark_that_cannot_be_put_is_put_later(sqlite_path: Path) -> None:
    """Where others write just then, the append is acknowledged as ever, and the next one marks."""
    with SQLiteRecorder(sqlite_path) as recorder:
        with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
            append = recorder._connections.mark

            def busy(connection: object) -> None:
                other.execute("BEGIN IMMEDIATE")
                append(connection)  # type: ignore[arg-type]  # what it was called with
                other.execute("ROLLBACK")

            recorder._connections.mark = busy  # type: ignore[method-assign]  # others write in between
            assert recorder.append([event()]) == 1
            recorder._connections.mark = append  # type: ignore[method-assign]  # as before
        assert head_of(copied(sqlite_path)) == 0
        assert recorder.append([event()]) == 2
        os.unlink(sqlite_path.with_name("copy.db"))  # noqa: PTH108 — a file of the test
        refused(copied(sqlite_path))

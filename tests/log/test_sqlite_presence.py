"""A file that is moved, deleted or replaced under an open ledger: an error, not a receipt."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

import reps_ledger as rl
from programs import start
from recorders import event, positions
from reps_ledger.errors import StorageError
from reps_ledger.log.sqlite import SQLiteRecorder, presence
from reps_ledger.log.sqlite.presence import identity


def log_of(path: Path) -> Path:
    """The write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def delete(path: Path) -> None:
    """Remove the file."""
    path.unlink()


def move(path: Path) -> None:
    """Give the file another name."""
    path.rename(path.with_name("elsewhere.db"))


def move_folder(path: Path) -> None:
    """Give its folder another name."""
    path.parent.rename(path.parent.with_name("elsewhere"))


def replace(path: Path) -> None:
    """Put another ledger in its place."""
    other = path.with_name("other.db")
    with SQLiteRecorder(other) as made:
        made.append([event() for _ in range(9)])
    other.replace(path)


def remove_log(path: Path) -> None:
    """Remove the write-ahead log."""
    log_of(path).unlink()


def replace_log(path: Path) -> None:
    """Put another file in the place of the write-ahead log."""
    shutil.copy(log_of(path), path.with_name("log"))
    path.with_name("log").replace(log_of(path))


WORDS: Final[dict[Callable[[Path], None], str]] = {
    delete: "is not there: it was moved or deleted",
    move: "is not there: it was moved or deleted",
    move_folder: "is not there: it was moved or deleted",
    replace: "is another file: it was replaced",
    remove_log: "-wal, which holds the last entries",
    replace_log: "-wal, which holds the last entries",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is made, in a folder of its own."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "ledger.db"


@pytest.mark.parametrize("happens", WORDS)
def test_the_next_append_is_refused(path: Path, tmp_path: Path, happens: Callable[[Path], None]) -> None:
    """It says what happened and what to do; all that was acknowledged can be saved until then."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(data=b"1"), event(data=b"2")])
        happens(path)
        for size in (1, 200):
            with pytest.raises(StorageError, match=WORDS[happens]) as raised:
                recorder.append([event() for _ in range(size)])
            assert "backup()" in str(raised.value)
            assert "Nothing was written" in str(raised.value)
        assert recorder.backup(tmp_path / "saved.db") == 2
    with SQLiteRecorder(tmp_path / "saved.db") as saved:
        assert [found.event.data for found in saved.read()] == [b"1", b"2"]
        assert saved.integrity_check() == []
        assert saved.append([event()]) == 3


@pytest.mark.parametrize("seconds", [False, True])
@pytest.mark.parametrize("happens", WORDS)
def test_it_is_seen_after_long(
    path: Path, happens: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, *, seconds: bool
) -> None:
    """The same once nothing happened in the folder for long, so that only the folder is looked at."""
    asked: list[str] = []

    def asking(name: str) -> tuple[int, int] | None:
        asked.append(name)
        return identity(name)

    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])
        before = time.time_ns() - 10_000_000_000
        os.utime(path.parent, ns=(before, before - before % 1_000_000_000 if seconds else before | 1))
        recorder.append([event()])
        monkeypatch.setattr(presence, "identity", asking)
        recorder.append([event()])
        assert asked == []
        happens(path)
        with pytest.raises(StorageError, match=WORDS[happens]):
            recorder.append([event()])


@pytest.mark.parametrize("happens", [delete, move, move_folder, replace])
def test_nobody_reads_what_has_no_name(path: Path, happens: Callable[[Path], None]) -> None:
    """Readers and followers are told too, also where they must open the file once more."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])
        subscription = recorder.subscribe()
        assert next(subscription).position == 1
        happens(path)
        for ask in (recorder.head, lambda: positions(recorder.read()), lambda: next(subscription)):
            with pytest.raises(StorageError, match=WORDS[happens]):
                ask()
        with recorder._connections.saving(), pytest.raises(StorageError, match=WORDS[happens]):
            recorder.head()  # for which another connection would be opened


def test_it_goes_on_when_the_file_is_back(path: Path) -> None:
    """Who moves the file back has lost nothing: the same ledger goes on."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])
        move(path)
        with pytest.raises(StorageError):
            recorder.append([event()])
        path.with_name("elsewhere.db").rename(path)
        assert recorder.append([event()]) == 2
    with SQLiteRecorder(path) as again:
        assert again.head() == 2


def test_what_happens_during_the_wait_for_others_is_seen(path: Path) -> None:
    """An append that waits while another process writes looks once its turn has come."""
    found: list[Exception | int] = []
    with SQLiteRecorder(path, timeout=30) as recorder:
        recorder.append([event()])

        def append() -> None:
            try:
                found.append(recorder.append([event()]))
            except StorageError as error:
                found.append(error)

        with start("lock", path) as holder:
            assert holder.hear() == "locked"
            waiting = threading.Thread(target=append)
            waiting.start()
            waiting.join(0.1)
            assert waiting.is_alive()
            delete(path)
            holder.end("go")
        waiting.join(30)
    assert "moved or deleted" in str(found[0])


def test_a_new_ledger_is_not_touched_by_the_old(path: Path) -> None:
    """The old one is closed without harm to another that has its path by now."""
    old = SQLiteRecorder(path)
    with closing(old):
        old.append([event()])
        move_folder(path)
        path.parent.mkdir()
        with SQLiteRecorder(path) as new:
            assert new.append([event("new"), event("new")]) == 2
            with pytest.raises(StorageError, match="replaced"):
                old.append([event("old")])
            old.close()
            assert new.append([event("new")]) == 3
            assert log_of(path).exists()
    with SQLiteRecorder(path) as again:
        assert [found.event.type for found in again.read()] == ["new"] * 3
    with SQLiteRecorder(path.parent.with_name("elsewhere") / path.name) as moved:
        assert moved.head() == 1


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_no_ledger_is_made_beside_what_is_left_of_another(path: Path, suffix: str) -> None:
    """SQLite would play the log that is left into the new file."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event()])
        left = path.with_name(f"{path.name}{suffix}")
        if suffix == "-journal":
            left.write_bytes(b"left")
        before = left.read_bytes()
        delete(path)
        with pytest.raises(StorageError, match="left of a ledger"):
            SQLiteRecorder(path)
        assert not path.exists()
        assert left.read_bytes() == before


def test_a_ledger_says_so(path: Path) -> None:
    """The same by the ledger itself: no receipt for what nobody would find, and no second member."""
    with rl.open(path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        delete(path)
        with pytest.raises(rl.StorageError, match="moved or deleted"):
            ledger.record(rl.MemberJoined(member="ben"), by="council")
        with pytest.raises(rl.StorageError, match="moved or deleted"):
            ledger.as_of().member("ana")
        assert ledger.backup(path.with_name("saved.db")) == 2
    with rl.open(path.with_name("saved.db")) as saved:
        assert [entry.name for entry in saved.entries()] == ["ledger.declared", "member.joined"]

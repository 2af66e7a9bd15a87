"""Backups and restored ledgers: whole, checked, and nobody else's file touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from intruders import unguarded
from processes import PATIENCE, Program
from reps_ledger.audit import make_key
from reps_ledger.files import COMPANIONS, OF_SQLITE
from reps_ledger.log.sqlite import SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.log.storage import Stored

PEOPLE: Final = 300


@pytest.fixture
def ledger(sqlite_path: Path) -> Iterator[rl.Ledger]:
    """A ledger with some entries, most of them only in its write-ahead log."""
    with rl.open(sqlite_path) as made:
        made.record_all([rl.MemberJoined(member=f"m{number}") for number in range(PEOPLE)], by="council")
        made.record(rl.Vouched(member="m1", voucher="m2", reason="known"), by="m2", command_id="c1")
        yield made


def stored(ledger: rl.Ledger) -> list[Stored]:
    """All that a ledger has, as it is stored."""
    return list(ledger._core.log.stored())


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def problems(path: Path) -> list[str]:
    """What is wrong with a ledger file."""
    with SQLiteRecorder(path, create=False) as recorder:
        return recorder.integrity_check()


def test_a_backup_is_a_ledger(ledger: rl.Ledger, tmp_path: Path) -> None:
    """It holds all that is recorded, whole, in one file; the ledger goes on, and so does the copy."""
    copy, restored = tmp_path / "copy.db", tmp_path / "restored.db"
    before = stored(ledger)
    assert ledger.backup(copy) == ledger.position == PEOPLE + 2
    assert ledger.record(rl.MemberJoined(member="late"), by="council").position == PEOPLE + 3
    kept = copy.read_bytes()
    assert rl.restore(copy, restored) == PEOPLE + 2
    assert copy.read_bytes() == kept
    assert {name for name in names(tmp_path) if name.startswith(("copy", "restored", "."))} == {
        "copy.db",
        "restored.db",
    }
    for path in (copy, restored):
        with rl.open(path) as again:
            assert stored(again) == before
            assert again.record(rl.MemberJoined(member="other"), by="council").position == PEOPLE + 3
            assert again.record(
                rl.Vouched(member="m1", voucher="m2", reason="known"), by="m2", command_id="c1"
            ).repeated
        assert problems(path) == []


def test_a_checkpoint_verifies_what_was_restored(ledger: rl.Ledger, tmp_path: Path) -> None:
    """A checkpoint that was kept says of a restored ledger that it is the same; proofs lead to it."""
    key = make_key("example.org/reps")
    kept = ledger.checkpoint(key)
    ledger.backup(tmp_path / "copy.db")
    rl.restore(tmp_path / "copy.db", f"sqlite:///{tmp_path / 'restored.db'}")
    with rl.open(tmp_path / "restored.db") as restored:
        assert restored.verify(kept, key.verifying).ok
        assert restored.prove(5, at=kept) == ledger.prove(5, at=kept)


def test_a_large_ledger_is_copied_by_and_by(ledger: rl.Ledger, tmp_path: Path) -> None:
    """What is recorded while a copy is made is not in it; the copy is of one moment, and begun once."""
    for shift in range(1, 5):  # more pages than are copied at once
        vouches = [
            rl.Vouched(member=f"m{number}", voucher=f"m{number + shift}", reason="x" * 9_000)
            for number in range(10, 160)
        ]
        ledger.record_all(vouches, by="council")
    told: list[tuple[int, int]] = []
    before = ledger.position

    def progress(done: int, pages: int) -> None:
        told.append((done, pages))
        ledger.record(rl.MemberJoined(member=f"late{len(told)}"), by="council")

    assert ledger.backup(tmp_path / "copy.db", on_progress=progress) == before
    assert len(told) > 1
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == told[-1][1]
    with rl.open(tmp_path / "copy.db") as copy:
        assert stored(copy) == stored(ledger)[:before]


def test_a_ledger_in_memory_is_backed_up(tmp_path: Path) -> None:
    """What was in memory is a file then, which only its owner may read."""
    with rl.open(zone="Europe/Paris") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        assert ledger.backup(tmp_path / "kept.db") == 1
        before = stored(ledger)
    assert stat.S_IMODE((tmp_path / "kept.db").stat().st_mode) == 0o600
    with rl.open(tmp_path / "kept.db", zone="Europe/Paris") as kept:
        assert stored(kept) == before
    assert problems(tmp_path / "kept.db") == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_copy_has_the_permissions_of_its_ledger(ledger: rl.Ledger, tmp_path: Path, mode: int) -> None:
    """Who may not read the ledger may not read its backup, nor what was restored of that."""
    path = ledger._core.log.path
    assert path is not None
    path.chmod(mode)
    ledger.backup(tmp_path / "copy.db")
    rl.restore(tmp_path / "copy.db", tmp_path / "restored.db")
    for name in ("copy.db", "restored.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def writers(ledger: rl.Ledger, backup: Path) -> tuple[Callable[[Path], int], ...]:
    """Both ways to write a copy."""
    return ledger.backup, partial(rl.restore, backup)


def taking(target: Path) -> Callable[[int, int], None]:
    """Put a file there as soon as the copy is under way."""

    def take(*_: int) -> None:
        target.write_text("theirs")

    return take


def make_file(path: Path) -> None:
    """Somebody's file."""
    path.write_text("mine")


def make_folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def make_link(path: Path) -> None:
    """A link to somebody's file."""
    path.with_name("theirs").write_text("mine")
    path.symlink_to(path.with_name("theirs"))


@pytest.mark.parametrize("make", [make_file, make_folder, make_link])
def test_what_is_there_stays(ledger: rl.Ledger, tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Neither a backup nor a restore takes the place of anything."""
    ledger.backup(tmp_path / "copy.db")
    make(tmp_path / "target")
    before = names(tmp_path)
    for write in writers(ledger, tmp_path / "copy.db"):
        with pytest.raises(rl.StorageError, match="there already"):
            write(tmp_path / "target")
    assert names(tmp_path) == before
    if make is not make_folder:
        assert (tmp_path / "target").read_text() == "mine"
    assert ledger.record(rl.MemberJoined(member="late"), by="council")


@pytest.mark.parametrize("suffix", ["", *OF_SQLITE])
def test_the_ledgers_own_files_are_refused(ledger: rl.Ledger, sqlite_path: Path, suffix: str) -> None:
    """Nor is a copy written over the ledger, or where SQLite looks for what belongs to it."""
    before = names(sqlite_path.parent)
    with pytest.raises(rl.StorageError, match="own file"):
        ledger.backup(f"{sqlite_path}{suffix}")
    assert names(sqlite_path.parent) == before


@pytest.mark.parametrize("suffix", [*OF_SQLITE, *COMPANIONS])
def test_a_place_kept_for_another_ledger_is_refused(ledger: rl.Ledger, tmp_path: Path, suffix: str) -> None:
    """A backup is not written where another ledger's companion would be: opening that would destroy it."""
    rl.open(tmp_path / "other.db").close()
    with pytest.raises(rl.PathTaken, match="kept for what lies beside"):
        ledger.backup(tmp_path / f"other.db{suffix}")
    assert names(tmp_path) == ["ledger.db", "other.db"] or f"other.db{suffix}" not in names(tmp_path)


@pytest.mark.parametrize("suffix", OF_SQLITE)
def test_what_is_left_of_another_ledger_is_not_taken_up(
    ledger: rl.Ledger, tmp_path: Path, suffix: str
) -> None:
    """SQLite would play another ledger's log into the new file: nothing is written beside one."""
    ledger.backup(tmp_path / "copy.db")
    left = tmp_path / f"new.db{suffix}"
    left.write_bytes(b"left")
    for write in writers(ledger, tmp_path / "copy.db"):
        with pytest.raises(rl.StorageError, match="left of a ledger"):
            write(tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
    assert left.read_bytes() == b"left"


def test_another_who_takes_the_name_meanwhile_keeps_it(ledger: rl.Ledger, tmp_path: Path) -> None:
    """What others put there while the copy is made stays, and the copy is given up."""
    target = tmp_path / "copy.db"
    with pytest.raises(rl.StorageError, match="there already"):
        ledger.backup(target, on_progress=taking(target))
    assert target.read_text() == "theirs"
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_without_hard_links(ledger: rl.Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has none gets the copy too, and never over another file."""

    def no_links(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    assert ledger.backup(tmp_path / "copy.db") == PEOPLE + 2
    assert problems(tmp_path / "copy.db") == []
    target = tmp_path / "other.db"
    with pytest.raises(rl.StorageError, match="there already"):
        ledger.backup(target, on_progress=taking(target))
    assert target.read_text() == "theirs"
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_an_interrupt_leaves_nothing(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Who interrupts a copy has no half of one, and the ledger goes on."""
    ledger.backup(tmp_path / "copy.db")

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.backup(tmp_path / "target.db", on_progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        rl.restore(tmp_path / "copy.db", tmp_path / "target.db", on_progress=interrupt)
    assert [name for name in names(tmp_path) if name.startswith((".", "target"))] == []
    assert ledger.record(rl.MemberJoined(member="late"), by="council")
    assert ledger.backup(tmp_path / "target.db") == ledger.position


def test_a_folder_that_is_not_there(ledger: rl.Ledger, tmp_path: Path) -> None:
    """A folder is not made; the error says where."""
    with pytest.raises(rl.StorageError, match="nowhere"):
        ledger.backup(tmp_path / "nowhere" / "copy.db")


def not_a_database(path: Path) -> None:
    """A file of another kind."""
    path.write_bytes(b"no database\n" * 200)


def another_program(path: Path) -> None:
    """Another program's database."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")


def nothing_in_it(path: Path) -> None:
    """An empty file."""
    path.write_bytes(b"")


def a_page_lost(path: Path) -> None:
    """A page of zeros in the midst of the file."""
    content = bytearray(path.read_bytes())
    content[8192:12288] = bytes(4096)
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    """A file without its end."""
    path.write_bytes(path.read_bytes()[:-8192])


def edited(path: Path, *statements: str) -> None:
    """Change a ledger file behind its guards."""
    with unguarded(path) as connection:
        for statement in statements:
            connection.execute(statement)


def without_a_guard(path: Path) -> None:
    """A guard that was dropped."""
    with unguarded(path, dropped=["events_stay"]):
        pass


def with_a_gap(path: Path) -> None:
    """An entry that was removed with its tags."""
    edited(path, "DELETE FROM tags WHERE position = 7", "DELETE FROM events WHERE position = 7")


def with_a_false_index(path: Path) -> None:
    """A tag that the index does not have."""
    edited(path, "DELETE FROM tags WHERE position = 7")


def of_a_later_version(path: Path) -> None:
    """A file that a later version wrote."""
    edited(path, "PRAGMA user_version = 200")


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (not_a_database, rl.NotALedger, "not a ledger"),
        (another_program, rl.NotALedger, "another program"),
        (nothing_in_it, rl.StorageError, "no ledger yet"),
        (a_page_lost, rl.Damaged, "is not whole"),
        (cut_short, rl.Damaged, "malformed"),
        (without_a_guard, rl.Damaged, "events_stay is missing"),
        (with_a_gap, rl.Damaged, "last position"),
        (with_a_false_index, rl.Damaged, "position 7: the tag 'entry:"),
        (of_a_later_version, rl.NewerFormat, "later release"),
    ],
)
def test_what_is_not_whole_is_not_restored(
    ledger: rl.Ledger, tmp_path: Path, spoil: Callable[[Path], None], kind: type[Exception], words: str
) -> None:
    """The error says what is wrong; nothing has the new name, and the backup is as it was."""
    backup = tmp_path / "copy.db"
    ledger.backup(backup)
    spoil(backup)
    before, content = names(tmp_path), backup.read_bytes()
    with pytest.raises(kind, match=words) as raised:
        rl.restore(backup, tmp_path / "restored.db")
    assert type(raised.value) is kind
    assert names(tmp_path) == before
    assert backup.read_bytes() == content


def test_a_backup_that_is_not_there(tmp_path: Path) -> None:
    """Neither a missing file nor a folder is a backup."""
    for name in ("nowhere.db", "."):
        with pytest.raises(rl.StorageError, match="no file"):
            rl.restore(tmp_path / name, tmp_path / "restored.db")
    assert names(tmp_path) == []


def test_a_damaged_ledger_is_not_backed_up(sqlite_path: Path, tmp_path: Path) -> None:
    """No copy is made that is not whole: it would take the place of one that is."""
    with rl.open(sqlite_path) as ledger:
        ledger.record_all([rl.MemberJoined(member=f"m{n}") for n in range(20)], by="council")
        with_a_gap(sqlite_path)
        with pytest.raises(rl.Damaged, match="last position"):
            ledger.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_ledger_that_nobody_closed_is_restored_with_its_log(sqlite_path: Path, tmp_path: Path) -> None:
    """The two files that a killed process left are a backup too, if they are together."""
    code = (
        "import os, sys, reps_ledger as rl; ledger = rl.open(sys.argv[1])\n"
        "for n in range(30): ledger.record(rl.MemberJoined(member=f'm{n}'), by='x')\n"
        "os._exit(0)"
    )
    with Program("-c", code, sqlite_path) as program:
        assert program.wait(PATIENCE) == 0
    assert sqlite_path.with_name(f"{sqlite_path.name}-wal").stat().st_size
    assert rl.restore(sqlite_path, tmp_path / "restored.db") == 31
    with rl.open(tmp_path / "restored.db") as restored:
        assert restored.position == 31


def test_a_backup_is_only_read(ledger: rl.Ledger, sqlite_path: Path, tmp_path: Path) -> None:
    """Restoring what was copied with its log, by hand, leaves nothing beside that and changes none of it."""
    copied = tmp_path / "copied"
    copied.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{sqlite_path}{suffix}", copied / f"reps.db{suffix}")
    before = {each.name: each.read_bytes() for each in copied.iterdir()}
    assert len(before) == 2
    assert rl.restore(copied / "reps.db", tmp_path / "again.db", incomplete=True) == ledger.position
    assert {each.name: each.read_bytes() for each in copied.iterdir()} == before


def test_a_copy_of_the_file_alone_is_none(ledger: rl.Ledger, sqlite_path: Path, tmp_path: Path) -> None:
    """The file without its log lacks what was recorded, and says so; what it has can be had."""
    shutil.copy(sqlite_path, tmp_path / "copied.db")
    with pytest.raises(rl.StorageError, match="entries may be missing"):
        rl.open(tmp_path / "copied.db")
    with pytest.raises(rl.StorageError, match="entries may be missing"):
        rl.restore(tmp_path / "copied.db", tmp_path / "restored.db")
    held = rl.restore(tmp_path / "copied.db", tmp_path / "restored.db", incomplete=True)
    assert held < ledger.position
    with rl.open(tmp_path / "restored.db") as restored:
        assert stored(restored) == stored(ledger)[:held]


SERVERS: Final = {"postgres": "pg_dump", "umadb": "its server", "library": "its server"}


@pytest.mark.parametrize("log", sorted(SERVERS))
def test_what_a_server_keeps_is_backed_up_by_it(targets: Any, log: str, tmp_path: Path) -> None:
    """The error says how, and no file is made."""
    with rl.open(targets(log)) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        with pytest.raises(rl.StorageError, match=SERVERS[log]):
            ledger.backup(tmp_path / "copy.db")
    assert names(tmp_path) == []


def test_a_server_is_not_restored_into(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Nor is memory; the error says what to do, and no password."""
    ledger.backup(tmp_path / "copy.db")
    for target in ("postgresql://ana:secret@localhost/reps", ":memory:", "umadb://localhost:1"):
        with pytest.raises(rl.StorageError, match="new file") as raised:
            rl.restore(tmp_path / "copy.db", target)
        assert "secret" not in str(raised.value)


def test_caches_beside_an_older_state_notice(ledger: rl.Ledger, sqlite_path: Path, tmp_path: Path) -> None:
    """Columns and tables of a later position are made anew; a tree of one refuses to sign."""
    key = make_key("example.org/reps")
    ledger.backup(tmp_path / "copy.db")
    ledger.record_all([rl.MemberJoined(member=f"late{n}") for n in range(PEOPLE)], by="council")
    ledger.columns()
    ledger.state()
    ledger.checkpoint(key)
    ledger.close()
    sqlite_path.unlink()
    rl.restore(tmp_path / "copy.db", sqlite_path)
    with rl.open(sqlite_path) as restored:
        assert restored.position == PEOPLE + 2
        restored.record(rl.MemberJoined(member="new"), by="council")
        columns = restored.columns()
        assert set(columns.people) == {"new", *(f"m{n}" for n in range(PEOPLE))}
        state = restored.state()
        assert {row.member for row in state.roster(limit=10_000)} <= set(columns.people)
        assert state.check() == ()
        with pytest.raises(rl.Inconsistent, match="restored a copy"):
            restored.checkpoint(key)
        sqlite_path.with_name(f"{sqlite_path.name}.tree").unlink()
        assert restored.checkpoint(key).size == PEOPLE + 3

"""Which files are opened, which are refused, and what a refusal leaves behind: nothing."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from programs import start
from recorders import event, make_older
from reps_ledger.errors import Busy, Damaged, NewerFormat, NotALedger, ReadOnly, StorageError
from reps_ledger.files import LEDGER_MARK
from reps_ledger.log.sqlite import SQLiteRecorder, file
from reps_ledger.log.sqlite import read_only as reading
from reps_ledger.log.sqlite.file import FORMAT_VERSION
from reps_ledger.log.sqlite.mark import format_of
from reps_ledger.log.sqlite.recorder import MEMORY
from servers import reachable_folder, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def permissions_bind() -> Iterator[None]:
    """Be, for a while, somebody whom file permissions bind, as they do not bind root."""
    who = unprivileged()
    if not who:
        yield
        return
    os.setegid(who["group"])
    os.seteuid(who["user"])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def files(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(path: Path, error: type[StorageError], words: str | None = None) -> None:
    """Opening raises this error, and no byte in the folder is any different."""
    before = files(path.parent)
    with pytest.raises(error, match=words) as raised:
        SQLiteRecorder(path)
    assert error is raised.type
    assert before == files(path.parent)


def test_a_new_file_is_made_whole(sqlite_path: Path) -> None:
    """A path where nothing is becomes a ledger; only that file is left when it is closed."""
    with SQLiteRecorder(str(sqlite_path)) as recorder:
        assert sqlite_path == recorder.path
        assert recorder.head() == 0
        assert recorder.read().head is None
        recorder.append([event()])
    assert {"ledger.db"} == set(files(sqlite_path.parent))
    with SQLiteRecorder(sqlite_path, create=False) as recorder:
        assert recorder.head() == 1


def test_an_empty_file_becomes_a_ledger(sqlite_path: Path) -> None:
    """A file of no bytes, and a database that nobody put anything in, are as good as no file."""
    sqlite_path.touch()
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.append([event()]) == 1
    other = sqlite_path.with_name("vacuumed.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("VACUUM")
    assert other.stat().st_size
    with SQLiteRecorder(other) as recorder:
        assert recorder.append([event()]) == 1


def test_nothing_is_made_without_create(sqlite_path: Path) -> None:
    """With ``create=False`` a missing or an empty file is an error, and stays as it is."""
    for _ in range(2):
        with pytest.raises(StorageError, match="create is False"):
            SQLiteRecorder(sqlite_path, create=False)
        sqlite_path.touch()
    assert files(sqlite_path.parent) == {"ledger.db": b""}


def test_the_path_is_resolved_once(
    sqlite_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither chdir nor a link leads a recorder elsewhere, and odd characters are just that."""
    odd = tmp_path / "a ?#%41 ünï.db"
    sqlite_path.symlink_to(odd)
    monkeypatch.chdir(tmp_path)
    with SQLiteRecorder("ledger.db") as recorder:
        monkeypatch.chdir("/")
        assert odd == recorder.path
        with recorder._connections.reading():
            assert recorder.append([event()]) == 1
    assert odd.stat().st_size


def test_what_is_no_place_for_a_ledger(sqlite_path: Path) -> None:
    """A folder, a device, and a path in a folder that does not exist are said to be so."""
    with pytest.raises(StorageError, match="folder does not exist"):
        SQLiteRecorder(sqlite_path.parent / "no folder" / "ledger.db")
    with pytest.raises(StorageError, match="not a file"):
        SQLiteRecorder(sqlite_path.parent)
    with pytest.raises(StorageError, match="not a file"):
        SQLiteRecorder("/dev/null")
    with pytest.raises(StorageError, match="too long"):
        SQLiteRecorder(sqlite_path.with_name("x" * 300))
    assert files(sqlite_path.parent) == {}


@pytest.mark.parametrize("content", [b"short", b"not a database at all\n" * 100])
def test_another_kind_of_file_is_refused(sqlite_path: Path, content: bytes) -> None:
    """A file that is no database is not a ledger and is left alone."""
    sqlite_path.write_bytes(content)
    refused(sqlite_path, NotALedger)


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("statement", ["CREATE TABLE t (x)", "PRAGMA application_id = 7", "SELECT 1"])
def test_the_database_of_another_program_is_refused(sqlite_path: Path, statement: str, *, wal: bool) -> None:
    """A database with tables or with another id is left alone, byte for byte, with its log."""
    with closing(sqlite3.connect(sqlite_path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE first (x)")
        connection.execute(statement)
        refused(sqlite_path, NotALedger, "another program")
    refused(sqlite_path, NotALedger, "another program")


def test_a_database_whose_tables_are_in_its_log_is_refused(sqlite_path: Path) -> None:
    """Tables that only the write-ahead log knows of are tables."""
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        assert int.from_bytes(sqlite_path.read_bytes()[40:44], "big") == 0
        connection.execute("CREATE TABLE t (x)")
        refused(sqlite_path, NotALedger, "another program")


@pytest.mark.parametrize("pragma", ["application_id", "user_version"])
def test_an_empty_database_that_was_claimed_is_refused(sqlite_path: Path, pragma: str) -> None:
    """A database without tables that another program put its mark on is that program's."""
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute(f"PRAGMA {pragma} = 7")
    refused(sqlite_path, NotALedger, "another program")


def test_a_newer_format_is_refused(sqlite_path: Path) -> None:
    """A file of a later release is left to that release."""
    SQLiteRecorder(sqlite_path).close()
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    refused(sqlite_path, NewerFormat, "later release")
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("PRAGMA user_version = 0")
    refused(sqlite_path, Damaged, "format 0")


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("target", [MEMORY, "l.db"])
def test_what_fails_while_it_is_opened_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, *, read_only: bool
) -> None:
    """Whatever is raised, no connection is left behind: Python warns about those, from 3.13 on."""
    path = target if target == MEMORY else str(tmp_path / target)
    if target == MEMORY and read_only:
        pytest.skip("nothing is read there")
    SQLiteRecorder(path).close()
    opened: list[sqlite3.Connection] = []

    def fails(connection: sqlite3.Connection, _: float) -> None:
        opened.append(connection)
        raise RuntimeError

    monkeypatch.setattr(reading if read_only else file, "assure", fails)
    with pytest.raises(RuntimeError):
        SQLiteRecorder(path, read_only=read_only)
    (connection,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_file_of_the_first_format_is_marked_when_it_is_appended_to(sqlite_path: Path) -> None:
    """Reading leaves an older file as it is; once this release appends, releases before refuse it."""

    def version() -> object:
        with closing(sqlite3.connect(sqlite_path)) as connection:
            return format_of(connection.execute("PRAGMA user_version").fetchone()[0])

    SQLiteRecorder(sqlite_path).close()
    with closing(sqlite3.connect(sqlite_path)) as connection:
        make_older(connection, 1)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert (recorder.head(), version(), recorder.integrity_check()) == (0, 1, [])
        recorder.append([event("t")])
        assert (recorder.head(), version(), recorder.integrity_check()) == (1, FORMAT_VERSION, [])


def test_a_file_exchanged_under_an_open_recorder(sqlite_path: Path) -> None:
    """Each connection looks at the file anew: another file, or a newer one, is not written to."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder._connections.before_fork()  # closes what is open
        recorder._connections.after_fork_in_parent()
        with closing(sqlite3.connect(sqlite_path)) as connection:
            connection.execute("PRAGMA application_id = 7")
        with pytest.raises(NotALedger, match="exchanged"):
            recorder.head()
        with closing(sqlite3.connect(sqlite_path)) as connection:
            connection.execute(f"PRAGMA application_id = {LEDGER_MARK}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
        with pytest.raises(NewerFormat):
            recorder.head()
        sqlite_path.unlink()
        with pytest.raises(StorageError, match="moved or deleted"):
            recorder.head()


def test_damage_is_said_to_be_damage(sqlite_path: Path) -> None:
    """Overwritten pages are reported as damage when they are met."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event("a", "x", data=bytes(500)) for _ in range(200)])
    content = bytearray(sqlite_path.read_bytes())
    content[4096 * 8 :] = b"\xff" * (len(content) - 4096 * 8)  # the tables are known by what is before
    sqlite_path.write_bytes(content)
    with SQLiteRecorder(sqlite_path) as recorder:
        with pytest.raises(Damaged):
            list(recorder.read())
        assert recorder.integrity_check()


def test_a_file_that_cannot_be_written() -> None:
    """A file without write permission is refused when it is opened, not at the first append."""
    with reachable_folder() as folder, permissions_bind():
        path = folder / "ledger.db"
        SQLiteRecorder(path).close()
        path.chmod(0o400)
        refused(path, ReadOnly)
        path.chmod(0o200)
        with pytest.raises(ReadOnly, match="permission"):
            SQLiteRecorder(path)


def test_a_file_that_cannot_be_written_for_another_reason(sqlite_path: Path) -> None:
    """Where permissions do not tell, trying to write does; a lock held by others is no answer."""
    with SQLiteRecorder(sqlite_path) as recorder:
        with closing(sqlite3.connect(f"{sqlite_path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.isolation_level = None
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                file.assert_writable(connection, 1.0)
        assert recorder.append([event()]) == 1


@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_that_cannot_be_written(*, existing: bool) -> None:
    """A folder without write permission is no place for a ledger, be there a file in it or not."""
    with reachable_folder() as folder, permissions_bind():
        path = folder / "ledger.db"
        if existing:
            SQLiteRecorder(path).close()
        folder.chmod(0o500)
        refused(path, ReadOnly)
        folder.chmod(0o700)


def test_a_locked_file_is_opened_and_busy(sqlite_path: Path) -> None:
    """Another process's lock keeps nobody from opening and reading; an append waits and says so."""
    with start("lock", sqlite_path) as program:
        assert program.hear() == "locked"
        with SQLiteRecorder(sqlite_path, timeout=0.1) as recorder:
            assert list(recorder.read()) == []
            with pytest.raises(Busy, match="nothing was written"):
                recorder.append([event()])
            program.end("done")
            assert recorder.append([event()]) == 1


@pytest.mark.parametrize("empty", [False, True])
def test_many_open_the_same_new_file_at_once(sqlite_path: Path, *, empty: bool) -> None:
    """Whoever comes first makes the file; everybody has the same log."""
    for attempt in range(10):
        path = sqlite_path.with_name(f"{attempt}.db")
        if empty:
            path.touch()

        def use(_: int, path: Path = path) -> int:
            with SQLiteRecorder(path) as recorder:
                return recorder.append([event()])

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(use, range(6))) == [1, 2, 3, 4, 5, 6]


def test_processes_make_the_same_file_at_once(sqlite_path: Path) -> None:
    """Processes that find no file and make one at once all write to the same."""
    programs = [start("append", sqlite_path, name, 2) for name in "abcd"]
    with ExitStack() as started:
        for program in programs:
            started.enter_context(program)
        for program in programs:
            program.end("go")
            assert program.returncode == 0
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.head() == 24
    assert {"ledger.db"} == set(files(sqlite_path.parent))


def test_a_file_system_without_links(sqlite_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot be linked into place, it is made in place."""

    def unsupported(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", unsupported)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.append([event()]) == 1
    assert {"ledger.db"} == set(files(sqlite_path.parent))


def test_a_failure_half_way_leaves_no_file(sqlite_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be made whole is not there at all."""
    monkeypatch.setitem(file.OBJECTS, "bad", "CREATE NONSENSE")
    with pytest.raises(StorageError, match="syntax"):
        SQLiteRecorder(sqlite_path)
    assert files(sqlite_path.parent) == {}


def test_switching_to_the_log_waits_for_others(sqlite_path: Path) -> None:
    """A file that is not in WAL mode is switched when others let go, or the wait ends as busy."""
    SQLiteRecorder(sqlite_path).close()
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM events").fetchall()
        with pytest.raises(Busy):
            SQLiteRecorder(sqlite_path, timeout=0.05)
        with ThreadPoolExecutor() as pool:
            opened = pool.submit(SQLiteRecorder, sqlite_path)
            connection.execute("COMMIT")
            opened.result(10).close()

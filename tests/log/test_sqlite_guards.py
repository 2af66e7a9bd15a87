"""What the file refuses, whoever asks, and what is true of every connection."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from recorders import event, query
from reps_ledger.errors import StorageError
from reps_ledger.log.sqlite import SQLiteRecorder, file
from reps_ledger.log.sqlite.file import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plain(sqlite_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection, with SQLite's own defaults, to a log of three entries."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event("a", "x", "y"), event("b", "x"), event("a", "z", "z")])
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE events SET data = x'00' WHERE position = 2", "never changed"),
        ("DELETE FROM events WHERE position = 3", "never removed"),
        ("DELETE FROM events", "never removed"),
        ("REPLACE INTO events VALUES (2, 'a', x'00', '[]')", "next position"),
        ("INSERT OR IGNORE INTO events VALUES (3, 'a', x'00', '[]')", "next position"),
        ("INSERT INTO events VALUES (5, 'a', x'00', '[]')", "next position"),
        ("INSERT INTO events VALUES (0, 'a', x'00', '[]')", "next position"),
        ("INSERT INTO events VALUES (NULL, 'a', x'00', '[]')", "next position"),
        (
            "INSERT INTO events VALUES (3, 'a', x'00', '[]') ON CONFLICT DO UPDATE SET type = 'z'",
            "next position",
        ),
        ("UPDATE tags SET tag = 'q' WHERE position = 2", "never changed"),
        ("UPDATE OR REPLACE tags SET position = 1", "never changed"),
        ("DELETE FROM tags", "never removed"),
        ("INSERT INTO tags VALUES ('other', 'a', 1)", "what its entry says"),
        ("INSERT INTO tags VALUES ('x', 'other', 1)", "what its entry says"),
        ("INSERT INTO tags VALUES ('x', 'a', 4)", "what its entry says"),
        ("INSERT OR IGNORE INTO tags VALUES ('other', 'a', 1)", "what its entry says"),
        ("REPLACE INTO tags VALUES ('y', 'b', 2)", "what its entry says"),
    ],
)
def test_plain_sql_is_refused(plain: sqlite3.Connection, statement: str, words: str) -> None:
    """No program can change, remove, replace or misplace an entry or an index row."""
    before = list(plain.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match=words):
        plain.execute(statement)
    assert before == list(plain.iterdump())


def test_a_refusal_undoes_the_transaction(plain: sqlite3.Connection) -> None:
    """Nothing is kept of a transaction that tried to change history."""
    plain.execute("BEGIN")
    plain.execute("INSERT INTO events VALUES (4, 'a', x'00', '[]')")
    with pytest.raises(sqlite3.IntegrityError, match="never removed"):
        plain.execute("DELETE FROM events WHERE position = 1")
    assert not plain.in_transaction
    assert plain.execute("SELECT max(position) FROM events").fetchone() == (3,)


def test_replacing_an_index_row_by_itself_changes_nothing(plain: sqlite3.Connection) -> None:
    """REPLACE of an index row can only put the same row back, as the whole row is its key."""
    rows = plain.execute("SELECT * FROM tags").fetchall()
    plain.execute("REPLACE INTO tags VALUES ('x', 'b', 2)")
    assert rows == plain.execute("SELECT * FROM tags").fetchall()


def test_a_tag_given_twice_is_indexed_once(plain: sqlite3.Connection) -> None:
    """The entry keeps its tags as given, the index has each once."""
    assert plain.execute("SELECT position FROM tags WHERE tag = 'z'").fetchall() == [(3,)]
    (tags,) = plain.execute("SELECT tags FROM events WHERE position = 3").fetchone()
    assert tags == '["z","z"]'


def test_the_file_says_what_it_is(plain: sqlite3.Connection, sqlite_path: Path) -> None:
    """Application id and format version are in the file's own header."""
    assert sqlite_path.read_bytes()[68:72] == b"Reps"
    assert plain.execute("PRAGMA user_version").fetchall() == [(FORMAT_VERSION,)]
    assert plain.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_pragmas_of_every_connection(sqlite_recorder: SQLiteRecorder) -> None:
    """However many connections are open at once, each commits durably and fires all triggers."""
    connections = sqlite_recorder._connections
    with connections.reading() as one, connections.reading() as two, connections.writing() as three:
        assert len({one, two, three}) == 3
        for connection in (one, two, three):
            for pragma, value in {
                "synchronous": 2,
                "recursive_triggers": 1,
                "busy_timeout": 5000,
                "journal_mode": "wal",
            }.items():
                assert (value,) == connection.execute(f"PRAGMA {pragma}").fetchone()


def test_a_pragma_that_does_not_take_is_an_error(
    sqlite_recorder: SQLiteRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build of SQLite that ignores a pragma is not written with."""
    monkeypatch.setitem(file._PRAGMAS, "no_such_pragma", 1)
    assert sqlite_recorder.path is not None
    with pytest.raises(StorageError, match="no_such_pragma"):
        file.connect(sqlite_recorder.path, 1.0)


def test_a_journal_mode_that_does_not_take_is_an_error() -> None:
    """Where SQLite cannot keep a write-ahead log, as in memory, a file is not opened."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(StorageError, match="'memory'"):
        file._use_wal(connection, 1.0)


def test_queries_by_type_and_tag_walk_the_index(plain: sqlite3.Connection) -> None:
    """What a decision depends on is found in the index, not by looking at entries or sorting."""
    from reps_ledger.log.sqlite.read import Span, scans_of

    for wanted in (query("x", types=("a",)), query("x", "y", types=("a",)), query(types=("a",))):
        for scan in scans_of(plain, wanted.items, Span(0, 3)):
            steps = plain.execute(f"EXPLAIN QUERY PLAN {scan.sql}", (*scan.arguments, 0, 3, 10))
            for *_, detail in steps:
                assert "SCAN" not in detail
                assert "TEMP B-TREE" not in detail


def test_a_whole_file_has_no_problems(sqlite_recorder: SQLiteRecorder) -> None:
    """The check finds nothing in what the recorder wrote."""
    assert sqlite_recorder.integrity_check() == []
    sqlite_recorder.append([event("a", 'quo"te', "back\\slash", "ünï😀", "line\n", "")])
    assert sqlite_recorder.integrity_check() == []


def test_the_check_finds_what_was_tampered_with(plain: sqlite3.Connection, sqlite_path: Path) -> None:
    """Who drops a trigger to get at the rows is found out, and so is what was done."""
    plain.execute("DROP TRIGGER tags_stay")
    plain.execute("DROP TRIGGER tags_true")
    plain.execute("DROP TRIGGER events_stay")
    plain.execute("DELETE FROM tags WHERE tag = 'y'")
    plain.execute("INSERT INTO tags VALUES ('made up', 'a', 1)")
    plain.execute("DELETE FROM events WHERE position = 2")
    plain.execute("CREATE TRIGGER tags_stay AFTER DELETE ON tags BEGIN SELECT 1; END")
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.integrity_check() == [
            "events_stay is missing",
            "tags_stay is changed",
            "tags_true is missing",
            "3 is the last position, but there are 2 entries",
            "position 1: the tag 'y' is not in the index",
            "position 1: the index has 'made up', the entry does not",
            "position 2: the index has 'x', the entry does not",
        ]


def test_the_check_finds_bit_rot(plain: sqlite3.Connection, sqlite_path: Path) -> None:
    """A changed byte in an index, which no query would mind, is found."""
    statement = "SELECT rootpage FROM sqlite_master WHERE name = 'events_by_type'"
    (page,) = plain.execute(statement).fetchone()
    plain.close()
    content = bytearray(sqlite_path.read_bytes())
    start = (page - 1) * 4096
    content[start : start + 4096] = content[start : start + 4096].replace(b"b", b"c")
    sqlite_path.write_bytes(content)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert any("events_by_type" in problem for problem in recorder.integrity_check())


def test_the_check_says_why_it_cannot_go_on(plain: sqlite3.Connection, sqlite_path: Path) -> None:
    """A fault that stops the check is a finding, not an exception."""
    plain.execute("DROP TABLE tags")
    with SQLiteRecorder(sqlite_path) as recorder:
        assert "no such table: tags" in recorder.integrity_check()[-1]


def test_the_tables_are_those_of_the_release(plain: sqlite3.Connection) -> None:
    """The names in the file are the names that the code knows, and no others."""
    found = dict(plain.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    assert found == file.OBJECTS

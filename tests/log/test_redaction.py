"""The one change of an entry that a ledger file allows takes ciphertexts away, and does nothing else."""

# ruff: noqa: S608 — SQL of constants

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import reps_ledger as rl
from recorders import event, make_older, make_older_on_postgres
from reps_ledger.errors import Altered, StorageError
from reps_ledger.log.postgres.roles import EVENTS
from reps_ledger.log.sealing import redacted, with_blobs
from reps_ledger.log.sqlite import SQLiteRecorder, file
from reps_ledger.salted import SEPARATOR, is_salted, open_part, salt, sealed_part
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reps_ledger.log.sealing import Blobs

ENTRY: Final = salt(json.dumps({"id": "7", "fact": {"member": "ana"}}).encode(), bytes(range(16)))
TAGS: Final = '["member:ana","entry:7"]'
NAME: Final = "report.filed"
A, B, C = "AA+/BB==", "CCCC", "DDDD"
BOTH: Final = ENTRY + SEPARATOR + b'{"reason":"AA+/BB==","replacement.link":"CCCC"}'
TWICE: Final = ENTRY + SEPARATOR + b'{"a":"x","a":"y"}'

Row = tuple[object, object, object, object]


def as_json(data: bytes) -> list[tuple[str, object]] | None:
    """Return the members of a JSON object as they are written; None where it is none."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=list)
    except (ValueError, UnicodeDecodeError):
        return None
    is_object = isinstance(found, list) and data.lstrip(b" \t\r\n").startswith(b"{")
    return found if is_object else None


def is_redaction(old: Row, new: Row) -> bool:
    """Whether a change of a row only takes ciphertexts away: said once more, in Python."""
    before, after = old[2], new[2]
    if (old[0], old[1], old[3]) != (new[0], new[1], new[3]):
        return False
    if not isinstance(before, bytes) or not isinstance(after, bytes) or not is_salted(before):
        return False
    part = sealed_part(before)
    if part is None or b"\\" in part or b"\0" in before:
        return False
    pairs = as_json(part)
    if not pairs or len({key for key, _ in pairs}) < len(pairs):
        return False
    blobs: Blobs = {}
    for key, value in pairs:
        if value is not None and not isinstance(value, str):
            return False
        blobs[key] = value
    there = [key for key, value in blobs.items() if value is not None]
    taken = [
        [key for place, key in enumerate(there) if number >> place & 1] for number in range(1 << len(there))
    ]
    return any(
        with_blobs(open_part(before), {**blobs, **dict.fromkeys(some)}) == after for some in taken if some
    )


@pytest.fixture
def plain() -> Iterator[sqlite3.Connection]:
    """A connection of another program to a new log."""
    with closing(a_log()) as connection:
        yield connection


def a_log() -> sqlite3.Connection:
    """Return a new log in memory, with SQLite's own settings."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    file.initialise(connection)
    return connection


def put(connection: sqlite3.Connection, data: bytes) -> None:
    """Append a row as any program may."""
    connection.execute(
        "INSERT INTO events SELECT coalesce(max(position), 0) + 1, ?, ?, ? FROM events", (NAME, data, TAGS)
    )


def rows(connection: sqlite3.Connection) -> list[Row]:
    """Return all rows."""
    return connection.execute("SELECT position, type, data, tags FROM events ORDER BY position").fetchall()


FIELDS: Final = st.sampled_from(["reason", "link", "replacement.link", "né", "a"])
TEXTS: Final = st.sampled_from([A, B, C, "", "null", "x" * 300, "é"])
VALUES: Final = st.none() | TEXTS
BLOBS: Final = st.dictionaries(FIELDS, VALUES, min_size=1, max_size=4)
ODD: Final = st.sampled_from(
    [
        b"",
        b"{}",
        b"[]",
        b'["AA"]',
        b'"AA"',
        b"null",
        b'{"a":"x","a":"y"}',
        b'{"a":"x","a":null}',
        b'{"a":"x\\u0000yz","b":"B"}',
        b'{"a":"\\u0041","b":"B"}',
        b'{"\\u0061":"A","b":"B"}',
        b'{"a":1,"b":"B"}',
        b'{"a":true,"b":"B"}',
        b'{"a":{"b":"B"},"b":"B"}',
        b'{"a":["B"],"b":"B"}',
        b'{ "a" : "A" , "b" : "B" }',
        b'{"a":"A","b":"B"}\n',
        b'{"a":"A","b":"B"}\x1e{"a":"A"}',
        b'{"a":"A","b":"B"}\0',
        b'{"a":"A\0","b":"B"}',
        b'{"a":"\xff","b":"B"}',
        b"{'a':'A','b':'B'}",
        b'{a:"A",b:"B"}',
        b'{"a":"A","b":"B",}',
        b'{"a":"A\x01","b":"B"}',
    ]
)


def written(blobs: Blobs) -> bytes:
    """Return what follows the separator."""
    part = sealed_part(with_blobs(ENTRY, blobs))
    assert part is not None
    return part


@st.composite
def changed_parts(draw: st.DrawFn, part: bytes) -> bytes:
    """What somebody might write in place of what is sealed: often nearly a redaction."""
    pairs = as_json(part) or []
    done = draw(st.integers(0, 15))
    if done == 0:
        return draw(ODD)
    if done == 1 and part:
        at = draw(st.integers(0, len(part) - 1))
        return part[:at] + draw(st.binary(max_size=2)) + part[at + draw(st.integers(0, 2)) :]
    new: list[Any] = [(key, None if draw(st.booleans()) else value) for key, value in pairs]
    if done > 7:
        return json.dumps(dict(new), ensure_ascii=False, separators=(",", ":")).encode()
    if done == 7:
        new = [(key, draw(VALUES)) for key, _ in pairs]
    match done:
        case 2:
            new = draw(st.permutations(new))
        case 3:
            new = new[: draw(st.integers(0, len(new)))]
        case 4:
            new += [(draw(FIELDS), draw(VALUES))]
        case 5:
            new = [pair for pair in new for _ in range(draw(st.integers(1, 2)))]
    separators = draw(st.sampled_from([(",", ":"), (",", ":"), (",", ":"), (", ", ": ")]))
    inner = separators[0].join(
        f"{json.dumps(key, ensure_ascii=False)}{separators[1]}{json.dumps(value, ensure_ascii=done == 6)}"
        for key, value in new
    )
    return f"{{{inner}}}".encode() + draw(st.sampled_from([b"", b"", b"", b" ", b"\0", b"\x1e", b"x"]))


@st.composite
def changes(draw: st.DrawFn) -> tuple[bytes, Row, str]:
    """A row's stored bytes, what it is to become, and by which kind of statement."""
    part = draw(st.one_of(BLOBS.map(written), BLOBS.map(written), ODD))
    front = draw(st.sampled_from([ENTRY, ENTRY, ENTRY, b'{"id":"7","fact":{"member":"ana"}}']))
    old = front + SEPARATOR + part
    new = front + SEPARATOR + draw(changed_parts(part))
    position, name, tags = 2, NAME, TAGS
    match draw(st.integers(0, 15)):
        case 0:
            position = draw(st.sampled_from([1, 3, 9]))
        case 1:
            name = "report.verified"
        case 2:
            tags = draw(st.sampled_from(['["entry:7","member:ana"]', "[]", TAGS + " "]))
        case 3:
            at = draw(st.integers(0, len(front)))
            new = new[:at] + draw(st.binary(min_size=1, max_size=1)) + new[at + 1 :]
        case 4:
            new = draw(st.sampled_from([front, front + SEPARATOR, b"", b"\0", part]))
    how = draw(st.sampled_from(["", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT", "OR ROLLBACK"]))
    return old, (position, name, new, tags), how


@examples(12)
@given(changes())
@example((BOTH, (2, NAME, redacted(BOTH, ["reason"]), TAGS), ""))
@example((BOTH, (2, NAME, redacted(BOTH, ["reason", "replacement.link"]), TAGS), "OR REPLACE"))
@example((redacted(BOTH, ["reason"]), (2, NAME, BOTH, TAGS), ""))
@example((TWICE, (2, NAME, TWICE.replace(b'"x"', b"null").replace(b'"y"', b"null"), TAGS), ""))
@example((BOTH + b"\0", (2, NAME, redacted(BOTH, ["reason"]), TAGS), ""))
@example((BOTH, (2, NAME, redacted(BOTH, ["reason"]) + b"\0", TAGS), ""))
def test_exactly_redactions_are_allowed(change: tuple[bytes, Row, str]) -> None:
    """Of all updates by plain SQL those go through that take ciphertexts away, and change nothing else."""
    old, new, how = change
    with closing(a_log()) as connection:
        for data in (ENTRY, old, ENTRY):
            put(connection, data)
        before = rows(connection)
        allowed = is_redaction(before[1], new)
        try:
            set_all = "SET position = ?, type = ?, data = ?, tags = ? WHERE position = 2"
            connection.execute(f"UPDATE {how} events {set_all}", new)
            done = True
        except sqlite3.Error:
            done = False
        assert done == allowed
        assert rows(connection) == ([before[0], new, before[2]] if allowed else before)


@examples(4)
@given(BLOBS, st.data())
def test_whatever_the_codec_redacts_is_allowed(blobs: Blobs, data: st.DataObject) -> None:
    """Field after field, in any order, until nothing is left; never one back."""
    fields = data.draw(st.permutations([key for key, value in blobs.items() if value is not None]))
    with closing(a_log()) as connection:
        now = with_blobs(ENTRY, blobs)
        put(connection, now)
        for field in fields:
            then = redacted(now, [field])
            connection.execute("UPDATE events SET data = ?", (then,))
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                connection.execute("UPDATE events SET data = ?", (now,))
            now = then
        assert rows(connection) == [(1, NAME, now, TAGS)]
        assert redacted(now, [*blobs]) == now


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = data WHERE position = 1",
        "UPDATE events SET data = CAST(:new AS TEXT) WHERE position = 1",
        "UPDATE events SET data = :new, position = position + 7 WHERE position = 1",
        "UPDATE events SET rowid = 9, data = :new WHERE position = 1",
        "UPDATE events SET data = :new, type = CAST(type AS BLOB) WHERE position = 1",
        "UPDATE events SET data = :new, tags = upper(tags) WHERE position = 1",
        "UPDATE events SET data = :new, type = 'report.verified' WHERE position = 1",
        "UPDATE events SET data = NULL WHERE position = 1",
        "UPDATE OR REPLACE events SET data = :new, position = 2 WHERE position = 1",
        "REPLACE INTO events VALUES (1, 'report.filed', :new, :tags)",
        "INSERT INTO events VALUES (1, 'report.filed', :new, :tags) ON CONFLICT DO UPDATE SET data = :new",
        "DELETE FROM events WHERE data <> :new",
    ],
)
def test_no_other_statement_is_allowed(plain: sqlite3.Connection, statement: str) -> None:
    """A redaction is no way to do something else with it."""
    put(plain, BOTH)
    put(plain, ENTRY)
    before = rows(plain)
    with pytest.raises(sqlite3.IntegrityError):
        plain.execute(statement, {"new": redacted(BOTH, ["reason"]), "tags": TAGS})
    assert rows(plain) == before


def test_other_rows_are_never_changed(plain: sqlite3.Connection) -> None:
    """Neither entries without anything sealed, nor events that are no entries but look sealed."""
    put(plain, ENTRY)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        plain.execute("UPDATE events SET data = ?", (ENTRY + SEPARATOR + b'{"a":null}',))
    with closing(a_log()) as other:
        other.execute("INSERT INTO events VALUES (1, 'module:Class', ?, '[]')", (b'{}\x1e{"a":"A"}',))
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            other.execute("UPDATE events SET data = ?", (b'{}\x1e{"a":null}',))


# PostgreSQL


def test_exactly_redactions_are_allowed_on_postgres(postgres_dsn: str) -> None:
    """There too, and to the owner of the tables."""
    rl.open(postgres_dsn).close()
    tags = ["member:ana", "entry:7"]
    insert = f"INSERT INTO {EVENTS} (type, data, tags) VALUES (%s, %s, %s) RETURNING id"
    update = f"UPDATE {EVENTS} SET id = %s, type = %s, data = %s, tags = %s WHERE id = %s"
    select = f"SELECT id, type, data, tags FROM {EVENTS} ORDER BY id"
    with psycopg.connect(postgres_dsn) as connection:

        @examples(4)
        @given(changes())
        @example((BOTH, (2, NAME, redacted(BOTH, ["reason"]), TAGS), ""))
        @example((BOTH, (2, NAME, redacted(BOTH, ["reason", "replacement.link"]), TAGS), ""))
        @example((redacted(BOTH, ["reason"]), (2, NAME, BOTH, TAGS), ""))
        @example((TWICE, (2, NAME, TWICE.replace(b'"x"', b"null").replace(b'"y"', b"null"), TAGS), ""))
        def search(change: tuple[bytes, Row, str]) -> None:
            old, (position, name, data, text), _ = change
            with connection.transaction(force_rollback=True):
                row = connection.execute(insert.encode(), (NAME, old, tags)).fetchone()
                assert row is not None
                place = row[0]
                moved = place if position == 2 else place + 7
                other = tags if text == TAGS else [*tags, "x"]
                new = (moved, name, data, other)
                allowed = is_redaction((place, NAME, old, tags), new)
                done = True
                try:
                    with connection.transaction():
                        connection.execute(update.encode(), (*new, place))
                except psycopg.Error:
                    done = False
                assert done == allowed
                (kept,) = connection.execute(select.encode()).fetchall()
                assert kept == (new if allowed else (place, NAME, old, tags))

        search()


def test_an_older_schema_can_be_redacted_once_it_was_made_current(postgres_dsn: str) -> None:
    """It opens and is whole as it is, refuses every update, and takes up the new guard with the redaction."""
    with rl.open(postgres_dsn) as ledger:
        ledger._core.log.recorder.append([event(NAME, "member:ana", "entry:7", data=BOTH)])
    new = redacted(BOTH, ["reason"])
    update = f"UPDATE {EVENTS} SET data = %s".encode()
    with psycopg.connect(postgres_dsn) as connection:
        make_older_on_postgres(connection)
    with psycopg.connect(postgres_dsn) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(update, (new,))
    with rl.open(postgres_dsn) as ledger:
        log = ledger._core.log
        assert log.structure_problems() == []
        log.redact({1: ["reason"]})
        assert log.structure_problems() == []
        assert [row[2] for row in log.stored()] == [new]
        with pytest.raises(StorageError, match="never changed"):
            log.recorder.redact_rows([1], lambda *_: BOTH)  # type: ignore[attr-defined]  # it redacts


# The file's format


def test_a_file_of_format_3_can_be_redacted_once_it_was_made_current(sqlite_path: Path) -> None:
    """It opens and is whole as it is, refuses every update, and takes up the new guard with the redaction."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event(NAME, "member:ana", "entry:7", data=BOTH)])
    new = redacted(BOTH, ["reason"])
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
        make_older(connection, 3)
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            connection.execute("UPDATE events SET data = ?", (new,))
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.integrity_check() == []
        recorder.redact_rows([1], lambda _, data: redacted(data, ["reason"]))
        assert (recorder.purge(), recorder.integrity_check()) == ([], [])
    with closing(sqlite3.connect(sqlite_path)) as connection:
        assert file._format(connection) == 4
        assert rows(connection) == [(1, NAME, new, TAGS)]


def test_a_backup_of_format_3_is_restored_as_it_is(sqlite_path: Path, tmp_path: Path) -> None:
    """And is whole; what is taken in as it was recorded makes an empty file of that format current."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event(NAME, "member:ana", "entry:7", data=BOTH)])
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
        make_older(connection, 3)
    rl.restore(sqlite_path, tmp_path / "restored.db")
    with SQLiteRecorder(tmp_path / "restored.db", read_only=True) as recorder:
        assert recorder.integrity_check() == []
    SQLiteRecorder(tmp_path / "empty.db").close()
    with closing(sqlite3.connect(tmp_path / "empty.db", isolation_level=None)) as connection:
        make_older(connection, 3)
    with SQLiteRecorder(tmp_path / "empty.db") as recorder:
        recorder.load_rows([(1, NAME, redacted(BOTH, ["reason"]), TAGS)])
        assert recorder.integrity_check() == []
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        assert file._format(connection) == 4
        assert rows(connection) == [(1, NAME, redacted(BOTH, ["reason"]), TAGS)]


def test_a_guard_of_another_format_is_altered(sqlite_path: Path) -> None:
    """The guard of format 3 in a file of format 4, and the other way round."""
    SQLiteRecorder(sqlite_path).close()
    for version, other in ((3, 4), (4, 3)):
        with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER events_keep")
            connection.execute(file.objects_at(other)["events_keep"])
            connection.execute(f"PRAGMA user_version = {version}")
        with SQLiteRecorder(sqlite_path, read_only=True) as recorder:
            assert recorder.schema_check() == ["events_keep is changed"]


def test_every_connection_writes_zeros(sqlite_recorder: SQLiteRecorder) -> None:
    """Also who only appends: what SQLite moves elsewhere meanwhile would stay in a page."""
    with sqlite_recorder._connections.writing() as connection:
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_a_build_that_does_not_write_zeros_redacts_nothing(
    sqlite_recorder: SQLiteRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and nothing is done."""
    monkeypatch.delitem(file._PRAGMAS, "secure_delete")
    sqlite_recorder.append([event(NAME, "member:ana", "entry:7", data=BOTH)])
    with sqlite_recorder._connections.writing() as connection:
        connection.execute("PRAGMA secure_delete = OFF")
    with pytest.raises(StorageError, match="secure_delete"):
        sqlite_recorder.redact_rows([1], lambda _, data: redacted(data, ["reason"]))
    (row,) = sqlite_recorder.read()
    assert row.event.data == BOTH


def test_a_redaction_that_is_more_than_one_is_refused(sqlite_recorder: SQLiteRecorder) -> None:
    """Our own code is kept from changing anything else too, and does half of nothing."""
    data = [event(NAME, "member:ana", "entry:7", data=BOTH) for _ in range(2)]
    sqlite_recorder.append(data)
    with pytest.raises(Exception, match="never changed"):
        sqlite_recorder.redact_rows([1, 2], lambda n, old: redacted(old, ["reason"]) if n == 1 else ENTRY)
    assert [each.event.data for each in sqlite_recorder.read()] == [BOTH, BOTH]


def test_a_redaction_that_is_swallowed_is_found_out(sqlite_path: Path) -> None:
    """By a trigger that was planted while the log was open: an error, and nothing is half there."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event(NAME, "member:ana", "entry:7", data=BOTH)])
        with closing(sqlite3.connect(sqlite_path)) as other:
            other.execute("CREATE TRIGGER planted BEFORE UPDATE ON events BEGIN SELECT RAISE(IGNORE); END")
        with pytest.raises(Altered, match="planted is foreign"):
            recorder.redact_rows([1], lambda _, data: redacted(data, ["reason"]))

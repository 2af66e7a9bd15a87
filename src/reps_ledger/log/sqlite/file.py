"""A ledger file: its tables, the triggers that guard them, checks for damage, and opening it.

What the triggers guarantee against plain SQL, from any program: no entry is changed, removed,
replaced or inserted anywhere but at the end, and no row of the tag index is changed, removed, or
added unless its entry really has that tag and that type. An index row can therefore never be false.
One change of an entry is allowed: a ciphertext beside it becomes null (`reps_ledger.log.sqlite.redaction`).

Nor is a row inserted that is no entry (`reps_ledger.log.sqlite.sound`). What they cannot prevent: that
another program inserts an entry without its index rows, so that it
is not found by its tags (``index_problems`` finds this), and that somebody who may alter the schema
drops the triggers, or plants others (`reps_ledger.log.sqlite.guards` finds that).

Opening makes sure that the file is a ledger of a known version, that it can be written, and that
every connection is as durable as promised.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from reps_ledger.errors import Damaged, NewerFormat, NotALedger, ReadOnly, StorageError
from reps_ledger.files import (
    LEDGER_MARK,
    OF_SQLITE,
    companion_of,
    create_empty,
    draft_beside,
    mark_of,
    peek,
    sync_folder,
)
from reps_ledger.log.sqlite.errors import KNOWN, NOT_WRITABLE, is_busy, translated, writable
from reps_ledger.log.sqlite.mark import can_be_marked, format_of, with_format, without_its_log
from reps_ledger.log.sqlite.presence import FileConnection, Identity, OpenFiles, identity
from reps_ledger.log.sqlite.redaction import REDACTION
from reps_ledger.log.sqlite.sound import NO_ENTRY
from reps_ledger.log.tag_fingerprint import TagFingerprint

FORMAT_VERSION: Final = 4
"""The version of the tables; a file with a higher one is left to a later release.

In a file of version 2 entries may have salt, which releases that knew only 1 cannot read. One of version 3
refuses rows that are no entries, and may have voids, which older releases cannot read. In one of version 4
ciphertexts may be redacted.
"""

_OLDEST_VERSION: Final = 1

HEAD: Final = "SELECT coalesce(max(position), 0) FROM events"
INSERT_EVENT: Final = "INSERT INTO events (position, type, data, tags) VALUES (?, ?, ?, ?)"
MANY: Final = 125
"""From so many entries on, an append is one of many: many rows a statement, rare checkpoints."""

CHECKPOINT_OFTEN: Final = "PRAGMA wal_autocheckpoint = 1000"
CHECKPOINT_RARELY: Final = "PRAGMA wal_autocheckpoint = 8000"
INSERT_ROWS: Final = {rows: INSERT_EVENT + ", (?, ?, ?, ?)" * (rows - 1) for rows in (1_000, 500, 250, MANY)}
"""Statements that insert so many entries at once, the largest first."""

# OR IGNORE: a tag given twice is indexed once. It does not weaken the triggers' RAISE.
INSERT_TAG: Final = "INSERT OR IGNORE INTO tags (tag, type, position) VALUES (?, ?, ?)"
INDEX_TAGS: Final = (
    "INSERT OR IGNORE INTO tags (tag, type, position) SELECT j.value, e.type, e.position"
    " FROM events e, json_each(e.tags) j WHERE e.position > ? ORDER BY 1, 2, 3"
)

# STRICT makes SQLite check what the columns promise; it came with 3.37.
_STRICT: Final = sqlite3.sqlite_version_info >= (3, 37)
_EVENTS_OPTIONS: Final = " STRICT" if _STRICT else ""
_TAGS_OPTIONS: Final = " STRICT, WITHOUT ROWID" if _STRICT else " WITHOUT ROWID"


SOUND: Final = "events_sound"
"""The trigger that refuses what is no entry."""

KEEP: Final = "events_keep"
"""The trigger that refuses to change an entry."""

_UNCHANGED: Final = "entries are never changed"


def _refusal(name: str, when: str, words: str) -> str:
    """A trigger that refuses what ``when`` describes, and undoes the transaction it is part of.

    ABORT would undo the one statement only. For that SQLite keeps a copy of every page that an
    append touches, which makes appends of a thousand entries a fifth slower.
    """
    return f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ROLLBACK, '{words}'); END"


# An index row must say what its entry says. The entry is found by its row id and its few tags are
# looked through, so that this costs the same however long the log is.
_TAG_IS_TRUE: Final = (
    "EXISTS (SELECT 1 FROM events e, json_each(e.tags) j"
    " WHERE e.position = {row}.position AND e.type = {row}.type AND j.value = {row}.tag)"
)

OBJECTS: Final = {
    "events": (
        "CREATE TABLE events (position INTEGER PRIMARY KEY, type TEXT NOT NULL,"
        f" data BLOB NOT NULL, tags TEXT NOT NULL){_EVENTS_OPTIONS}"
    ),
    # By tag and type, then position: what a decision depends on is a range of this index, and a
    # member's ten thousand reports are not touched to learn when that member joined.
    "tags": (
        "CREATE TABLE tags (tag TEXT NOT NULL, type TEXT NOT NULL, position INTEGER NOT NULL,"
        f" PRIMARY KEY (tag, type, position)){_TAGS_OPTIONS}"
    ),
    # Every index ends in the row id, which is the position: this is (type, position).
    "events_by_type": "CREATE INDEX events_by_type ON events (type)",
    KEEP: _refusal(KEEP, f"UPDATE ON events WHEN NOT {REDACTION}", _UNCHANGED),
    "events_stay": _refusal("events_stay", "DELETE ON events", "entries are never removed"),
    # Also closes INSERT OR REPLACE, which fires no DELETE trigger on a connection that did not
    # ask for recursive triggers.
    SOUND: _refusal(SOUND, f"INSERT ON events WHEN {NO_ENTRY}", "this is no entry of a ledger"),
    "events_dense": _refusal(
        "events_dense",
        f"INSERT ON events WHEN NEW.position IS NOT ({HEAD}) + 1",
        "an entry goes to the next position",
    ),
    "tags_keep": _refusal("tags_keep", "UPDATE ON tags", "index rows are never changed"),
    "tags_stay": _refusal("tags_stay", "DELETE ON tags", "index rows are never removed"),
    "tags_true": _refusal(
        "tags_true",
        f"INSERT ON tags WHEN NOT {_TAG_IS_TRUE.format(row='NEW')}",
        "an index row says what its entry says",
    ),
}
"""Every table, index and trigger by name, as its SQL."""

_BEFORE: Final[dict[int, dict[str, str | None]]] = {
    3: {SOUND: None},
    4: {KEEP: _refusal(KEEP, "UPDATE ON events", _UNCHANGED)},
}
"""What a version of the tables changed: the SQL that an object had before it, None where there was none."""


def objects_at(version: int) -> dict[str, str]:
    """Return every table, index and trigger that a file of a format has, by name, as its SQL."""
    found: dict[str, str | None] = dict(OBJECTS)
    for later in sorted(_BEFORE, reverse=True):
        if version < later:
            found |= _BEFORE[later]
    return {name: sql for name, sql in found.items() if sql is not None}


_GAPS: Final = "SELECT count(*), coalesce(max(position), 0) FROM events"
_SAID: Final = "SELECT position, type, NULL, tags FROM events"
_INDEXED: Final = "SELECT ?, tag, type, position FROM tags WHERE position <= ?"
_TAGS_IF_READABLE: Final = "json_each(CASE WHEN json_valid(e.tags) THEN e.tags ELSE '[]' END)"
_UNINDEXED: Final = (
    f"SELECT e.position, j.value FROM events e, {_TAGS_IF_READABLE} j"  # noqa: S608 — no text from outside
    " WHERE NOT EXISTS"
    " (SELECT 1 FROM tags t WHERE t.tag = j.value AND t.type = e.type"
    " AND t.position = e.position) LIMIT 10"
)
_UNTRUE: Final = (
    "SELECT t.position, t.tag FROM tags t"  # noqa: S608 — no text from outside
    f" WHERE NOT EXISTS (SELECT 1 FROM events e, {_TAGS_IF_READABLE} j"
    " WHERE e.position = t.position AND e.type = t.type AND j.value = t.tag) LIMIT 10"
)


def initialise(connection: sqlite3.Connection) -> None:
    """Make an empty database a ledger, in one transaction; does nothing to one that is.

    Args:
        connection: in autocommit mode, with its busy timeout set.
    """
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been first, between our look at the file and this lock.
    if connection.execute("PRAGMA application_id").fetchone()[0] != LEDGER_MARK:
        for statement in OBJECTS.values():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {LEDGER_MARK}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute(can_be_marked())
    connection.execute("COMMIT")


def make_current(connection: sqlite3.Connection) -> None:
    """Make a file of an older format one of this release, which is about to append to it, in one transaction.

    Its rows stay as they are; what guards them from now on is made where it is missing.
    """
    if _format(connection) >= FORMAT_VERSION:
        return
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if format_of(version) < FORMAT_VERSION:  # unless another process was first
            older = objects_at(format_of(version))
            for name, sql in OBJECTS.items():
                if older.get(name) != sql:
                    connection.execute(f"DROP TRIGGER IF EXISTS {name}")
                    connection.execute(sql)
            connection.execute(f"PRAGMA user_version = {with_format(version, FORMAT_VERSION)}")
        if alone:
            connection.execute("COMMIT")
    except BaseException:
        if alone and connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _format(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return format_of(version)


def objects_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Return every table, index and trigger that a file of this one's format has, by name, as its SQL."""
    return objects_at(_format(connection))


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the file but for its schema and tag index, in words; nothing if it is whole.

    Args:
        connection: whose reads should be in one transaction.

    Yields:
        One line for each problem found. A fault that stops the search is the last of them.
    """
    try:
        for (line,) in connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield line
        count, head = connection.execute(_GAPS).fetchone()
        if count != head:
            yield f"{head} is the last position, but there are {count} entries"
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        yield str(error)


def index_problems(
    connection: sqlite3.Connection, fingerprint: TagFingerprint | None = None
) -> Iterator[str]:
    """What is wrong with the tag index, in words; nothing if it says what the entries say.

    Args:
        connection: whose reads should be in one transaction.
        fingerprint: of what the entries say, if they were read already; later ones are not
            compared.
    """
    try:
        if fingerprint is None:
            fingerprint = TagFingerprint()
            fingerprint.add(connection.execute(_SAID))
        index = connection.execute(_INDEXED, (fingerprint.secret, fingerprint.last))
        if fingerprint.agrees(index):
            return
        for position, tag in connection.execute(_UNINDEXED):
            yield f"position {position}: the tag {tag!r} is not in the index"
        for position, tag in connection.execute(_UNTRUE):
            yield f"position {position}: the index has {tag!r}, the entry does not"
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        yield str(error)


_CACHED_STATEMENTS: Final = 256
RETRY_SECONDS: Final = 0.005
_C = TypeVar("_C", bound=sqlite3.Connection)

# Assuring, not only asking: SQLite ignores a pragma that it does not know.
_PRAGMAS: Final = {
    "synchronous": 2,  # FULL: a commit is on the disk before it is acknowledged
    "recursive_triggers": 1,  # so that REPLACE fires the triggers that refuse DELETE
    "secure_delete": 1,  # what a redaction takes away, and what SQLite moved elsewhere, becomes zeros
    "cache_size": -16_000,  # KiB: the upper levels of the tag index stay at hand
    "wal_autocheckpoint": 1_000,  # pages: a log that is used again costs less than one that grows
}


def prepare(path: Path, *, timeout: float, create: bool) -> None:
    """See that there is a ledger at this path, making a new one if there is nothing.

    Args:
        path: absolute, with symbolic links resolved.
        timeout: how many seconds to wait for another process.
        create: whether a missing or empty file may become a ledger.

    Raises:
        LedgerError: it is something else, or it cannot be made. Nothing was changed then.
    """
    try:
        _prepare(path, timeout, create=create)
    except KNOWN as error:
        raise translated(error, path) from error


def _prepare(path: Path, timeout: float, *, create: bool) -> None:
    exists = _exists(path)
    if exists and not path.is_file():
        raise StorageError(f"{path} is not a file; give the path of the ledger's own file")
    if not path.parent.is_dir():
        raise StorageError(f"{path}: its folder does not exist; make the folder first")
    if exists and not writable(path):
        # Before SQLite, which would leave files beside it that it could not remove again.
        raise ReadOnly(f"{path}: {NOT_WRITABLE}")
    if exists and not is_blank(path):
        return
    if not create:
        raise StorageError(f"{path}: there is no ledger here, and create is False")
    if (beside := companion_of(path)) is not None:
        raise NotALedger(f"{path} is kept for what lies beside {beside[0]}; give another path")
    if exists:
        _initialise_at(path, timeout)
        return
    left = left_beside(path)
    if left is not None and not _exists(path):  # unless another process made it meanwhile
        raise StorageError(left)
    _create(path, timeout)


def left_beside(path: Path) -> str | None:
    """What lies beside the path of a file that is to be new, in words; None where nothing does.

    SQLite would take the log of a ledger that was at that path for the new one's, and play it back into it.
    """
    for suffix in OF_SQLITE:
        beside = path.with_name(path.name + suffix)
        if os.path.lexists(beside):
            return f"{beside} is left of a ledger whose file is not there: put that back, or move this away"
    return None


def _exists(path: Path) -> bool:
    """Whether there is anything at the path; ``Path.exists`` hides other errors, from 3.14 on."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_blank(path: Path) -> bool:
    """Whether the file may become a ledger.

    Raises:
        LedgerError: it is neither blank nor a ledger.
        OSError: it cannot be read.
    """
    if path.stat().st_size == 0:
        return True
    mark, version = mark_of(path), peek(path, "PRAGMA user_version")
    if mark is None or version is None:
        raise NotALedger(f"{path} is not a ledger, nor any SQLite database")
    if mark == LEDGER_MARK:
        _check_version(path, version)
        return False
    log = path.with_name(f"{path.name}-wal")
    blank = not mark and not version and peek(path, "SELECT count(*) FROM sqlite_master") == 0
    if not blank or (log.exists() and log.stat().st_size):
        raise NotALedger(f"{path} is the database of another program")
    return True


def must_have_its_log(path: Path) -> None:
    """Refuse a ledger file that was copied or moved away from its write-ahead log.

    Raises:
        StorageError: it was, as far as can be known.
    """
    if without_its_log(path):
        raise StorageError(
            f"{path} was copied or moved while its ledger was open, without {path.name}-wal, which holds "
            "what was recorded last: entries may be missing. Put that beside it, or make the copy by backup. "
            "To go on with what it has, make a ledger of it by restore(…, incomplete=True), or --incomplete"
        )


def _check_version(path: Path, version: int) -> None:
    version = format_of(version)
    if version > FORMAT_VERSION:
        raise NewerFormat(
            f"{path} has format {version}, and this release knows {FORMAT_VERSION};"
            " use a later release of reps-ledger"
        )
    if version < _OLDEST_VERSION:
        raise Damaged(f"{path} has format {version}, which no release ever wrote")


def _create(path: Path, timeout: float) -> None:
    """Make the file elsewhere and link it into place, whole, unless another was first.

    So nobody ever sees half of it, and a failure has nothing at ``path`` to take back, where
    removing it could hit the file of a process that did succeed.
    """
    draft = draft_beside(path)
    try:
        create_empty(draft)
        _initialise_at(draft, timeout)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:
            # A file system without hard links. Here others may meet an empty file, and wait.
            create_empty(path)
            _initialise_at(path, timeout)
    finally:
        for suffix in ("", *OF_SQLITE):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the file is whole; a power cut may only lose its name
        sync_folder(path.parent)


def _initialise_at(path: Path, timeout: float) -> None:
    connection = _raw(f"{path.as_uri()}?mode=rwc", timeout)
    try:
        # Still with a rollback journal, so that the file itself, and not a log beside it, says
        # what it is from its first moment on.
        initialise(connection)
        _use_wal(connection, timeout)
    finally:
        connection.close()


def _raw(uri: str, timeout: float) -> FileConnection:
    return raw_connection(uri, timeout, FileConnection)


def raw_connection(uri: str, timeout: float, kind: type[_C]) -> _C:
    """Open a connection of a class, in autocommit mode, for one thread after another."""
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=timeout,
        isolation_level=None,  # transactions begin and end where this code says so
        check_same_thread=False,  # a connection serves one thread after another, never two at once
        cached_statements=_CACHED_STATEMENTS,
        factory=kind,
    )


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch to the write-ahead log; SQLite gives up at once where others are doing the same."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            break
    if mode != "wal":
        raise StorageError(f"SQLite keeps the journal mode {mode!r}; the ledger needs WAL")


def connect(path: Path, timeout: float) -> FileConnection:
    """Open a connection to a ledger file and assert that it is as durable as promised.

    Args:
        path: a file that ``prepare`` accepted.
        timeout: how many seconds to wait for another process.

    Raises:
        LedgerError: the file was exchanged meanwhile, or SQLite does not do what it is told.
    """
    before = identity(str(path))
    connection = _raw(f"{path.as_uri()}?mode=rw", timeout)
    try:
        check_ledger(connection, path)
        _use_wal(connection, timeout)
        assure(connection, timeout)
        connection.execute("PRAGMA schema_version").fetchone()  # by which the log is opened, if not before
        connection.files = OpenFiles(path)  # now that both are open, and cannot be others by themselves
        _must_be(before, connection.files.file, path)
    except BaseException:
        connection.close()
        raise
    return connection


def check_ledger(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that a connection is to a ledger of a known version.

    Raises:
        LedgerError: it is not.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != LEDGER_MARK:
        raise NotALedger(f"{path} is not a ledger any more; it was exchanged")
    _check_version(path, connection.execute("PRAGMA user_version").fetchone()[0])


def _must_be(before: Identity | None, now: Identity | None, path: Path) -> None:
    if now != before:
        raise StorageError(f"{path} was replaced while it was opened; open it again")


def connect_in_memory(timeout: float) -> FileConnection:
    """Open a new ledger that lives as long as its one connection."""
    connection = _raw("file::memory:", timeout)
    try:
        initialise(connection)
        assure(connection, timeout)
    except BaseException:
        connection.close()
        raise
    return connection


def assure(connection: sqlite3.Connection, timeout: float) -> None:
    """Tell a connection what to do, and make sure that SQLite does it.

    Raises:
        StorageError: it does not.
    """
    for name, value in {**_PRAGMAS, "busy_timeout": int(timeout * 1000)}.items():
        connection.execute(f"PRAGMA {name} = {value}")
        found = connection.execute(f"PRAGMA {name}").fetchone()
        if found != (value,):
            raise StorageError(f"SQLite does not do {name} = {value}; it says {found}")


def assert_writable(connection: sqlite3.Connection, timeout: float) -> None:
    """Raise what SQLite says where nothing can be written, now and not at the first append."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("BEGIN IMMEDIATE")  # where nothing can be written, just a BEGIN
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        # Who waits for another writer could write.
        if not is_busy(error):
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")

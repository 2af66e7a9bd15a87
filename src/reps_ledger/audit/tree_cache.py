"""The tree's cache: inner hashes, kept beside the log so that a proof need not hash all of it.

Entries are grouped in blocks of 256. Of each full block the cache has its root and the roots of
the larger complete subtrees that it completes, each with the position of its last entry. Of every
entry, also of those past the last full block, it has a *fingerprint*: the first bytes of its leaf
hash, by which a changed entry is found. Every row has a checksum.

Beside them lies, for each key, the last checkpoint that it signed. Hashes in a file can be forged, a
signature cannot: what is signed next is compared with it.

The cache is a small SQLite database, so that a crash, or another process, leaves one state or the
next. It is not synced to disk, as it can be made again from the log.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from reps_ledger.audit.merkle import HASH_BYTES, node_hash
from reps_ledger.errors import Busy, InvalidInput, LedgerError
from reps_ledger.files import TREE_MARK, claim_database, create_empty, mark_of

BLOCK: Final = 256
"""Entries in a block."""

FINGERPRINT_BYTES: Final = 8
"""Bytes of a fingerprint: the first of an entry's leaf hash."""

FORMAT: Final = 2
"""The version of the tables and of what is hashed; a cache of another one is made anew."""

_TIMEOUT: Final = 60.0
_TABLES: Final = (
    """CREATE TABLE nodes (level INTEGER, number INTEGER, last INTEGER NOT NULL,
    hash BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID""",
    "CREATE TABLE prints (block INTEGER PRIMARY KEY, data BLOB NOT NULL, checksum INTEGER)",
    "CREATE TABLE notes (key TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {TREE_MARK}",
    f"PRAGMA user_version = {FORMAT}",
)
_NODE: Final = struct.Struct(">QQQ32s")


class Unusable(Exception):
    """The cache is damaged, incomplete or of another format: it is to be made again."""


@frozen
class Node:
    """A complete subtree.

    Attributes:
        last: the position of its last entry.
        hash: its root.
    """

    last: int
    hash: bytes


class CacheTransaction:
    """One transaction on the cache.

    Attributes:
        blocks: how many full blocks the cache has.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (self.blocks,) = connection.execute(
            "SELECT coalesce(max(number) + 1, 0) FROM nodes WHERE level = 0"
        ).fetchone()

    def node(self, level: int, number: int) -> Node:
        """Return the complete subtree of ``2 ** level`` blocks with a number, from the left.

        Raises:
            Unusable: it is missing or damaged.
        """
        row = self._connection.execute(
            "SELECT last, hash, checksum FROM nodes WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        if row is None:
            raise Unusable(f"node {level}/{number} is missing")
        last, found, checksum = row
        if not isinstance(found, bytes) or len(found) != HASH_BYTES or not isinstance(last, int):
            raise Unusable(f"node {level}/{number} is damaged")
        if last < 0 or checksum != zlib.crc32(_NODE.pack(level, number, last, found)):
            raise Unusable(f"node {level}/{number} is damaged")
        return Node(last, found)

    def fingerprints(self, block: int) -> bytes | None:
        """Return the fingerprints of a block's entries, joined; None if missing or damaged.

        Of the block past the full ones, those of the entries that it had.
        """
        return _fingerprints(self._connection, block)

    def add_block(self, hashes: Sequence[bytes], root: bytes, last: int) -> None:
        """Add the next full block, and the larger subtrees that it completes.

        Args:
            hashes: of its leaves.
            root: of its subtree.
            last: the position of its last entry.
        """
        block = self.blocks
        self.set_fingerprints(hashes)
        level, number, found = 0, block, root
        self._put(level, number, last, found)
        while number & 1:
            found = node_hash(self.node(level, number - 1).hash, found)
            level, number = level + 1, number >> 1
            self._put(level, number, last, found)
        self.blocks += 1

    def set_fingerprints(self, hashes: Sequence[bytes]) -> None:
        """Set the fingerprints of the block past the full ones, of as many entries as it has."""
        block = self.blocks
        data = b"".join(each[:FINGERPRINT_BYTES] for each in hashes)
        if data != self.fingerprints(block):
            self._connection.execute(
                "INSERT OR REPLACE INTO prints VALUES (?, ?, ?)", (block, data, zlib.crc32(data, block))
            )

    def note(self, key: str) -> str | None:
        """Return the note of the last checkpoint that a key signed, as far as it is cached.

        Args:
            key: the verifying key, written out.
        """
        row = self._connection.execute("SELECT note FROM notes WHERE key = ?", (key,)).fetchone()
        return row[0] if row is not None and isinstance(row[0], str) else None

    def set_note(self, key: str, note: str) -> None:
        """Set the note of the last checkpoint that a key signed."""
        self._connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, note))

    def _put(self, level: int, number: int, last: int, found: bytes) -> None:
        checksum = zlib.crc32(_NODE.pack(level, number, last, found))
        self._connection.execute(
            "INSERT INTO nodes VALUES (?, ?, ?, ?, ?)", (level, number, last, found, checksum)
        )


class TreeCache:
    """Where the inner hashes of one log's tree are cached.

    Args:
        path: the file; None to keep them in memory. They are also kept in memory where the file
            cannot be made or written, which costs time when the ledger is opened again. One without our
            mark is refused, as it may be anything; with it, a damaged cache is made again.
        read_only: whether the file is only read, for what was signed and for fingerprints; hashes are kept in
            memory.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._guard = threading.RLock()
        self._memory: sqlite3.Connection | None = None
        self._notes: list[tuple[str, str]] = []  # for the next cache, of one that was discarded

    @property
    def exists(self) -> bool:
        """Whether anything was cached."""
        return self._memory is not None or (self.path is not None and self.path.exists())

    @contextlib.contextmanager
    def fingerprints(self) -> Iterator[Callable[[int], bytes | None]]:
        """Read fingerprints block by block, without a transaction that others would wait for.

        Yields:
            A function that returns those of a block, as `CacheTransaction.fingerprints` does.

        Raises:
            Unusable: it is damaged.
            InvalidInput: the file is something else.
        """
        with self._guard:
            reads = self._read_only and self._memory is None
            connection = self._to_read() if reads else self._connection()
        alone = connection is not self._memory

        def read(block: int) -> bytes | None:
            with contextlib.nullcontext() if alone else self._guard:
                return _fingerprints(connection, block)

        try:
            yield read
        finally:
            if alone:
                connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[CacheTransaction]:
        """Begin a transaction, which is committed unless the cache turns out to be unusable.

        Raises:
            Unusable: it is damaged; `discard` it and begin again.
            Busy: another process works on it for too long.
            InvalidInput: the file is something else.
        """
        with self._guard:
            connection = self._connection()
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield CacheTransaction(connection)
                except LedgerError:  # the question has no answer; what was cached for it is right
                    connection.execute("COMMIT")
                    raise
                connection.execute("COMMIT")
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if _code(error) == sqlite3.SQLITE_BUSY:
                    raise Busy(f"{self.path}: another process works on it; try again") from error
                raise Unusable(str(error)) from error
            finally:
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                if connection is not self._memory:
                    connection.close()

    def discard(self) -> None:
        """Remove all that was cached but for signed checkpoints, where these can still be read."""
        with self._guard:
            self._notes = self._saved() or self._notes
            if self._memory is not None:
                self._memory.close()
                self._memory = None
            if self.path is not None and not self._read_only:
                try:
                    if mark_of(self.path) == TREE_MARK:  # nobody put another file there meanwhile
                        for suffix in ("-journal", ""):
                            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                except OSError:
                    self.path = None

    def close(self) -> None:
        """Close the connection of a cache in memory."""
        with self._guard:
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def _to_read(self) -> sqlite3.Connection:
        """Open the file to be read.

        Raises:
            Unusable: it cannot be.
        """
        assert self.path is not None, "there is nothing to read in memory"  # noqa: S101 — it exists
        try:
            claim_database(self.path, TREE_MARK, field="state")
            connection = _raw_to_read(self.path)
        except (sqlite3.Error, OSError) as error:
            raise Unusable(str(error)) from error
        try:
            self._check(connection, self.path)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error | UnicodeDecodeError):
                raise Unusable(str(error)) from error
            raise
        return connection

    def _connection(self) -> sqlite3.Connection:
        if self.path is not None and not self._read_only:
            try:
                return self._on_file(self.path)
            except (sqlite3.OperationalError, OSError) as error:
                if _code(error) == sqlite3.SQLITE_BUSY:
                    raise Busy(f"{self.path}: another process works on it; try again") from error
                self.path = None
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                raise Unusable(str(error)) from error
        if self._memory is None:
            notes = self._saved() if self._read_only else self._notes
            self._memory = _raw(":memory:")
            weakref.finalize(self, self._memory.close)  # of who does not close this
            _initialise(self._memory, notes or self._notes)
        return self._memory

    def _on_file(self, path: Path) -> sqlite3.Connection:
        claim_database(path, TREE_MARK, field="state")
        existed = path.exists() and path.stat().st_size > 0
        if not existed:
            create_empty(path)
        connection = _raw(str(path))
        try:
            connection.execute("PRAGMA synchronous = OFF")  # it can be made again from the log
            if existed:
                self._check(connection, path)
            else:
                _initialise(connection, self._notes)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection, path: Path) -> None:
        (marked,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if marked != TREE_MARK:
            raise InvalidInput(f"{path} is the database of another program; name another file")
        if version != FORMAT:
            raise Unusable(f"{path} has format {version}")
        connection.execute("SELECT 1 FROM nodes, prints, notes LIMIT 1")

    def _saved(self) -> list[tuple[str, str]]:
        with contextlib.suppress(sqlite3.Error, OSError, UnicodeDecodeError):
            if self._memory is not None:
                return self._memory.execute("SELECT key, note FROM notes").fetchall()
            if self.path is not None and mark_of(self.path) == TREE_MARK:
                with contextlib.closing(_raw_to_read(self.path)) as connection:
                    return connection.execute("SELECT key, note FROM notes").fetchall()
        return []


def _raw(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)


def _raw_to_read(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)


def _fingerprints(connection: sqlite3.Connection, block: int) -> bytes | None:
    try:
        row = connection.execute("SELECT data, checksum FROM prints WHERE block = ?", (block,)).fetchone()
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    if row is None or not isinstance(row[0], bytes) or row[1] != zlib.crc32(row[0], block):
        return None
    data: bytes = row[0]
    return data


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF  # an extended code keeps its primary code in the low byte


def _initialise(connection: sqlite3.Connection, notes: list[tuple[str, str]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:  # another process may have been first
        for statement in _TABLES:
            connection.execute(statement)
        connection.executemany("INSERT INTO notes VALUES (?, ?)", notes)
    connection.execute("COMMIT")

"""The shelf: the inner hashes of a ledger's tree, kept beside the log so that proofs are quick.

It is a cache. A block is 256 entries. Of each full block the shelf holds its hash and those of
the larger complete subtrees that it completes, with the last position under each, and of every
entry, also of the last block that is not full, a *print*: the first bytes of its hash, by which a
changed entry is found. Every row has a checksum. It is a small SQLite database, so that a crash or
another process leaves one state or the next; it is not made durable, as it can be made again of
the log.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import threading
import weakref
import zlib
from typing import TYPE_CHECKING, Final

from attrs import frozen

from reps_ledger.audit.merkle import HASH_BYTES, node_hash
from reps_ledger.errors import Busy, InvalidInput, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["BLOCK", "PRINT_BYTES", "Node", "Shelf", "Unusable", "Worktable"]

BLOCK: Final = 256
"""Entries in a block."""

PRINT_BYTES: Final = 8
"""Bytes of an entry's hash that are kept of it."""

APPLICATION_ID: Final = 0x52657454
"""``RetT``: marks the file as a shelf."""

FORMAT: Final = 1
"""The version of the tables, and of what is hashed; another one is made anew."""

_TIMEOUT: Final = 60.0
_TABLES: Final = (
    """CREATE TABLE nodes (level INTEGER, number INTEGER, last INTEGER NOT NULL,
    hash BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID""",
    "CREATE TABLE prints (block INTEGER PRIMARY KEY, data BLOB NOT NULL, checksum INTEGER)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)
_NODE: Final = struct.Struct(">QQQ32s")


class Unusable(Exception):
    """What is on the shelf cannot be used: it is to be made again."""


@frozen
class Node:
    """A complete subtree.

    Attributes:
        last: the position of its last entry.
        hash: its root.
    """

    last: int
    hash: bytes


class Worktable:
    """The shelf, opened for one piece of work in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (self.blocks,) = connection.execute(
            "SELECT coalesce(max(number) + 1, 0) FROM nodes WHERE level = 0"
        ).fetchone()

    def node(self, level: int, number: int) -> Node:
        """Return the subtree of ``2 ** level`` blocks with a number, from the left.

        Raises:
            Unusable: it is not there, or not as it was put there.
        """
        row = self._connection.execute(
            "SELECT last, hash, checksum FROM nodes WHERE level = ? AND number = ?",
            (level, number),
        ).fetchone()
        if row is None:
            raise Unusable(f"node {level}/{number} is missing")
        last, found, checksum = row
        if not isinstance(found, bytes) or len(found) != HASH_BYTES or not isinstance(last, int):
            raise Unusable(f"node {level}/{number} is damaged")
        if last < 0 or checksum != zlib.crc32(_NODE.pack(level, number, last, found)):
            raise Unusable(f"node {level}/{number} is damaged")
        return Node(last, found)

    def prints(self, block: int) -> bytes | None:
        """Return the prints of a block's entries, one after the other; None where there is none.

        Of the block that is not full, those of the entries that there were.
        """
        return _prints(self._connection, block)

    def add(self, hashes: Sequence[bytes], root: bytes, last: int) -> None:
        """Put the next full block on the shelf.

        Args:
            hashes: of its entries.
            root: of its subtree.
            last: the position of its last entry.
        """
        block = self.blocks
        self.keep(hashes)
        level, number, found = 0, block, root
        self._put(level, number, last, found)
        while number & 1:
            found = node_hash(self.node(level, number - 1).hash, found)
            level, number = level + 1, number >> 1
            self._put(level, number, last, found)
        self.blocks += 1

    def keep(self, hashes: Sequence[bytes]) -> None:
        """Keep the prints of the block after the full ones, as far as it goes."""
        block = self.blocks
        data = b"".join(each[:PRINT_BYTES] for each in hashes)
        if data != self.prints(block):
            self._connection.execute(
                "INSERT OR REPLACE INTO prints VALUES (?, ?, ?)",
                (block, data, zlib.crc32(data, block)),
            )

    def _put(self, level: int, number: int, last: int, found: bytes) -> None:
        checksum = zlib.crc32(_NODE.pack(level, number, last, found))
        self._connection.execute(
            "INSERT INTO nodes VALUES (?, ?, ?, ?, ?)", (level, number, last, found, checksum)
        )


class Shelf:
    """Where the inner hashes of one log are kept.

    Args:
        path: the file; None to keep them in memory. A file that cannot be made or written
            changes nothing but what the next time costs: they are kept in memory then.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._guard = threading.RLock()
        self._memory: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        """Whether there is anything that was kept."""
        return self._memory is not None or (self.path is not None and self.path.exists())

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[Callable[[int], bytes | None]]:
        """Look at the prints of blocks, one after the other, in nobody's way.

        Yields:
            What returns the prints of a block, as ``Worktable.prints`` does.

        Raises:
            Unusable: it is damaged.
            InvalidInput: the file is something else.
        """
        with self._guard:
            connection = self._connection()
        alone = connection is not self._memory

        def look(block: int) -> bytes | None:
            with contextlib.nullcontext() if alone else self._guard:
                return _prints(connection, block)

        try:
            yield look
        finally:
            if alone:
                connection.close()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Worktable]:
        """Open the shelf: what is put on it stays there, unless it turns out to be unusable.

        Raises:
            Unusable: it is damaged; `forget` it and begin again.
            Busy: another process works on it for too long.
            InvalidInput: the file is something else.
        """
        with self._guard:
            connection = self._connection()
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield Worktable(connection)
                except LedgerError:  # what was asked cannot be; what was put there is true
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

    def forget(self) -> None:
        """Remove what cannot be used."""
        with self._guard:
            if self._memory is not None:
                self._memory.close()
                self._memory = None
            if self.path is not None:
                try:
                    for suffix in ("-journal", ""):
                        self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                except OSError:
                    self.path = None

    def close(self) -> None:
        """Give back what is held."""
        with self._guard:
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def _connection(self) -> sqlite3.Connection:
        if self.path is not None:
            try:
                return self._on_file(self.path)
            except (sqlite3.OperationalError, OSError) as error:
                if _code(error) == sqlite3.SQLITE_BUSY:
                    raise Busy(f"{self.path}: another process works on it; try again") from error
                self.path = None
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                raise Unusable(str(error)) from error
        if self._memory is None:
            self._memory = _raw(":memory:")
            weakref.finalize(self, self._memory.close)  # of who does not close this
            _initialise(self._memory)
        return self._memory

    def _on_file(self, path: Path) -> sqlite3.Connection:
        existed = path.exists() and path.stat().st_size > 0
        connection = _raw(str(path))
        try:
            connection.execute("PRAGMA synchronous = OFF")  # it can be made again of the log
            if existed:
                self._check(connection, path)
            else:
                _initialise(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection, path: Path) -> None:
        (marked,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if marked != APPLICATION_ID:
            raise InvalidInput(f"{path} is the database of another program; name another file")
        if version != FORMAT:
            raise Unusable(f"{path} has format {version}")
        connection.execute("SELECT 1 FROM nodes, prints LIMIT 1")


def _raw(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)


def _prints(connection: sqlite3.Connection, block: int) -> bytes | None:
    try:
        row = connection.execute(
            "SELECT data, checksum FROM prints WHERE block = ?", (block,)
        ).fetchone()
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    if row is None or not isinstance(row[0], bytes) or row[1] != zlib.crc32(row[0], block):
        return None
    data: bytes = row[0]
    return data


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF  # an extended code keeps its primary code in the low byte


def _initialise(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:  # another process may have been first
        for statement in _TABLES:
            connection.execute(statement)
    connection.execute("COMMIT")

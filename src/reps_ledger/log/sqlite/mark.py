"""A mark in a ledger's file while it is written to, by which a copy without its write-ahead log is known.

What was recorded last is only in the write-ahead log, and a copy of the file alone looks like a whole ledger
that is older. So whoever appends first puts a mark into the file itself, and whoever closes it last, so that
the log is gone and all of it is in the file, takes the mark away. It names the file that it was put into, by
inode and name: a marked file without a log, which is another or has another name, was copied or moved away
from its log.

The mark is in the upper bytes of SQLite's ``user_version``, whose lowest has the format of the tables. Copies
that SQLite itself makes are whole, and carry it too. One by ``VACUUM INTO`` is not in WAL mode until it is
used. One by its backup counts the changes of its schema anew, while a ledger that can be marked begins with a
large number of them.

What this cannot know: which entries are missing, or whether any is; a log that was removed beside the file
that it belongs to; a copy of a file that was never appended to since it was opened, which is whole.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from reps_ledger.log.sqlite.presence import FileConnection, Identity, identity

_FORMAT: Final = 0xFF  # of user_version: the format of the tables
_MARK: Final = 0x7FFF_FF  # of what is above that: its sign stays as it is
_SCHEMAS: Final = 1 << 16  # changes of a schema that no copy by SQLite's backup comes to
_MOST: Final = (1 << 31) - 1
_WAL: Final = b"\2\2"
_HEADER_BYTES: Final = 100


def format_of(user_version: int) -> int:
    """Return the format of the tables that a file's ``user_version`` says."""
    return user_version & _FORMAT


def can_be_marked() -> str:
    """Return the statement, after the tables are made, by which a file differs from SQLite's copies of it."""
    return f"PRAGMA schema_version = {_SCHEMAS + secrets.randbelow(_MOST - 2 * _SCHEMAS)}"


def with_format(user_version: int, version: int) -> int:
    """Return a ``user_version`` with another format of the tables, and its mark."""
    return user_version & ~_FORMAT | version


def without_its_log(path: Path) -> bool:
    """Whether a ledger file was copied or moved away from its write-ahead log, as far as can be known.

    Args:
        path: of a file that this process does not have open as a database: closing it here would drop the
            locks on it (POSIX).
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    found = int.from_bytes(header[60:64], "big") >> 8
    schemas = int.from_bytes(header[40:44], "big")
    if not found or schemas < _SCHEMAS or header[18:20] != _WAL:
        return False
    return found != _of(path) and not os.path.lexists(f"{path}-wal")


def put(connection: FileConnection, path: Path) -> None:
    """Mark the file of a connection, unless it is; where others write, the next append tries again.

    Args:
        connection: in no transaction.
        path: of the file.
    """
    with suppress(sqlite3.Error, OSError):  # what was appended is on the disk already
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (schemas,) = connection.execute("PRAGMA schema_version").fetchone()
        mark = _of(path)
        if schemas >= _SCHEMAS and version >> 8 != mark:
            (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute(f"PRAGMA user_version = {mark << 8 | format_of(version)}")
                # Into the file itself, which alone may be copied.
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {timeout}")
        connection.marked = True


def is_put(connection: sqlite3.Connection) -> bool:
    """Whether the file of a connection has a mark: its own, or that of the file that it is a copy of."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version >> 8)


def take_away(path: Path, file: Identity | None) -> bool:
    """Take the mark away, once nobody has the file open any more; leave it where somebody has.

    Returns whether there is nothing more to do.

    Args:
        path: of the file.
        file: which file that was.
    """
    with suppress(sqlite3.Error, OSError):  # at worst a copy of it says that something may be missing
        if identity(str(path)) != file:
            return True
        if os.path.lexists(f"{path}-wal"):
            return False
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0)) as connection:
            clean(connection)
        return True
    return False


def clean(connection: sqlite3.Connection) -> None:
    """Take the mark away from the file of a connection, in no transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != format_of(version):
        connection.execute(f"PRAGMA user_version = {format_of(version)}")


def _of(path: Path) -> int:
    found = f"{path.stat().st_ino} {path.name}".encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(found, digest_size=3, person=b"reps-ledger-mark").digest()
    return int.from_bytes(digest, "big") & _MARK or 1

"""What went wrong in SQLite, as this project's own errors. The only place that maps them."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from reps_ledger.errors import (
    Busy,
    Damaged,
    InvalidInput,
    LedgerError,
    NotALedger,
    ReadOnly,
    StorageError,
    TooLarge,
)

KNOWN: Final = (sqlite3.Error, OSError, UnicodeError, OverflowError)
"""What ``translated`` understands."""

_PRIMARY: Final = 0xFF  # an extended code keeps its primary code in the low byte

NOT_WRITABLE: Final = "the file or its folder cannot be written; open it with read_only=True to ask it"
"""What is said of a ledger that cannot be recorded in."""

_NOT_WRITABLE: Final = (ReadOnly, NOT_WRITABLE)
_DAMAGED: Final = (Damaged, "the file is damaged, restore it from a copy")
_REFUSED: Final = (InvalidInput, "the tables refuse this")
_MEANING: Final[dict[int, tuple[type[LedgerError], str]]] = {
    sqlite3.SQLITE_BUSY: (Busy, "others keep writing to it; nothing was written, try again"),
    sqlite3.SQLITE_NOTADB: (NotALedger, "this is not a ledger, nor any SQLite database"),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: (
        StorageError,
        "it cannot be opened; is it still there, and has this process too many files open?",
    ),
    sqlite3.SQLITE_FULL: (StorageError, "no room left, so nothing was written; make room and try again"),
    sqlite3.SQLITE_IOERR: (
        StorageError,
        "reading or writing failed, so nothing was written; see to the disk and try again",
    ),
    sqlite3.SQLITE_TOOBIG: (TooLarge, "SQLite cannot store a value of this size"),
    sqlite3.SQLITE_CONSTRAINT: _REFUSED,
    sqlite3.SQLITE_MISMATCH: _REFUSED,
}


def of_path(path: Path | None) -> str:
    """How to call the database in a message."""
    return "the ledger in memory" if path is None else str(path)


def writable(path: Path) -> bool:
    """Whether this process may write the file and the files that SQLite keeps beside it."""
    effective = os.access in os.supports_effective_ids
    folder = os.access(path.parent, os.W_OK | os.X_OK, effective_ids=effective)
    file = not path.exists() or os.access(path, os.W_OK, effective_ids=effective)
    return folder and file


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock."""
    return error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY


def is_damage(error: sqlite3.Error) -> bool:
    """Whether what was read is damaged, or no database at all."""
    damage = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY in damage


def translated(error: Exception, path: Path | None) -> LedgerError:
    """The error to raise in place of one from below.

    Args:
        error: one of ``KNOWN``.
        path: the file, or None for a ledger in memory.

    Returns:
        What to raise, ``from`` the error given.
    """
    where = of_path(path)
    match error:
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            return ReadOnly(f"{where}: no permission to read and write it: {error.strerror}")
        case OSError():
            return StorageError(f"{where}: {error.strerror or error}")
        case UnicodeEncodeError():
            return InvalidInput(f"text that is not valid Unicode cannot be stored: {error}")
        case UnicodeDecodeError():  # SQLite's own words about a damaged file are damaged too
            return Damaged(f"{where}: {_DAMAGED[1]}: {error}")
        case OverflowError():
            return TooLarge(f"SQLite cannot store a value of this size: {error}")
        case _:
            return _from_sqlite(error, path)


def _from_sqlite(error: Exception, path: Path | None) -> LedgerError:
    # The module's own complaints, such as a value of a type that SQLite does not have, carry none.
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if extended == sqlite3.SQLITE_READONLY_ROLLBACK:
        return ReadOnly(
            f"{of_path(path)}: a writer was interrupted, and what it began must be taken back first: open it "
            "once where it can be written"
        )
    code = extended & _PRIMARY
    kind, words = _MEANING.get(code, (StorageError, "SQLite failed"))
    if code == sqlite3.SQLITE_CANTOPEN and path is not None and not writable(path):
        kind, words = _MEANING[sqlite3.SQLITE_READONLY]
    return kind(f"{of_path(path)}: {words}: {error}")

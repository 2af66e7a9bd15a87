"""Opening a ledger file: is it one, may it be written, and is every connection as it must be?"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from reps_ledger.errors import (
    Damaged,
    LedgerError,
    NewerFormat,
    NotALedger,
    ReadOnly,
    StorageError,
)
from reps_ledger.log.sqlite.faults import KNOWN, is_busy, translated, writable
from reps_ledger.log.sqlite.schema import APPLICATION_ID, FORMAT_VERSION, initialise

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["assert_writable", "connect", "connect_in_memory", "prepare"]

_CACHED_STATEMENTS: Final = 256
_MAGIC: Final = b"SQLite format 3\x00"
_HEADER_BYTES: Final = 100
_NO_TABLES: Final = b"\x0d\0\0\0\0"  # after the header: a leaf of the schema with no cell in it
_SIDE_FILES: Final = ("", "-journal", "-wal", "-shm")
_RETRY_SECONDS: Final = 0.005

# Assuring, not only asking: SQLite ignores a pragma that it does not know.
_PRAGMAS: Final = {
    "synchronous": 2,  # FULL: a commit is on the disk before it is acknowledged
    "recursive_triggers": 1,  # so that REPLACE fires the triggers that refuse DELETE
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
    exists = path.exists()
    if exists and not path.is_file():
        raise StorageError(f"{path} is not a file; give the path of the ledger's own file")
    if not path.parent.is_dir():
        raise StorageError(f"{path}: its folder does not exist; make the folder first")
    if exists and not writable(path):
        # Before SQLite, which would leave files beside it that it could not remove again.
        raise ReadOnly(f"{path}: the file or its folder cannot be written")
    if exists and not _is_blank(path):
        return
    if not create:
        raise StorageError(f"{path}: there is no ledger here, and create is False")
    if exists:
        _initialise_at(path, timeout)
    else:
        _create(path, timeout)


def _is_blank(path: Path) -> bool:
    """Whether the file may become a ledger; raises unless it is blank or one already.

    The header is read as bytes: opening another program's database would touch files beside it.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES + len(_NO_TABLES))
    if not header:
        return True
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise NotALedger(f"{path} is not a ledger, nor any SQLite database")
    user_version, application_id = (int.from_bytes(header[at : at + 4], "big") for at in (60, 68))
    if application_id == APPLICATION_ID:
        _check_version(path, user_version)
        return False
    log = path.with_name(f"{path.name}-wal")
    in_use = (
        application_id
        or user_version
        or header[_HEADER_BYTES:] != _NO_TABLES
        or (log.exists() and log.stat().st_size)
    )
    if in_use:
        raise NotALedger(f"{path} is the database of another program")
    return True


def _check_version(path: Path, version: int) -> None:
    if version > FORMAT_VERSION:
        raise NewerFormat(
            f"{path} has format {version}, and this release knows {FORMAT_VERSION};"
            " use a later release of reps-ledger"
        )
    if version < FORMAT_VERSION:
        raise Damaged(f"{path} has format {version}, which no release ever wrote")


def _create(path: Path, timeout: float) -> None:
    """Make the file elsewhere and link it into place, whole, unless another was first.

    So nobody ever sees half of it, and a failure has nothing at ``path`` to take back, where
    removing it could hit the file of a process that did succeed.
    """
    draft = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        _initialise_at(draft, timeout)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:
            # A file system without hard links. Here others may meet an empty file, and wait.
            _initialise_at(path, timeout)
    finally:
        for suffix in _SIDE_FILES:
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder last, where the system knows how (Windows does not)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _initialise_at(path: Path, timeout: float) -> None:
    connection = _raw(f"{path.as_uri()}?mode=rwc", timeout)
    try:
        # Still with a rollback journal, so that the file itself, and not a log beside it, says
        # what it is from its first moment on.
        initialise(connection)
        _use_wal(connection, timeout)
    finally:
        connection.close()


def _raw(uri: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=timeout,
        isolation_level=None,  # transactions begin and end where this code says so
        check_same_thread=False,  # a connection serves one thread after another, never two at once
        cached_statements=_CACHED_STATEMENTS,
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
            time.sleep(_RETRY_SECONDS)
        else:
            break
    if mode != "wal":
        raise StorageError(f"SQLite keeps the journal mode {mode!r}; the ledger needs WAL")


def connect(path: Path, timeout: float) -> sqlite3.Connection:
    """Open a connection to a ledger file and assert that it is as durable as promised.

    Args:
        path: a file that ``prepare`` accepted.
        timeout: how many seconds to wait for another process.

    Raises:
        LedgerError: the file was exchanged meanwhile, or SQLite does not do what it is told.
    """
    connection = _raw(f"{path.as_uri()}?mode=rw", timeout)
    try:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            raise NotALedger(f"{path} is not a ledger any more; it was exchanged")
        _check_version(path, connection.execute("PRAGMA user_version").fetchone()[0])
        _use_wal(connection, timeout)
        _assure(connection, timeout)
    except (LedgerError, sqlite3.Error, UnicodeError):
        connection.close()
        raise
    return connection


def connect_in_memory(timeout: float) -> sqlite3.Connection:
    """Open a new ledger that lives as long as its one connection."""
    connection = _raw("file::memory:", timeout)
    initialise(connection)
    _assure(connection, timeout)
    return connection


def _assure(connection: sqlite3.Connection, timeout: float) -> None:
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

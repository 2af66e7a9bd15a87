"""Connections that only read a ledger file and leave nothing beside it: also where nothing can be written.

A file in WAL mode is more than one file, and SQLite reads it in one of three ways:

- shared: while somebody has it open, by the locks that everybody keeps in the ``-shm`` file. That is opened
  to be read. Who only reads never makes one: a writer of another user could not write to it then.
- copied: where a killed process, or a copy, left a ``-wal`` file and no ``-shm``. Both files are copied to a
  private place, and that copy is read. SQLite opens a log to write wherever it may, and as it closes one
  without whole transactions it removes what has its name: by then maybe the log of a writer.
- still: where the file was closed properly. SQLite takes it for one that nobody changes.

The last two have no locks by which a writer would wait. So it is looked at, after the copy or
before and after each operation, whether the files are what they were: if not, that is not trusted.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from reps_ledger.errors import Busy, StorageError
from reps_ledger.files import must_be_readable
from reps_ledger.log.sqlite.file import RETRY_SECONDS, assure, check_ledger, is_blank, raw_connection

SHARED: Final = "mode=ro&readonly_shm=1"
COPIED: Final = "mode=ro&vfs=unix-none"
STILL: Final = "mode=ro&immutable=1"

_PASSING: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
"""Primary codes of what passes once whoever opens or closes the file is done."""

_Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of each file its number, size and time of change, which tell whether it changed; None for none."""


class ReadingConnection(sqlite3.Connection):
    """A connection that only reads.

    Attributes:
        way: in which of the ways it reads.
        stamp: of the files as they were when it was opened; None where locks hold writers off.
    """

    way: str = SHARED
    stamp: _Stamp | None = None

    def is_current(self, path: Path) -> bool:
        """Whether the files are what they were when it was opened."""
        return self.stamp is None or self.stamp == _stamp_of(path)

    def read_right(self, path: Path) -> bool:
        """Whether what it read is right, though maybe not the latest: of files that did not change meanwhile.

        A writer first adds to the log, which a connection that is still does not read.
        """
        if self.stamp is None or self.way == COPIED:
            return True
        return self.stamp[0] == _stamp_of(path)[0]

    def can_read(self) -> bool:
        """Whether it still reads: who opens or closes the file may exchange what lies beside it."""
        try:
            self.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.Error:
            return False
        return True


def is_passing(error: BaseException) -> bool:
    """Whether an error of a connection that only reads passes by itself."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    known = isinstance(error, sqlite3.Error) and code & 0xFF in _PASSING
    return known and code != sqlite3.SQLITE_READONLY_ROLLBACK


def prepare_to_read(path: Path) -> None:
    """See that there is a ledger at this path; nothing is made.

    Args:
        path: absolute, with symbolic links resolved.

    Raises:
        LedgerError: there is none.
        OSError: it cannot be read.
    """
    if not path.exists():
        raise StorageError(f"{path}: there is no ledger here, and none is made where it is only read")
    if not path.is_file():
        raise StorageError(f"{path} is not a file; give the path of the ledger's own file")
    if is_blank(path):
        raise StorageError(f"{path}: there is no ledger here: the file is empty")


def connect_to_read(path: Path, timeout: float, *, shared: bool) -> ReadingConnection:
    """Open a connection that only reads a ledger file.

    Args:
        path: a file that `prepare_to_read` accepted.
        timeout: how many seconds to wait for whoever opens or closes the file at the same time.
        shared: whether this process has it open to write, so that it must be read by their locks: closing
            a connection without any would drop them (POSIX).

    Raises:
        LedgerError: the file was exchanged meanwhile.
        sqlite3.Error: it cannot be read.
        OSError: it cannot be opened.
    """
    deadline = time.monotonic() + timeout
    failed: Exception = Busy(f"{path}: others keep opening and closing it; nothing was read, try again")
    while True:
        for way in _ways(path, shared=shared):
            try:
                connection = _connected(path, way, timeout)
            except sqlite3.Error as error:
                if not is_passing(error):
                    raise
                failed = error
            else:
                if connection is not None:
                    if connection.is_current(path):
                        return connection
                    connection.close()
        must_be_readable(path)
        if time.monotonic() > deadline:
            raise failed
        time.sleep(RETRY_SECONDS)


def _ways(path: Path, *, shared: bool) -> Iterator[str]:
    """Yield the ways to try, the best first."""
    _, log, memory, journal = _stamp_of(path)
    if shared or (log is not None and memory is not None) or journal is not None:
        yield SHARED
    if shared or journal is not None:  # whose changes must be taken back first, which only a writer can
        return
    if log is not None and log[1]:
        if os.name == "posix":
            yield COPIED
    elif memory is None or log is None:
        yield STILL


def _connected(path: Path, way: str, timeout: float) -> ReadingConnection | None:
    """Return a connection; None where the files changed while they were copied."""
    stamp = None if way == SHARED else _stamp_of(path)
    if way != COPIED:
        return _opened(path, path, way, stamp, timeout)
    with TemporaryDirectory(prefix="reps-ledger-") as folder:  # once it is open, the names are not needed
        copy = Path(folder, "reps.db")
        with suppress(FileNotFoundError):
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            if stamp == _stamp_of(path):
                return _opened(copy, path, way, stamp, timeout)
    return None


def _opened(file: Path, path: Path, way: str, stamp: _Stamp | None, timeout: float) -> ReadingConnection:
    connection = raw_connection(f"{file.as_uri()}?{way}", timeout, ReadingConnection)
    try:
        connection.way, connection.stamp = way, stamp
        if way == COPIED:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # its index in memory, not in a file
        check_ledger(connection, path)
        assure(connection, timeout)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _stamp_of(path: Path) -> _Stamp:
    found: list[tuple[int, int, int] | None] = []
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            status = os.stat(f"{path}{suffix}")  # noqa: PTH116 — asked often
        except OSError:
            found.append(None)
        else:
            # The memory is written to by who reads: only whether it is the same counts.
            changed = (0, 0) if suffix == "-shm" else (status.st_size, status.st_mtime_ns)
            found.append((status.st_ino, *changed))
    return tuple(found)

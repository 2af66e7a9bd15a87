"""Whether the files that a connection has open are still those at their paths.

SQLite goes on with a file that was moved, deleted or replaced by its name: what it commits is then in
a file that nobody finds, and it cannot tell. So each connection knows its files by device and inode,
and whoever is about to use it asks whether their names still lead to them. What was recorded is in the
connection's files as long as it is open.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

Identity = tuple[int, int]
"""Device and inode."""

_RESCUE: Final = (
    "what was recorded can still be saved, by backup(), as long as this ledger is open; then open it anew"
)


_SECOND: Final = 1_000_000_000
_TICK: Final = _SECOND // 10
_COARSE: Final = 2 * _SECOND + _TICK


class OpenFiles:
    """The files that a connection has open, as they were when it opened them.

    Args:
        path: of the ledger's file.
    """

    __slots__ = ("_folder", "_log", "_log_path", "_looked", "_path", "file")

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._log_path = f"{path}-wal"
        self._folder = str(path.parent)
        self.file = identity(self._path)
        self._log = identity(self._log_path)
        self._looked: tuple[int, int, int] | None = None  # the folder, as it was when both were there

    def gone(self) -> str | None:
        """What happened to the ledger's file, in words; None where it is there still."""
        found = identity(self._path)
        if found == self.file:
            return None
        if found is None:
            return f"{self._path} is not there: it was moved or deleted while this ledger was open; {_RESCUE}"
        return f"{self._path} is another file: it was replaced while this ledger was open; {_RESCUE}"

    def any_gone(self) -> str | None:
        """The same of the file and of its write-ahead log: what an append asks.

        The folder is asked first, and they only where names in it changed since. Asking for the log each
        time would have Linux give each write to it a time of its own, which takes longer than all the rest.
        """
        try:
            found = os.stat(self._folder)  # noqa: PTH116 — once a commit: a Path takes twice as long
        except (FileNotFoundError, NotADirectoryError):
            return self.gone()
        folder = (found.st_dev, found.st_ino, found.st_mtime_ns)
        if folder == self._looked:
            return None
        gone = self.gone()
        if gone is None and identity(self._log_path) != self._log:
            gone = (
                f"{self._log_path}, which holds the last entries of {self._path}, was removed or replaced "
                f"while this ledger was open; {_RESCUE}"
            )
        if gone is None and time.time_ns() - found.st_mtime_ns > _granularity(found.st_mtime_ns):
            self._looked = folder
        return gone


def _granularity(mtime: int) -> int:
    """Nanoseconds within which two changes of a folder may have the same time."""
    return _TICK if mtime % _SECOND else _COARSE  # a file system that knows seconds, or every other one


class FileConnection(sqlite3.Connection):
    """A connection that knows which files it has open; None in memory."""

    files: OpenFiles | None = None


def identity(path: str) -> Identity | None:
    """Return which file is at a path; None where there is none.

    Raises:
        OSError: that cannot be known.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 — as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino

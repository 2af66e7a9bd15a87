"""The SQLite file of a key store: how it is opened so that what is deleted from it is gone from the disk.

The journal is deleted at each commit (in a write-ahead log, what was deleted stays for long), and the folder
synced after it, or a power cut could bring a destroyed key back (`synchronous` EXTRA). SQLite writes zeros
over what it deletes (`secure_delete`), and nothing to temporary files. That leaves gaps in pages, so that
every erasure ends with `VACUUM`. All of it is checked when a file is opened.

A connection must not cross a fork: it is closed before one, and opened again where it is next used.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from reps_ledger.errors import (
    Altered,
    Busy,
    Closed,
    Damaged,
    InvalidInput,
    NewerFormat,
    PathTaken,
    ReadOnly,
    StorageError,
    TooLarge,
)
from reps_ledger.files import KEYS_MARK, OF_SQLITE, claim_database, new_file, not_secret

FORMAT: Final = 1
"""The version of the tables, as the file's ``user_version``."""

TIMEOUT: Final = 60.0
"""Seconds that a write waits for others, unless it is said otherwise."""

IN_MEMORY: Final = ":memory:"
"""The path of a store that is in memory only."""

_OBJECTS: Final = {
    "meta": "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT",
    "keys": (
        "CREATE TABLE keys (id TEXT NOT NULL UNIQUE, member TEXT, kind TEXT, period TEXT, key BLOB) STRICT"
    ),
    "keys_owner": "CREATE INDEX keys_owner ON keys (member, kind, period)",
    "accounts": (
        "CREATE TABLE accounts (token TEXT NOT NULL UNIQUE, member TEXT NOT NULL, exact BLOB NOT NULL, "
        "alike BLOB NOT NULL, text BLOB NOT NULL) STRICT"
    ),
    "accounts_exact": "CREATE INDEX accounts_exact ON accounts (exact, member)",
    "accounts_alike": "CREATE INDEX accounts_alike ON accounts (alike)",
    "accounts_member": "CREATE INDEX accounts_member ON accounts (member)",
    "names": (
        "CREATE TABLE names (member TEXT NOT NULL, kind TEXT NOT NULL, text BLOB NOT NULL, "
        "PRIMARY KEY (member, kind)) STRICT, WITHOUT ROWID"
    ),
    "tombstones": (
        "CREATE TABLE tombstones (member TEXT PRIMARY KEY, entry TEXT NOT NULL, at TEXT NOT NULL) STRICT"
    ),
    "follow": "CREATE TABLE follow (member TEXT PRIMARY KEY, entry TEXT NOT NULL, at TEXT NOT NULL) STRICT",
}
"""Tables and indexes of a store. A destroyed key's row stays, with NULL: so it is known to be no lost one."""

_PRAGMAS: Final[tuple[tuple[str, str, object], ...]] = (
    ("secure_delete", "ON", 1),
    ("temp_store", "MEMORY", 2),
)
_PRAGMAS_OF_FILES: Final[tuple[tuple[str, str, object], ...]] = (
    ("journal_mode", "DELETE", "delete"),
    ("synchronous", "EXTRA", 3),
)


class StoreFile:
    """One connection to the file of a key store, which threads use in turn.

    Args:
        path: the file; None for a store in memory.
        create: whether to make a new store where there is none.
        timeout: seconds to wait for other processes that write.

    Raises:
        PathTaken: the file is something else.
        InvalidInput: others than its owner may use the file.
        StorageError: there is none, or it cannot be opened.
        Damaged: it was cut short, or is corrupt.
        NewerFormat: a later version of reps-ledger made it.
    """

    def __init__(self, path: Path | None, *, create: bool = True, timeout: float = TIMEOUT) -> None:
        self.path = path
        self.where = "the key store in memory" if path is None else str(path)
        self.lock = threading.RLock()
        self.opened = 0
        """How often a connection was opened: what was asked of an earlier one says nothing of this."""
        self._timeout = timeout
        self._identity: tuple[int, int] | None = None
        self._open: list[sqlite3.Connection] = []
        self._finalizer = weakref.finalize(self, _close, self._open)
        if path is not None:
            with self._translated():
                self._claim(path, create=create)
        with self.lock, self._translated():
            self._connection()
        _STORES.add(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read in one transaction; within one that writes, as a part of it."""
        with self.lock, self._translated():
            connection = self._connection()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, which is committed at the end of the block unless it fails.

        Raises:
            Busy: another process writes for longer than the timeout; nothing was written.
            ReadOnly: it cannot be written.
            StorageError: the file was removed or replaced, or the disk failed; nothing was written.
        """
        with self.lock, self._translated():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._must_be_there()
                yield connection
                connection.execute("COMMIT")
            finally:
                _roll_back(connection)

    def copy_to(self, target: Path) -> None:
        """Copy it as it is now into a new file, which only its owner may read; it is there whole or not.

        Raises:
            PathTaken: something is there.
            StorageError: it cannot be written.
        """
        try:
            with (
                new_file(target) as draft,
                self.reading() as connection,
                closing(sqlite3.connect(draft, isolation_level=None)) as copy,
            ):
                copy.execute("PRAGMA journal_mode = MEMORY")  # the draft alone is there until it is whole
                connection.backup(copy)
        except FileExistsError as error:
            raise PathTaken(f"{target} is there; name a file that is not", field="target") from error
        except OSError as error:
            raise StorageError(f"{target}: {error}") from error

    def vacuum(self) -> None:
        """Write the whole file anew, so that nothing is left of what was deleted.

        Raises:
            Busy: another process uses the file for longer than the timeout.
            StorageError: it fails; everything is as it was.
        """
        with self.lock, self._translated():
            connection = self._connection()
            self._must_be_there()
            connection.execute("VACUUM")

    def data_version(self) -> tuple[int, int]:
        """Return what changes when another connection has written."""
        with self.lock, self._translated():
            (version,) = self._connection().execute("PRAGMA data_version").fetchone()
            return self.opened, version

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._finalizer.alive

    def close(self) -> None:
        """Close it. Closing it again does nothing."""
        with self.lock:
            self._finalizer()

    def suspend(self) -> None:
        """Close the connection to a file until it is next used."""
        if self.path is not None:
            _close(self._open)

    def _claim(self, path: Path, *, create: bool) -> None:
        try:
            claim_database(path, KEYS_MARK, field="keys")
            if not path.exists():
                if not create:
                    raise StorageError(f"{path} is not there: name the key store, or have one made")
                # It is there once it is complete, and its owner's alone from its first byte on.
                with suppress(FileExistsError), new_file(path, companions=OF_SQLITE) as draft:
                    self._connect(draft).close()
            status = path.stat()
            if not create and not status.st_size:
                raise StorageError(f"{path} is empty, and no key store: restore it from a copy")
        except OSError as error:
            kind = ReadOnly if isinstance(error, PermissionError) else StorageError
            raise kind(f"{path} cannot be opened: {error.strerror or error}") from error
        why = not_secret(status)
        if why is not None:
            raise InvalidInput(f"{path} {why}: run chmod 600 {path}", field="keys")
        self._identity = status.st_dev, status.st_ino

    def _must_be_there(self) -> None:
        """Refuse to write to a file that has lost its name, or to another that has it: keys would be lost.

        Raises:
            StorageError: it has.
        """
        if self.path is None:
            return
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise StorageError(f"{self.path} was removed while it was in use") from None
        if (status.st_dev, status.st_ino) != self._identity:
            raise StorageError(f"{self.path} was replaced while it was in use; open it again")

    def _connection(self) -> sqlite3.Connection:
        if self.closed:
            raise Closed("the key store was closed; open it again")
        if not self._open:
            self._must_be_there()
            self._open.append(self._connect(self.path or IN_MEMORY))
            self.opened += 1
        return self._open[0]

    def _connect(self, path: str | Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        pragmas = _PRAGMAS if self.path is None else (*_PRAGMAS, *_PRAGMAS_OF_FILES)
        for pragma, value, _ in pragmas:
            connection.execute(f"PRAGMA {pragma} = {value}").fetchall()
        for pragma, value, expected in pragmas:
            (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
            if found != expected:
                raise StorageError(
                    f"{self.where}: SQLite does not keep {pragma} {value}: keys could not be destroyed"
                )
        if self._is_new(connection):
            self._create(connection)
        self._must_be_ours(connection)

    @staticmethod
    def _is_new(connection: sqlite3.Connection) -> bool:
        (marked,) = connection.execute("PRAGMA application_id").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return not marked and not objects

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._is_new(connection):  # nobody else made it meanwhile
                connection.execute(f"PRAGMA application_id = {KEYS_MARK}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                for statement in _OBJECTS.values():
                    connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            _roll_back(connection)

    def _must_be_ours(self, connection: sqlite3.Connection) -> None:
        (marked,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if marked != KEYS_MARK:
            raise InvalidInput(f"{self.where} is no key store; name another file", field="keys")
        if version > FORMAT:
            raise NewerFormat(
                f"{self.where} has format {version}, and this version of reps-ledger knows up to {FORMAT}"
            )
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if dict(found) != _OBJECTS:
            raise Altered(f"{self.where}: its tables are not as they were made; restore it from a copy")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours. None of them has a value in it."""
        try:
            yield
        except sqlite3.Error as error:
            if "decode" in str(error):  # it quotes the text
                raise Damaged(f"{self.where}: {_DAMAGED[1]}") from None
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            kind, words = _MEANING.get(code, (StorageError, "SQLite failed"))
            raise kind(f"{self.where}: {words}: {error}") from error
        except UnicodeEncodeError:  # which carries the text
            raise InvalidInput("a text that is not valid Unicode cannot be kept") from None
        except UnicodeDecodeError:  # of a damaged file's text
            raise Damaged(f"{self.where}: {_DAMAGED[1]}") from None


_LOCKED: Final = (Busy, "another process uses it for too long; nothing was written, try again")
_DAMAGED: Final = (Damaged, "it is damaged, or was cut short; restore it from a copy")
_READ_ONLY: Final = (ReadOnly, "the file or its folder cannot be written")
_MEANING: Final[Mapping[int, tuple[type[StorageError | InvalidInput], str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: (StorageError, "it cannot be opened"),
    sqlite3.SQLITE_FULL: (StorageError, "no room left, so nothing was written; make room and try again"),
    sqlite3.SQLITE_IOERR: (StorageError, "reading or writing failed, so nothing was written"),
    sqlite3.SQLITE_TOOBIG: (TooLarge, "SQLite cannot store a value of this size"),
}
"""What is said of a file, by SQLite's code."""


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, unless it was committed, or SQLite ended it by itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _close(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


_STORES: Final[weakref.WeakSet[StoreFile]] = weakref.WeakSet()
_forking: Final[list[StoreFile]] = []


def _before_fork() -> None:
    for store in list(_STORES):
        store.lock.acquire()
        _forking.append(store)
        store.suspend()


def _after_fork() -> None:
    while _forking:
        _forking.pop().lock.release()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

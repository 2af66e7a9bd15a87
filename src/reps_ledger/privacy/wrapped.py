"""Key stores whose file says nothing without a master key, which lies elsewhere.

The store has a secret of its own, which the master key wraps; all keys, accounts and names lie encrypted
under it, and accounts are found by a keyed hash. So a key management service is asked once at opening, and
a copy of the file alone opens nothing. A rotation makes a new secret and encrypts everything under it:
neither the old master key nor what was learned by it is of use with the new file.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
from typing import Final, Protocol, Self

from attrs import field, frozen

from reps_ledger.errors import ConfigurationError, TamperedSeal, WrongKey
from reps_ledger.privacy.keys import TELL, WRAPPED, KeyFile, meta, place_of
from reps_ledger.privacy.sealing import KEY_BYTES, checked_key, decrypt, encrypt, utf8
from reps_ledger.privacy.store import TIMEOUT, StoreFile

_MASTER: Final = "master"
_SECRET: Final = b"reps-ledger wrapped secret v1\n"
_VALUE: Final = b"reps-ledger wrapped value v1\n"
_NAME: Final = b"reps-ledger master key name v1\n"


class Master(Protocol):
    """A master key, or a service that keeps one. What it raises is raised to who opens the store."""

    @property
    def name(self) -> str:
        """The name of the key, and of its version, which is stored with what it wraps."""

    def wrap(self, secret: bytes) -> bytes:
        """Return a secret encrypted under the key."""

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Return the secret that `wrap` was given.

        Args:
            name: of the key that wrapped it, which may be an earlier version.
            wrapped: what `wrap` returned.
        """


@frozen
class LocalMaster:
    """A master key in memory.

    Attributes:
        key: 32 random bytes.
        name: of the key; made from the key if none is given.
    """

    key: bytes = field(repr=False, validator=lambda _, __, value: checked_key(value))
    name: str = field(kw_only=True)

    @name.default
    def _named(self) -> str:
        return hashlib.sha256(_NAME + checked_key(self.key)).hexdigest()[:16]

    def wrap(self, secret: bytes) -> bytes:
        """Return a secret encrypted under the key.

        Raises:
            MissingExtra: the extra ``privacy`` is not installed.
        """
        return encrypt(self.key, secret, _SECRET + utf8(self.name))

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Return the secret that `wrap` was given.

        Raises:
            WrongKey: another key wrapped it.
            TamperedSeal: it was cut short.
            MissingExtra: the extra ``privacy`` is not installed.
        """
        if name != self.name:
            raise WrongKey(f"this key store is wrapped by the master key {name}, and not by {self.name}")
        return decrypt(self.key, wrapped, _SECRET + utf8(name))


class _Wrapped:
    """Keeps everything encrypted under a secret that a master key wraps."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._name = ""
        self._stored: object = None
        self._key = b""
        self._index_key = b""

    @classmethod
    def anew(cls, master: Master) -> Self:
        """Return one with a new secret, which no file has yet."""
        found = cls(master)
        secret = secrets.token_bytes(2 * KEY_BYTES)
        found._take(master.name, master.wrap(secret), secret)
        return found

    def _take(self, name: str, stored: bytes, secret: bytes) -> None:
        if len(secret) != 2 * KEY_BYTES:
            raise TamperedSeal("what the master key wraps is no secret of a key store")
        self._name, self._stored = name, stored
        self._key, self._index_key = secret[:KEY_BYTES], secret[KEY_BYTES:]

    def write(self, connection: sqlite3.Connection) -> None:
        """Store the wrapped secret, and the name of the master key."""
        connection.executemany(TELL, [(WRAPPED, self._stored), (_MASTER, self._name)])

    def begin(self, connection: sqlite3.Connection) -> None:
        """Unwrap the secret, at first and when it was replaced; see `Keeping`.

        Raises:
            ConfigurationError: no master key wraps this store.
            WrongKey: another does.
        """
        stored = meta(connection, WRAPPED)
        if not isinstance(stored, bytes):
            raise ConfigurationError(
                "no master key wraps the keys in this store: open it with KeyFile.open, or wrap it with "
                "WrappedKeys.convert"
            )
        if stored != self._stored:
            name = str(meta(connection, _MASTER))
            self._take(name, stored, self._master.unwrap(name, stored))

    def lookup(self, value: bytes) -> bytes:
        """Return a keyed hash of a value."""
        return hmac.digest(self._index_key, value, "sha256")

    def hide(self, value: bytes, where: bytes) -> bytes:
        """Encrypt a value for a place."""
        return encrypt(self._key, value, _VALUE + where)

    def show(self, stored: bytes, where: bytes) -> bytes:
        """Decrypt the value that is stored in a place."""
        return decrypt(self._key, stored, _VALUE + where)


class WrappedKeys(KeyFile):
    """A key store in a SQLite file in which everything is encrypted under a master key from elsewhere.

    Members, kinds and periods of keys lie in the open there, as they do in the log.
    """

    @classmethod
    def open(  # type: ignore[override]  # it needs a master key
        cls, path: str | os.PathLike[str], master: Master, *, create: bool = True, timeout: float = TIMEOUT
    ) -> Self:
        """Open a key store with its master key; see `KeyFile.open`.

        Args:
            path: of the file; ``":memory:"`` for one that is in memory only.
            master: the master key.
            create: whether to make a new one where there is none.
            timeout: seconds to wait for other processes that write.

        Raises:
            WrongKey: another master key wraps it.
            TamperedSeal: what is wrapped was changed.
            ConfigurationError: it has keys that no master key wraps.
            MissingExtra: the extra ``privacy`` is not installed.
            LedgerError: as `KeyFile.open` says.
        """
        file = StoreFile(place_of(path), create=create, timeout=timeout)
        try:
            with file.reading() as connection:
                found = meta(connection, WRAPPED)
            if found is None:
                _begin_wrapping(file, master)
        except BaseException:
            file.close()
            raise
        return cls._on(file, _Wrapped(master))

    @classmethod
    def convert(cls, path: str | os.PathLike[str], master: Master, *, timeout: float = TIMEOUT) -> Self:
        """Wrap a key store that is not wrapped yet, and open it. No trace of an unwrapped key is left.

        Raises:
            ConfigurationError: a master key wraps it already.
            LedgerError: as `KeyFile.open` and `rotate` say.
        """
        with KeyFile.open(path, create=False, timeout=timeout) as plain:
            wrapped = _Wrapped.anew(master)
            with plain._writing() as connection:  # noqa: SLF001 — the class that this one is made of
                plain._rewrap(connection, wrapped)  # noqa: SLF001 — see above
                wrapped.write(connection)
        return cls.open(path, master, create=False, timeout=timeout)

    def rotate(self, master: Master) -> None:
        """Encrypt everything anew, under another secret and master key.

        It is done in one transaction, and then no trace is left of what was there before. Others who have the
        store open go on only with a master key that unwraps this one.

        Raises:
            Busy: others use the file for longer than the timeout. If `must_scrub`, it is done, and traces of
                what was there before are left until `scrub`.
            StorageError: it fails, and everything is as it was.
        """
        with self._lock:
            wrapped = _Wrapped.anew(master)
            with self._writing() as connection:
                self._rewrap(connection, wrapped)
                wrapped.write(connection)
            self._keeping = wrapped
            self._forget_cached()
            self.scrub()


def _begin_wrapping(file: StoreFile, master: Master) -> None:
    """Give a store that holds nothing a secret, unless another process just has."""
    wrapped = _Wrapped.anew(master)
    with file.writing() as connection:
        used = any(
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 — our own names
            for table in ("keys", "accounts", "names")
        )
        if meta(connection, WRAPPED) is None and not used:
            wrapped.write(connection)

"""The key store of one host: a SQLite file, and how it keeps what it keeps.

A key belongs to an owner: a person, a kind of text and a period. Each entry names the keys of its sealed
fields, so that who owns which is known from the log as well, and may be lost here: another key is made then.
Only the keys themselves and the tombstones of who was erased are nowhere else.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Protocol, Self

from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.sealed import Owner
from reps_ledger.errors import (
    Busy,
    ConfigurationError,
    Damaged,
    Erased,
    InvalidInput,
    LedgerError,
    ReadOnly,
    WrongKeys,
)
from reps_ledger.privacy.key_store import NAME, ROWS, Destroyed, Tombstone
from reps_ledger.privacy.names import NameIndex
from reps_ledger.privacy.sealing import KEY_BYTES, utf8
from reps_ledger.privacy.store import IN_MEMORY, TIMEOUT, StoreFile

_ID_BYTES: Final = 12
_MOST_AHEAD: Final = 64
"""Keys that one commit makes, at most, while facts are recorded one by one."""

_MOST_CACHED: Final = 1 << 16
_AT_ONCE: Final = 500
"""Values that one statement asks for."""

_MAKE_KEY: Final = "INSERT INTO keys (id, member, kind, period, key) VALUES (?, ?, ?, ?, ?)"
_OWN_KEY: Final = (
    "SELECT id, key FROM keys WHERE member = ? AND kind = ? AND period = ? AND key IS NOT NULL "
    "ORDER BY id LIMIT 1"
)
TELL: Final = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
"""Says what a store keeps about itself."""

_LEDGER: Final = "ledger"
_UPTO: Final = "names_upto"
_SCRUB: Final = "scrub"
WRAPPED: Final = "wrapped"
"""The name in ``meta`` of what a master key wraps; it is there only where one does."""


class Keeping(Protocol):
    """How a store keeps what is secret in it: as it is, or wrapped."""

    def begin(self, connection: sqlite3.Connection) -> None:
        """Make sure that the file is kept so, in the transaction that is to read or write."""

    def lookup(self, value: bytes) -> bytes:
        """Return that by which a value is found: the same for the same value."""

    def hide(self, value: bytes, where: bytes) -> bytes:
        """Return what to store for a value in a place."""

    def show(self, stored: bytes, where: bytes) -> bytes:
        """Return the value that is stored in a place."""


class Plainly:
    """Keeps everything as it is."""

    def begin(self, connection: sqlite3.Connection) -> None:
        """Refuse a store that a master key wraps; see `Keeping`.

        Raises:
            ConfigurationError: one does.
        """
        if meta(connection, WRAPPED) is not None:
            raise ConfigurationError(
                "the keys in this store are wrapped by a master key: open it with WrappedKeys.open"
            )

    def lookup(self, value: bytes) -> bytes:
        """Return the value."""
        return value

    def hide(self, value: bytes, where: bytes) -> bytes:  # noqa: ARG002 — where matters to others
        """Return the value."""
        return value

    def show(self, stored: bytes, where: bytes) -> bytes:  # noqa: ARG002 — where matters to others
        """Return the value."""
        return stored


class KeyFile:
    """A key store in a SQLite file, for all threads and processes of one host.

    Keys are made ahead, in batches that grow, so that a service commits once a batch. Those that were not
    given out when a process ends are never used.

    Use `open`. As a context manager it closes itself.
    """

    def __init__(self, file: StoreFile, keeping: Keeping) -> None:
        self._file = file
        self._keeping = keeping
        self._lock = file.lock
        self._process = os.getpid()
        self._seen: object = None  # the data version that the caches are of
        self._keys: dict[str, bytes] = {}
        self._owned: dict[Owner, tuple[str, bytes]] = {}
        self._spare: list[tuple[str, bytes]] = []
        self._given: dict[str, Owner] = {}  # of keys that were made ahead, until it is written down
        self._batch = 1
        self._index: NameIndex | None = None
        with self._reading():
            self._seen = file.data_version()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True, timeout: float = TIMEOUT) -> Self:
        """Open a key store. No key is read.

        What was destroyed and left traces in the file, as the process was killed, is removed first.

        Args:
            path: of the file; ``":memory:"`` for one that is in memory only.
            create: whether to make a new one where there is none.
            timeout: seconds to wait for other processes that write.

        Raises:
            PathTaken: the file is something else, and stays as it is.
            InvalidInput: others than its owner may use the file.
            ConfigurationError: its keys are wrapped by a master key.
            StorageError: there is none, or it cannot be opened.
            Damaged: it was cut short, or is corrupt; it stays as it is.
            NewerFormat: a later version of reps-ledger made it.
        """
        return cls._opened(place_of(path), Plainly(), create=create, timeout=timeout)

    @classmethod
    def _opened(cls, path: Path | None, keeping: Keeping, *, create: bool, timeout: float) -> Self:
        return cls._on(StoreFile(path, create=create, timeout=timeout), keeping)

    @classmethod
    def _on(cls, file: StoreFile, keeping: Keeping) -> Self:
        try:
            found = cls(file, keeping)
            if found.must_scrub:
                with suppress(Busy, ReadOnly):  # it stays to be done
                    found.scrub()
        except BaseException:
            file.close()
            raise
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._file.where}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # The ledger, and what is cached.

    @property
    def ledger(self) -> str | None:
        """The identifier of the ledger whose keys these are; None while it is that of none."""
        with self._reading() as connection:
            found = meta(connection, _LEDGER)
        return None if found is None else str(found)

    def bind(self, ledger: str) -> None:
        """Make it the key store of a ledger; see `KeyStore`."""
        own = self.ledger
        if own is None:
            with self._writing() as connection:
                connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (_LEDGER, ledger))
                own = str(meta(connection, _LEDGER))
        if own != ledger:
            raise WrongKeys(own, ledger)

    def refresh(self) -> bool:
        """Forget what is cached if others have written since; see `KeyStore`."""
        with self._lock:
            version = self._file.data_version()
            if version == self._seen:
                return False
            self._forget_cached()
            with self._reading() as connection:
                self._seen = version
                gone = [
                    key_id
                    for key_id, owner in self._given.items()
                    if _is_erased(connection, owner.member) or _stored(connection, key_id) is None
                ]
                for key_id in gone:
                    del self._given[key_id]
            return True

    def flush(self) -> None:
        """Write down whose the keys are that were made ahead and have been given out; see `KeyStore`."""
        with self._lock:
            self._must_be_this_process()
            if self._given:
                with self._writing() as connection:
                    self._write_given(connection)
                self._given.clear()

    def close(self) -> None:
        """Write down whose keys were given out, if that can be, and close it. Again: nothing happens."""
        with self._lock:
            if not self._file.closed:
                with suppress(LedgerError):  # the entries name their keys
                    self.flush()
            self._file.close()
            self._forget_cached()
            self._spare.clear()
            self._given.clear()

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Copy the store as it is now into a new file, which only its owner may read; others may go on.

        A copy undoes every erasure that comes after it, as far as ciphertexts are concerned: keep it apart
        from those of the ledger, and not for long.

        Args:
            target: the path of a file that is not there yet.

        Raises:
            PathTaken: something is there.
            StorageError: it cannot be written.
        """
        self.flush()
        self._file.copy_to(Path(target))

    # Keys.

    def current(self, owner: Owner) -> tuple[str, bytes]:
        """Return the id of a key with which to seal for an owner, and the key; see `KeyStore`."""
        found = self._owned.get(owner)
        if found is not None and self._process == os.getpid():
            return found
        with self._lock:
            self._must_be_this_process()
            found = self._owned.get(owner) or self._found(owner)
            if found is None and self._spare and owner.kind != ROWS:
                found = self._spare.pop()
                self._given[found[0]] = owner
            if found is None:
                self._make([owner], ahead=self._batch - 1)
                self._batch = min(2 * self._batch, _MOST_AHEAD)
                found = self._owned.get(owner)
            if found is None:
                raise Erased(owner.member)
            self._own(owner, found)
            return found

    def prepare(self, owners: Iterable[Owner]) -> None:
        """Make the keys that owners lack, in one commit; see `KeyStore`."""
        with self._lock:
            self._must_be_this_process()
            wanted = [owner for owner in dict.fromkeys(owners) if owner not in self._owned]
            if not wanted:
                return
            with self._reading() as connection:
                found = self._of_many(connection, wanted)
            for owner, key in found.items():
                if key is not None:
                    self._own(owner, key)
            lacking = [owner for owner, key in found.items() if key is None]
            if lacking:
                self._make(lacking)

    def key(self, key_id: str) -> bytes | None:
        """Return a key; None where it is not there; see `KeyStore`."""
        found = self._keys.get(key_id)
        if found is None:
            with self._reading() as connection:
                stored = _stored(connection, key_id)
                found = None if stored is None else self._cached(key_id, stored)
        return found

    def load(self, key_ids: Iterable[str]) -> None:
        """Read keys that are soon to be asked for, many at once; see `KeyStore`."""
        wanted = dict.fromkeys(each for each in key_ids if each not in self._keys)
        with self._reading() as connection:
            for some, marks in _parts(wanted):
                rows = connection.execute(
                    f"SELECT id, key FROM keys WHERE id IN ({marks}) AND key IS NOT NULL",  # noqa: S608 — question marks
                    some,
                )
                for row in rows.fetchall():
                    self._cached(*row)

    def _cached(self, key_id: str, stored: bytes) -> bytes:
        if len(self._keys) >= _MOST_CACHED:
            self._keys.clear()
        self._keys[key_id] = found = self._keeping.show(stored, _of_key(key_id))
        return found

    def fate(self, key_id: str, member: str) -> Literal["erased", "lost"]:
        """Return why a key is not there; see `KeyStore`."""
        with self._reading() as connection:
            row = connection.execute("SELECT key FROM keys WHERE id = ?", (key_id,)).fetchone()
            destroyed = (row is not None and row[0] is None) or _is_erased(connection, member)
        return "erased" if destroyed else "lost"

    def due(self, kind: str, before: str) -> list[Owner]:
        """Return the owners of keys of a kind whose period lies before another; see `KeyStore`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT member, kind, period FROM keys "
                "WHERE kind = ? AND period < ? AND key IS NOT NULL ORDER BY period, member",
                (kind, before),
            )
            return [Owner(*row) for row in rows.fetchall()]

    # Accounts.

    def token(self, provider: str, account: str, member: str) -> str:
        """Return the token of an account of a member; see `KeyStore`."""
        (found,) = self.tokens([(provider, account, member)])
        if found is None:
            raise Erased(member)
        return found

    def tokens(self, accounts: Iterable[tuple[str, str, str]]) -> list[str | None]:
        """Return the tokens of many accounts, made in one commit; see `KeyStore`."""
        wanted = [(_account(provider, account), member) for provider, account, member in accounts]
        with self._reading() as connection:
            found = [self._token(connection, *each) for each in wanted]
        if None not in found:
            return found
        with self._writing() as connection:
            for at, (account, member) in enumerate(wanted):
                found[at] = self._token(connection, account, member)
                if found[at] is None and not _is_erased(connection, member):
                    found[at] = secrets.token_hex(_ID_BYTES)
                    self._keep_account(connection, str(found[at]), account, member)
        return found

    def known_token(self, provider: str, account: str, member: str) -> str | None:
        """Return the token of an account of a member, if there is one; see `KeyStore`."""
        with self._reading() as connection:
            return self._token(connection, _account(provider, account), member)

    def tokens_like(
        self, provider: str, account: str, member: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return others' tokens of an account, and those of accounts that read like it; see `KeyStore`."""
        named = _account(provider, account)
        with self._reading() as connection:
            exact, alike = (self._keeping.lookup(value) for value in (named.exact, named.alike))
            others = connection.execute(
                "SELECT token FROM accounts WHERE exact = ? AND member != ? ORDER BY token", (exact, member)
            ).fetchall()
            like = connection.execute(
                "SELECT token FROM accounts WHERE alike = ? AND exact != ? ORDER BY token", (alike, exact)
            ).fetchall()
        return tuple(token for (token,) in others), tuple(token for (token,) in like)

    def account(self, token: str) -> tuple[str, str] | None:
        """Return the provider and name of a token's account; see `KeyStore`."""
        with self._reading() as connection:
            row = connection.execute("SELECT text FROM accounts WHERE token = ?", (token,)).fetchone()
            return None if row is None else _provider_and_name(self._keeping.show(row[0], _of_account(token)))

    def restore_accounts(self, accounts: Iterable[tuple[str, str, str, str]]) -> int:
        """Keep tokens that the log has and this has not; see `KeyStore`."""
        rows = [(token, _account(provider, account), member) for token, provider, account, member in accounts]
        with self._writing() as connection:
            return sum(
                self._keep_account(connection, token, account, member)
                for token, account, member in rows
                if not _is_erased(connection, member)
            )

    # Names.

    @property
    def names_upto(self) -> int:
        """Up to which position the index of names was made; see `KeyStore`."""
        with self._reading() as connection:
            found = meta(connection, _UPTO)
        return found if isinstance(found, int) else 0

    def index(self, upto: int, rows: Iterable[tuple[str, str, str | None]]) -> None:
        """Keep texts by which people are found; see `KeyStore`."""
        last = {(member, kind): text and utf8(text) for member, kind, text in rows}
        with self._writing() as connection:
            known = meta(connection, _UPTO)
            if isinstance(known, int) and known > upto:
                return  # another process has read further
            for (member, kind), text in last.items():
                if not text or _is_erased(connection, member):
                    connection.execute("DELETE FROM names WHERE member = ? AND kind = ?", (member, kind))
                else:
                    connection.execute(
                        "INSERT INTO names VALUES (?, ?, ?) "
                        "ON CONFLICT (member, kind) DO UPDATE SET text = excluded.text",
                        (member, kind, self._keeping.hide(text, _of_name(member, kind))),
                    )
            connection.execute(TELL, (_UPTO, upto))
        self._index = None

    def reindex(self) -> None:
        """Forget the index of names; see `KeyStore`."""
        with self._writing() as connection:
            connection.execute("DELETE FROM names")
            connection.execute("DELETE FROM meta WHERE name = ?", (_UPTO,))
        self._index = None

    def find(self, text: str) -> list[tuple[str, str]]:
        """Return the members and kinds of texts in which each word given begins a word; see `KeyStore`."""
        with self._lock:
            self.refresh()
            if self._index is None:
                with self._reading() as connection:
                    rows = connection.execute("SELECT member, kind, text FROM names").fetchall()
                    self._index = NameIndex(map(self._shown, rows))
            index = self._index
        return index.find(text)

    def names(self, members: Iterable[str]) -> dict[str, str]:
        """Return the names of those of some members who have one; see `KeyStore`."""
        wanted = dict.fromkeys(members)
        found: dict[str, str] = {}
        with self._reading() as connection:
            for some, marks in _parts(wanted):
                rows = connection.execute(
                    f"SELECT member, kind, text FROM names WHERE kind = ? AND member IN ({marks})",  # noqa: S608 — question marks
                    (NAME, *some),
                ).fetchall()
                found.update((member, text) for member, _, text in map(self._shown, rows))
        return found

    def forget(self, member: str) -> None:
        """Forget the texts of the index of names about a member; see `KeyStore`."""
        with self._writing() as connection:
            connection.execute("DELETE FROM names WHERE member = ?", (member,))
            ask_to_scrub(connection)
        self._index = None

    # Erasure.

    def erase(self, erased: Iterable[Tombstone], key_ids: Iterable[str] = ()) -> Destroyed:
        """Destroy all that is kept about some members; see `KeyStore`."""
        tombstones, named = list(erased), list(dict.fromkeys(key_ids))
        members = {each.member for each in tombstones}
        with self._lock:
            with self._writing() as connection:
                self._write_given(connection)
                connection.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?)", tombstones)
                connection.executemany("INSERT OR REPLACE INTO follow VALUES (?, ?, ?)", tombstones)
                keys = accounts = names = 0
                for some, marks in _parts(members):
                    of = f"member IN ({marks})"
                    keys += _destroy(connection, of, some)
                    accounts += connection.execute(f"DELETE FROM accounts WHERE {of}", some).rowcount  # noqa: S608 — question marks
                    names += connection.execute(f"DELETE FROM names WHERE {of}", some).rowcount  # noqa: S608 — question marks
                more, left = _destroy_named(connection, named, members)
                ask_to_scrub(connection)
            self._given.clear()
            self._forget_cached()
        return Destroyed(keys + more, accounts, names, left)

    def expire(self, owners: Iterable[Owner], key_ids: Iterable[str] = ()) -> Destroyed:
        """Destroy the keys of owners whose text was kept long enough; see `KeyStore`."""
        expired, named = list(owners), list(dict.fromkeys(key_ids))
        with self._lock:
            with self._writing() as connection:
                self._write_given(connection)
                keys = sum(
                    _destroy(connection, "member = ? AND kind = ? AND period = ?", owner) for owner in expired
                )
                more, left = _destroy_named(connection, named, set())
                ask_to_scrub(connection)
            self._given.clear()
            self._forget_cached()
        return Destroyed(keys + more, left=left)

    @property
    def must_scrub(self) -> bool:
        """Whether something was destroyed of which traces may be left in the file."""
        with self._reading() as connection:
            return meta(connection, _SCRUB) is not None

    def scrub(self) -> None:
        """Remove all traces of what was destroyed, by writing the whole file anew; see `KeyStore`.

        Raises:
            Busy: another process uses the file for longer than the timeout; `must_scrub` stays true.
        """
        with self._lock:
            with self._reading() as connection:
                asked = meta(connection, _SCRUB)
            self._file.vacuum()
            with self._writing() as connection:  # unless somebody asked again
                connection.execute("DELETE FROM meta WHERE name = ? AND value = ?", (_SCRUB, asked))

    def to_follow(self) -> list[Tombstone]:
        """Return the erasures that were begun, and are not done elsewhere; see `KeyStore`."""
        return self._tombstones("follow")

    def done(self, members: Iterable[str]) -> None:
        """Keep that the erasure of members was done everywhere; see `KeyStore`."""
        rows = [(member,) for member in members]
        with self._writing() as connection:
            connection.executemany("DELETE FROM follow WHERE member = ?", rows)

    def tombstones(self) -> list[Tombstone]:
        """Return who was erased; see `KeyStore`."""
        return self._tombstones("tombstones")

    def is_erased(self, member: str) -> bool:
        """Whether a member was erased."""
        with self._reading() as connection:
            return _is_erased(connection, member)

    # Within.

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._file.reading() as connection:
            self._keeping.begin(connection)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._file.writing() as connection:
            self._keeping.begin(connection)
            yield connection

    def _rewrap(self, connection: sqlite3.Connection, other: Keeping) -> None:
        """Keep everything in another way; it is in use once the transaction is committed."""

        def moved(stored: bytes, where: bytes) -> bytes:
            return other.hide(self._keeping.show(stored, where), where)

        keys = connection.execute("SELECT id, key FROM keys WHERE key IS NOT NULL").fetchall()
        rows = ((moved(key, _of_key(key_id)), key_id) for key_id, key in keys)
        connection.executemany("UPDATE keys SET key = ? WHERE id = ?", rows)
        for token, text in connection.execute("SELECT token, text FROM accounts").fetchall():
            account = _account(*_provider_and_name(self._keeping.show(text, _of_account(token))))
            exact, alike = other.lookup(account.exact), other.lookup(account.alike)
            connection.execute(
                "UPDATE accounts SET exact = ?, alike = ?, text = ? WHERE token = ?",
                (exact, alike, moved(text, _of_account(token)), token),
            )
        names = connection.execute("SELECT member, kind, text FROM names").fetchall()
        connection.executemany(
            "UPDATE names SET text = ? WHERE member = ? AND kind = ?",
            ((moved(text, _of_name(member, kind)), member, kind) for member, kind, text in names),
        )
        ask_to_scrub(connection)

    def _forget_cached(self) -> None:
        self._keys.clear()
        self._owned.clear()
        self._index = None

    def _must_be_this_process(self) -> None:
        """After a fork, give out no key that the parent may give to somebody else."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._batch = 1
            self._spare.clear()
            self._given.clear()
            self._forget_cached()

    def _own(self, owner: Owner, key: tuple[str, bytes]) -> None:
        if len(self._owned) >= _MOST_CACHED:
            self._owned.clear()
        self._owned[owner] = key

    def _found(self, owner: Owner) -> tuple[str, bytes] | None:
        with self._reading() as connection:
            if _is_erased(connection, owner.member):
                raise Erased(owner.member)
            return self._of(connection, owner)

    def _of(self, connection: sqlite3.Connection, owner: Owner) -> tuple[str, bytes] | None:
        row = connection.execute(_OWN_KEY, owner).fetchone()
        return None if row is None else (row[0], self._keeping.show(row[1], _of_key(row[0])))

    def _of_many(
        self, connection: sqlite3.Connection, owners: Sequence[Owner]
    ) -> dict[Owner, tuple[str, bytes] | None]:
        """Return the keys of owners; None of those who have none. Whose member was erased is left out."""
        found: dict[Owner, tuple[str, bytes] | None] = dict.fromkeys(owners)
        for some, marks in _parts({owner.member for owner in owners}):
            for member, kind, period, key_id, key in connection.execute(
                "SELECT member, kind, period, id, key FROM keys "  # noqa: S608 — question marks
                f"WHERE member IN ({marks}) AND key IS NOT NULL ORDER BY id DESC",
                some,
            ):
                owner = Owner(member, kind, period)
                if owner in found:
                    found[owner] = key_id, self._keeping.show(key, _of_key(key_id))
            gone = connection.execute(f"SELECT member FROM tombstones WHERE member IN ({marks})", some)  # noqa: S608 — question marks
            erased = {member for (member,) in gone}
            found = {owner: key for owner, key in found.items() if owner.member not in erased}
        return found

    def _make(self, owners: Sequence[Owner], *, ahead: int = 0) -> None:
        """Make keys for owners who have none and were not erased, and some ahead, in one commit."""
        with self._writing() as connection:
            self._write_given(connection)
            there = self._of_many(connection, owners)
            found = {owner: key or self._new(connection, owner) for owner, key in there.items()}
            spare = [self._new(connection) for _ in range(ahead if found else 0)]
        self._given.clear()
        self._spare += spare
        for owner, key in found.items():
            self._own(owner, key)

    def _new(self, connection: sqlite3.Connection, owner: Owner | None = None) -> tuple[str, bytes]:
        key_id, key = secrets.token_urlsafe(_ID_BYTES), secrets.token_bytes(KEY_BYTES)
        stored = self._keeping.hide(key, _of_key(key_id))
        connection.execute(_MAKE_KEY, (key_id, *(owner or (None, None, None)), stored))
        return key_id, key

    def _write_given(self, connection: sqlite3.Connection) -> None:
        """Write down whose the keys are that were given out; destroy those of who was erased meanwhile."""
        for key_id, owner in self._given.items():
            connection.execute(
                "UPDATE keys SET member = ?, kind = ?, period = ? WHERE id = ? AND member IS NULL",
                (*owner, key_id),
            )
            if _is_erased(connection, owner.member):
                _destroy(connection, "id = ?", (key_id,))
                ask_to_scrub(connection)

    def _token(self, connection: sqlite3.Connection, account: _Account, member: str) -> str | None:
        row = connection.execute(
            "SELECT token FROM accounts WHERE exact = ? AND member = ? ORDER BY rowid LIMIT 1",
            (self._keeping.lookup(account.exact), member),
        ).fetchone()
        return None if row is None else str(row[0])

    def _keep_account(
        self, connection: sqlite3.Connection, token: str, account: _Account, member: str
    ) -> int:
        exact, alike = self._keeping.lookup(account.exact), self._keeping.lookup(account.alike)
        text = self._keeping.hide(account.exact, _of_account(token))
        return connection.execute(
            "INSERT OR IGNORE INTO accounts (token, member, exact, alike, text) VALUES (?, ?, ?, ?, ?)",
            (token, member, exact, alike, text),
        ).rowcount

    def _shown(self, row: tuple[str, str, bytes]) -> tuple[str, str, str]:
        member, kind, text = row
        return member, kind, self._keeping.show(text, _of_name(member, kind)).decode()

    def _tombstones(self, table: str) -> list[Tombstone]:
        with self._reading() as connection:
            rows = connection.execute(f"SELECT member, entry, at FROM {table} ORDER BY rowid").fetchall()  # noqa: S608 — our own names
        return [Tombstone(*row) for row in rows]


class _Account(NamedTuple):
    """An account, and what it has in common with those that read like it."""

    exact: bytes
    alike: bytes


def _account(provider: str, account: str) -> _Account:
    both = (provider, account)
    return _Account(_json(both), _json([canonical_name(each) for each in both]))


def _provider_and_name(exact: bytes) -> tuple[str, str]:
    """Return what an account was made of.

    Raises:
        Damaged: it was changed in the file. The error does not carry it.
    """
    try:
        provider, name = json.loads(exact)
    except ValueError:
        raise Damaged("an account in the key store is damaged; restore it from a copy") from None
    return provider, name


def _json(texts: Sequence[str]) -> bytes:
    return utf8(json.dumps(texts, ensure_ascii=False, separators=(",", ":")))


def _of_key(key_id: str) -> bytes:
    return utf8(f"key\n{key_id}")


def _of_account(token: str) -> bytes:
    return utf8(f"account\n{token}")


def _of_name(member: str, kind: str) -> bytes:
    return b"name\n" + _json((member, kind))


def place_of(path: str | os.PathLike[str]) -> Path | None:
    """Return where a store lies, with links resolved; None for one in memory.

    Raises:
        InvalidInput: it is no path.
    """
    try:
        name = os.fspath(path)
        return None if name == IN_MEMORY else Path(os.path.realpath(name))
    except (TypeError, ValueError) as error:
        raise InvalidInput("a key store is opened by the path of its file", field="path") from error


def meta(connection: sqlite3.Connection, name: str) -> object:
    """Return something that a store keeps about itself; None where it does not."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def _is_erased(connection: sqlite3.Connection, member: str) -> bool:
    found = connection.execute("SELECT 1 FROM tombstones WHERE member = ?", (member,)).fetchone()
    return found is not None


def _stored(connection: sqlite3.Connection, key_id: str) -> bytes | None:
    row = connection.execute("SELECT key FROM keys WHERE id = ?", (key_id,)).fetchone()
    return None if row is None else row[0]


def _destroy(connection: sqlite3.Connection, which: str, values: Sequence[str]) -> int:
    """Destroy keys; their rows stay, so that it is known that they were to be."""
    statement = f"UPDATE keys SET key = NULL WHERE {which} AND key IS NOT NULL"  # noqa: S608 — our own words
    return connection.execute(statement, values).rowcount


def _destroy_named(
    connection: sqlite3.Connection, key_ids: Iterable[str], members: set[str]
) -> tuple[int, tuple[str, ...]]:
    """Destroy keys by their ids, but for those of other members: return how many, and which were left."""
    destroyed, left = 0, []
    for key_id in key_ids:
        row = connection.execute(
            "SELECT member FROM keys WHERE id = ? AND key IS NOT NULL", (key_id,)
        ).fetchone()
        if row is None:
            continue
        if row[0] is None or row[0] in members:
            destroyed += _destroy(connection, "id = ?", (key_id,))
        else:
            left.append(key_id)
    return destroyed, tuple(left)


def ask_to_scrub(connection: sqlite3.Connection) -> None:
    """Keep that traces of what was destroyed may be left."""
    connection.execute(TELL, (_SCRUB, secrets.token_hex(8)))


def _parts(values: Iterable[str]) -> Iterator[tuple[list[str], str]]:
    """Yield values as many at a time as a statement takes, and a question mark for each."""
    left = list(values)
    for first in range(0, len(left), _AT_ONCE):
        some = left[first : first + _AT_ONCE]
        yield some, ", ".join("?" for _ in some)

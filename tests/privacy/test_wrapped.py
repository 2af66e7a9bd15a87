"""Key stores under a master key: the same as others, with a file that says nothing without it."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from hunting import hunt
from reps_ledger.domain.sealed import Owner
from reps_ledger.errors import (
    ConfigurationError,
    Erased,
    InvalidInput,
    LedgerError,
    PrivacyError,
    StorageError,
    TamperedSeal,
    WrongKey,
)
from reps_ledger.privacy import Destroyed, KeyFile, KeyStore, LocalMaster, Master, Tombstone, WrappedKeys
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MASTER: Final = LocalMaster(bytes(range(32)))
ANA: Final = Owner("ana", "vouch.given", "2018")
ROWS: Final = [("ana", "name", "Ana-María Example"), ("ben", "name", "Benjamin Example")]


@define
class Service:
    """A service that keeps versions of a master key, and counts what it is asked."""

    versions: dict[str, LocalMaster] = field(factory=lambda: {"v1": LocalMaster(secrets.token_bytes(32))})
    name: str = "v1"
    asked: int = 0

    def wrap(self, secret: bytes) -> bytes:
        """Wrap under the newest version."""
        self.asked += 1
        return self.versions[self.name].wrap(secret)

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Unwrap by whichever version wrapped it."""
        self.asked += 1
        version = self.versions[name]
        return version.unwrap(version.name, wrapped)

    def turn(self, name: str) -> None:
        """Have a new version."""
        self.versions[name] = LocalMaster(secrets.token_bytes(32))
        self.name = name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key store may lie."""
    return tmp_path / "reps.keys"


@pytest.fixture
def store(path: Path) -> Iterator[WrappedKeys]:
    """A new store with a key, two accounts and two names."""
    with WrappedKeys.open(path, MASTER) as opened:
        opened.current(ANA)
        opened.token("example", "ana-example", "ana")
        opened.token("Example", "ANA-EXAMPLE", "ben")
        opened.index(7, ROWS)
        yield opened


def contents(store: KeyStore) -> object:
    """All that a store says of the two."""
    return (
        store.current(ANA),
        store.key(store.current(ANA)[0]),
        store.known_token("example", "ana-example", "ana"),
        store.tokens_like("example", "ana-example", "ana"),
        store.account(str(store.known_token("example", "ana-example", "ana"))),
        store.find("example"),
        store.names(["ana", "ben"]),
        store.names_upto,
    )


def test_it_is_as_any_other(path: Path, store: WrappedKeys) -> None:
    """All that is kept is found again, and erased; opening asks the master key once."""
    service = Service()
    before = contents(store)
    store.rotate(service)
    asked = service.asked
    with WrappedKeys.open(path, service, create=False) as again:
        assert contents(again) == before
        assert service.asked == asked + 1
        assert again.erase([Tombstone("ana", "entry", "when")]) == Destroyed(keys=1, accounts=1, names=1)
        with pytest.raises(Erased):
            again.current(ANA)
        assert again.find("example") == [("ben", "name")]


def test_its_file_says_nothing(tmp_path: Path, path: Path, store: WrappedKeys) -> None:
    """No key, account, name, part of an index, or secret; nor the length of a name."""
    key_id, key = store.current(ANA)
    keeping = store._keeping
    wanted = [key, b"ana-example", b"Example", b"example", "María".encode(), b"Benjamin"]
    wanted += [keeping._key, keeping._index_key, MASTER.key]  # type: ignore[attr-defined]  # its secrets
    assert hunt(tmp_path, [word for word in wanted if len(word) >= 8]) == {}
    assert hunt(tmp_path, [key_id]) == {"reps.keys": 1}
    with closing(sqlite3.connect(path)) as connection:
        ((lengths,),) = connection.execute("SELECT count(DISTINCT length(text)) FROM names").fetchall()
    assert lengths == 1


def test_only_its_master_key_opens_it(path: Path, store: WrappedKeys) -> None:
    """Another, and none, are told apart; nothing is changed."""
    before = contents(store)
    for master, words in ((LocalMaster(secrets.token_bytes(32)), "is wrapped by the master key"),):
        with pytest.raises(WrongKey, match=words):
            WrappedKeys.open(path, master)
    with pytest.raises(WrongKey, match="does not open"):
        WrappedKeys.open(path, LocalMaster(secrets.token_bytes(32), name=MASTER.name))
    with pytest.raises(ConfigurationError, match=r"WrappedKeys\.open"):
        KeyFile.open(path)
    assert contents(store) == before


def test_a_store_that_is_not_wrapped(path: Path) -> None:
    """Is not opened as one that is, unless it holds nothing; it can be wrapped, and then no key is left."""
    with KeyFile.open(path) as plain:
        key_id, key = plain.current(ANA)
        plain.token("example", "ana-example", "ana")
        plain.index(7, ROWS)
        before = contents(plain)
    with pytest.raises(ConfigurationError, match="no master key"):
        WrappedKeys.open(path, MASTER)
    assert hunt(path.parent, [key, b"ana-example"]) == {"reps.keys": 2}
    with WrappedKeys.convert(path, MASTER) as wrapped:
        assert contents(wrapped) == before
        assert wrapped.key(key_id) == key
        assert hunt(path.parent, [key, b"ana-example", b"Benjamin"]) == {}
    with pytest.raises(ConfigurationError, match=r"WrappedKeys\.open"):
        WrappedKeys.convert(path, MASTER)
    with pytest.raises(StorageError, match="is not there"):
        WrappedKeys.convert(path.with_name("other"), MASTER)


def test_a_rotation_leaves_nothing_to_the_old_key(path: Path, store: WrappedKeys) -> None:
    """Not even what was learned by it: the store's secret and the keys of its index are new."""
    before = contents(store)
    old = store._keeping
    new = LocalMaster(secrets.token_bytes(32))
    store.rotate(new)
    assert contents(store) == before
    with pytest.raises(WrongKey):
        WrappedKeys.open(path, MASTER)
    with WrappedKeys.open(path, new) as again:
        assert contents(again) == before
    with closing(sqlite3.connect(path)) as connection:
        for name, key in connection.execute("SELECT id, key FROM keys").fetchall():
            with pytest.raises(WrongKey):
                old.show(key, f"key\n{name}".encode())
        hashes = {value for (value,) in connection.execute("SELECT exact FROM accounts").fetchall()}
    assert old.lookup(b'["example","ana-example"]') not in hashes
    assert store._keeping.lookup(b'["example","ana-example"]') in hashes


def test_others_go_on_after_a_rotation(path: Path) -> None:
    """With a service that knows both versions."""
    service = Service()
    with WrappedKeys.open(path, service) as one, WrappedKeys.open(path, service) as two:
        key_id, key = one.current(ANA)
        assert two.key(key_id) == key
        service.turn("v2")
        one.rotate(service)
        more = two.current(ANA._replace(member="ben"))  # without having asked whether others wrote
        assert one.key(more[0]) == more[1]
        assert two.refresh()
        assert two.key(key_id) == key


def test_who_has_the_old_key_only(path: Path, store: WrappedKeys) -> None:
    """Is told so, at the next read or write that is not of what is cached."""
    with WrappedKeys.open(path, MASTER) as old:
        store.rotate(LocalMaster(secrets.token_bytes(32)))
        for call in (
            lambda: old.current(Owner("cleo", "x", "1")),
            lambda: old.token("example", "cleo", "cleo"),
            lambda: old.known_token("example", "ana-example", "ana"),
            lambda: old.refresh() and old.key(store.current(ANA)[0]),
            lambda: old.index(8, []),
        ):
            with pytest.raises(WrongKey):
                call()
    assert store.names_upto == 7


OTHERS: Final = "UPDATE {table} SET {0} = (SELECT {0} FROM {table} WHERE member = 'ben') WHERE member = 'ana'"
SWAPS: Final[dict[str, Callable[[WrappedKeys], object]]] = {
    OTHERS.format("key", table="keys"): lambda store: store.current(ANA),
    OTHERS.format("text", table="names"): lambda store: store.names(["ana"]),
    OTHERS.format("text", table="accounts"): (
        lambda store: store.account(str(store.known_token("example", "ana-example", "ana")))
    ),
    "UPDATE keys SET key = x'02' WHERE member = 'ana'": lambda store: store.current(ANA),
    "UPDATE keys SET key = x'' WHERE member = 'ana'": lambda store: store.current(ANA),
    "UPDATE keys SET key = (SELECT value FROM meta WHERE name = 'wrapped')": lambda store: store.current(ANA),
    "UPDATE meta SET value = x'0200' WHERE name = 'wrapped'": lambda store: store.names_upto,
}


@pytest.mark.parametrize("statement", SWAPS)
def test_what_was_moved_or_changed_is_refused(path: Path, store: WrappedKeys, statement: str) -> None:
    """Every value is bound to its place; none is ever taken for another."""
    store.current(ANA._replace(member="ben"))
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises((WrongKey, TamperedSeal)), WrappedKeys.open(path, MASTER) as changed:
        SWAPS[statement](changed)


def test_a_master_key_that_wraps_something_else(path: Path, store: WrappedKeys) -> None:
    """Is no secret of a store."""
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'wrapped'", (MASTER.wrap(b"short"),))
        connection.commit()
    with pytest.raises(TamperedSeal, match="no secret of a key store"):
        WrappedKeys.open(path, MASTER)


def test_a_master_that_fails(path: Path) -> None:
    """What it raises is raised, nothing is made or changed, and the store stays usable."""

    class Down(Exception):
        """A service that does not answer."""

    @define
    class Failing(Service):
        def wrap(self, secret: bytes) -> bytes:
            del secret
            raise Down

    with pytest.raises(Down):
        WrappedKeys.open(path, Failing())
    with WrappedKeys.open(path, MASTER) as store:
        before = contents(store)
        with pytest.raises(Down):
            store.rotate(Failing())
        assert contents(store) == before


@examples(0.5)
@given(st.binary(max_size=100), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_local_master_key(secret: bytes, key: bytes, other: bytes) -> None:
    """Unwraps what it wrapped, and nothing else; it is a `Master`, and shows its key to nobody."""
    master: Master = LocalMaster(key)
    wrapped = master.wrap(secret)
    assert master.unwrap(master.name, wrapped) == secret
    assert LocalMaster(key, name="v1").name == "v1"
    for shown in (repr(master), str(master), master.name):
        assert repr(key)[2:-1] not in shown
        assert key.hex() not in shown
    if other != key:
        with pytest.raises(WrongKey):
            LocalMaster(other).unwrap(master.name, wrapped)
        with pytest.raises(WrongKey):
            LocalMaster(other, name=master.name).unwrap(master.name, wrapped)


@pytest.mark.parametrize("key", [b"", b"x" * 31, None, "x" * 32])
def test_what_is_no_master_key(key: object) -> None:
    """Is refused when it is made."""
    with pytest.raises(InvalidInput, match="a key has 32 bytes"):
        LocalMaster(key)  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(InvalidInput, match="a key has 32 bytes"):
        LocalMaster(key, name="v1")  # type: ignore[arg-type]  # that is what is tried


def test_no_message_shows_a_secret(path: Path, store: WrappedKeys) -> None:
    """Not a text, an account, a name, a key."""
    said = [repr(store)]
    for call in (
        lambda: store.token("example", "Benjamin\ud800", "ana"),
        lambda: store.index(9, [("ana", "name", "Benjamin\ud800")]),
        lambda: WrappedKeys.open(path, LocalMaster(bytes(32))),
        lambda: KeyFile.open(path),
        lambda: store.bind("x") or store.bind("y"),  # type: ignore[func-returns-value]  # for its error
    ):
        with pytest.raises(LedgerError) as raised:
            call()
        said.append(str(raised.value))
    assert not any(word in each for word in ("Benjamin", MASTER.key.hex(), r"\x00", r"\x01") for each in said)
    assert issubclass(WrongKey, PrivacyError)

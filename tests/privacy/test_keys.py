"""The key store: what it keeps, for whom, and what becomes of it when somebody is erased."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes import PATIENCE, Program
from reps_ledger.domain.sealed import Owner
from reps_ledger.errors import (
    Altered,
    Busy,
    Closed,
    ConfigurationError,
    Erased,
    InvalidInput,
    LedgerError,
    NewerFormat,
    PathTaken,
    StorageError,
    WrongKeys,
)
from reps_ledger.files import KEYS_MARK, mark_of, may_be_written
from reps_ledger.privacy import ROWS, Destroyed, KeyFile, KeyStore, LocalMaster, Tombstone, WrappedKeys
from reps_ledger.privacy.store import FORMAT, StoreFile
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ANA: Final = Owner("ana", "vouch.given", "2018")
BEN: Final = Owner("ben", "vouch.given", "2018")
WHEN: Final = "2019-01-01T00:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key store may lie."""
    return tmp_path / "reps.keys"


@pytest.fixture
def store(path: Path) -> Iterator[KeyFile]:
    """A new key store."""
    with KeyFile.open(path) as opened:
        yield opened


def gone(member: str) -> Tombstone:
    """The tombstone of a member."""
    return Tombstone(member, f"entry-of-{member}", WHEN)


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    """What another program sees in a store."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_a_key_is_found_again(path: Path) -> None:
    """By its owner and by its id, also once the store was closed."""
    with KeyFile.open(path) as store:
        key_id, key = store.current(ANA)
        assert len(key) == 32
        assert len(key_id) == 16
        assert store.current(ANA) == (key_id, key)
        assert store.current(BEN)[1] != key
    with KeyFile.open(path) as store:
        assert store.key(key_id) == key
        assert store.current(ANA) == (key_id, key)
        assert store.key("no such key") is None
        assert store.fate("no such key", "ana") == "lost"


def test_many_keys_are_read_at_once(path: Path) -> None:
    """Each is what it is by itself; those that are not there are left out."""
    owners = [Owner(f"m{number}", "x", "1") for number in range(1_100)]
    with KeyFile.open(path) as store:
        store.prepare(owners)
        named = dict(store.current(owner) for owner in owners)
        store.erase([gone("m7")])
    with KeyFile.open(path) as store:
        store.load([*named, *named, "no such key"])
        assert len(store._keys) == 1_099
        assert [key_id for key_id, key in named.items() if store.key(key_id) != key] == [list(named)[7]]


def test_it_is_what_the_protocol_says(store: KeyFile) -> None:
    """Whoever takes a key store takes this one."""
    taken: KeyStore = store
    assert taken.ledger is None


@given(st.lists(st.sampled_from([Owner(m, k, p) for m in ("a", "b", "") for k in ("x", ROWS) for p in "12"])))
def test_owners_have_keys_of_their_own(owners: list[Owner]) -> None:
    """One each, whatever the order, asked for one by one or prepared."""
    with KeyFile.open(":memory:") as store:
        store.prepare(owners[::2])
        found = {owner: store.current(owner) for owner in owners}
        assert (
            len({key for _, key in found.values()}) == len({name for name, _ in found.values()}) == len(found)
        )
        store.flush()
        store._forget_cached()
        assert {owner: store.current(owner) for owner in owners} == found


def test_keys_are_made_ahead_in_batches_that_grow(path: Path, store: KeyFile) -> None:
    """A service commits once a batch: for 191 people 8 times, and no key is given to two."""
    found: dict[Owner, tuple[str, bytes]] = {}
    counts: list[object] = []
    for number in range(191):
        owner = Owner(f"m{number}", "vouch.given", "2018")
        found[owner] = store.current(owner)
        counts += rows(path, "SELECT count(*) FROM keys")
    assert len(set(counts)) == 8
    assert counts[-1] == (1 + 2 + 4 + 8 + 16 + 32 + 64 + 64,)
    assert len({name for name, _ in found.values()}) == 191
    assert all(store.key(name) == key for name, key in found.values())
    store.close()
    with KeyFile.open(path) as again:
        assert {owner: again.current(owner) for owner in found} == found


def test_an_owner_that_is_lost_gets_another_key(path: Path) -> None:
    """As of a process that was killed: what was sealed stays readable, by the name of its key."""
    store = KeyFile.open(path)
    named = {owner: store.current(owner) for owner in (ANA, BEN, ANA._replace(period="2019"))}
    store._file.close()  # as a kill does, without writing down whose they are
    with KeyFile.open(path) as again:
        assert all(again.key(name) == key for name, key in named.values())
        others = [again.current(owner) for owner in named]
        assert others[0] == named[ANA]  # which was made for her, and not ahead
        assert len({name for name, _ in [*others, *named.values()]}) > 3


def test_keys_of_rows_are_never_lost(path: Path) -> None:
    """They tell what was imported before: they are committed before they are used."""
    store = KeyFile.open(path)
    store.current(ANA)
    store.current(BEN)  # a key is ahead
    found = store.current(Owner("ana", ROWS, ""))
    store._file.close()
    with KeyFile.open(path) as again:
        assert again.current(Owner("ana", ROWS, "")) == found


def test_a_store_is_of_one_ledger(path: Path) -> None:
    """It is bound once, and never to another."""
    with KeyFile.open(path) as store, KeyFile.open(path) as other:
        assert store.ledger is None
        store.bind("one")
        store.bind("one")
        assert other.ledger == "one"
        with pytest.raises(WrongKeys, match="that of the ledger one") as raised:
            other.bind("two")
        assert (raised.value.own, raised.value.given) == ("one", "two")
        assert store.ledger == "one"


def test_an_erased_member_has_nothing(path: Path, store: KeyFile) -> None:
    """Their keys, accounts and names are gone, and none are made; everybody else's stay."""
    key_id, _ = store.current(ANA)
    rows_id, _ = store.current(Owner("ana", ROWS, ""))
    others = store.current(BEN)
    store.token("github", "ana-h", "ana")
    token = store.token("github", "ben", "ben")
    store.index(
        7, [("ana", "name", "Ana Example"), ("ana", "email", "ana@x.example"), ("ben", "name", "Ben")]
    )
    assert store.erase([gone("ana")], [key_id]) == Destroyed(keys=2, accounts=1, names=2)
    assert store.key(key_id) is None
    assert store.key(rows_id) is None
    assert store.fate(key_id, "ana") == store.fate("unknown", "ana") == "erased"
    assert store.fate("unknown", "ben") == "lost"
    assert store.find("ana") == []
    assert store.names(["ana", "ben"]) == {"ben": "Ben"}
    assert store.known_token("github", "ana-h", "ana") is None
    assert store.is_erased("ana")
    assert not store.is_erased("ben")
    assert store.current(BEN) == others
    assert store.known_token("github", "ben", "ben") == token
    with pytest.raises(Erased) as raised:
        store.current(ANA)
    assert raised.value.member == "ana"
    with pytest.raises(Erased):
        store.token("github", "ana-h", "ana")
    assert store.tokens([("github", "ana-h", "ana"), ("github", "ben", "ben")]) == [None, token]
    assert store.restore_accounts([("t", "github", "ana-h", "ana")]) == 0
    store.prepare([ANA, BEN])
    store.index(8, [("ana", "name", "Ana Example")])
    assert store.find("ana") == []
    assert rows(path, "SELECT count(*) FROM keys WHERE member = 'ana' AND key IS NOT NULL") == [(0,)]


def test_an_erasure_is_followed_until_it_is_done(path: Path, store: KeyFile) -> None:
    """What is to follow and the tombstones are kept; erasing again takes what came since."""
    store.erase([gone("ana"), gone("ben")])
    with KeyFile.open(path) as again:
        assert again.to_follow() == again.tombstones() == [gone("ana"), gone("ben")]
        again.done(["ana"])
    assert store.to_follow() == [gone("ben")]
    assert store.erase([gone("ana")._replace(entry="another")]) == Destroyed()
    assert store.tombstones() == [gone("ana"), gone("ben")]
    store.done(["ana", "ben"])
    assert store.to_follow() == []
    assert len(store.tombstones()) == 2


def test_traces_are_removed_at_the_latest_at_opening(path: Path) -> None:
    """Until then the store knows that it must."""
    store = KeyFile.open(path)
    must = [store.must_scrub]
    store.erase([gone("ana")])
    must.append(store.must_scrub)
    store._file.close()
    with KeyFile.open(path) as again:
        must.append(again.must_scrub)
        again.expire([ANA])
        must.append(again.must_scrub)
        again.scrub()
        must.append(again.must_scrub)
    assert must == [False, True, False, True, False]


def test_keys_that_the_log_names_are_destroyed(path: Path) -> None:
    """Also where it is not known whose they are; but never those of somebody else."""
    store = KeyFile.open(path)
    bens = store.current(BEN)
    named, _ = store.current(ANA)  # made for her
    more, _ = store.current(ANA._replace(period="2019"))  # made ahead
    store._file.close()
    with KeyFile.open(path) as again:
        found = again.erase([gone("ana")], [named, more, bens[0], "unknown"])
        assert found == Destroyed(keys=2, left=(bens[0],))
        assert again.key(more) is None
        assert again.fate(more, "") == "erased"
        assert again.key(bens[0]) == bens[1]


def test_others_learn_of_an_erasure(path: Path) -> None:
    """When they next begin to read; and what they had ahead for who was erased is destroyed."""
    with KeyFile.open(path) as one, KeyFile.open(path) as two:
        two.current(BEN)
        two.current(BEN._replace(period="2017"))
        name, key = two.current(ANA)  # made ahead, not yet written down
        assert one.key(name) == key
        assert not two.refresh()
        one.erase([gone("ana")])
        assert one.key(name) == key, "nobody wrote down that it is hers"
        assert two.refresh()
        assert not two.refresh()
        with pytest.raises(Erased):
            two.current(ANA)
    with KeyFile.open(path) as one, KeyFile.open(path) as two:
        dee = Owner("dee", "x", "1")
        one.current(dee._replace(member="cleo"))
        one.current(dee._replace(member="carl"))
        name, _ = one.current(dee)
        two.erase([gone("dee")])
        one.flush()  # without having asked
        assert two.key(name) is None
        assert two.must_scrub


def test_what_was_kept_long_enough_is_destroyed(store: KeyFile) -> None:
    """Of a kind and up to a period; the person lives on, and has new keys."""
    owners = [Owner(m, k, p) for m in ("ana", "ben") for k in ("x", "y") for p in ("2017", "2018")]
    store.prepare(owners)
    named = {owner: store.current(owner) for owner in owners}
    assert store.due("x", "2018") == [Owner("ana", "x", "2017"), Owner("ben", "x", "2017")]
    assert store.due("x", "2017") == []
    assert store.expire(store.due("x", "2018")) == Destroyed(keys=2)
    for owner, (name, key) in named.items():
        kept = owner[1:] != ("x", "2017")
        assert store.key(name) == (key if kept else None)
        assert kept or store.fate(name, owner.member) == "erased"
    assert store.due("x", "2018") == []
    assert store.current(Owner("ana", "x", "2017")) not in named.values()
    assert store.tombstones() == []


def test_tokens_of_accounts(store: KeyFile) -> None:
    """One for an account and a member; others of it are known, and those that read like it."""
    mine = store.token("github", "ana-h", "ana")
    assert mine == store.token("github", "ana-h", "ana") == store.known_token("github", "ana-h", "ana")
    assert store.known_token("github", "ana-h", "ben") is None
    bens = store.token("github", "ana-h", "ben")
    like = store.token("GitHub", "Ana-\uff28", "cleo")
    also = store.token("github", "ANA-H", "ana")
    store.token("gitlab", "ana-h", "dee")
    assert len({mine, bens, like, also}) == 4
    assert store.tokens_like("github", "ana-h", "ana") == ((bens,), tuple(sorted([like, also])))
    assert store.tokens_like("github", "nobody", "ana") == ((), ())
    assert store.account(like) == ("GitHub", "Ana-\uff28")
    assert store.account("no token") is None
    assert "ana" not in mine


def test_accounts_are_told_apart(store: KeyFile) -> None:
    """Whatever is in provider and name."""
    pairs = [("a", "bc"), ("ab", "c"), ('a","b', "c"), ("a", 'b","c'), ("a\nb", "c"), ("", "abc")]
    assert len({store.token(*pair, "ana") for pair in pairs}) == len(pairs)
    assert store.tokens_like("a", "bc", "ben")[1] == ()


def test_accounts_are_made_again_from_the_log(store: KeyFile) -> None:
    """With their tokens; what is known stays as it is."""
    token = store.token("github", "ben", "ben")
    found = [("t-ana", "github", "ana", "ana"), (token, "github", "ben", "ben"), (token, "github", "x", "x")]
    assert store.restore_accounts(found) == 1
    assert store.known_token("github", "ana", "ana") == "t-ana"
    assert store.account(token) == ("github", "ben")


def test_people_are_found_by_the_beginnings_of_words(store: KeyFile) -> None:
    """Of names and addresses, in any case and width; later texts take the place of earlier ones."""
    store.index(
        3,
        [
            ("ana", "name", "Ana"),
            ("ana", "name", "Ana-María Example"),
            ("ana", "email", "ana@mail.example"),
            ("ben", "name", "Ben \uff21na"),
            ("cleo", "name", "山田太郎"),
            ("dee", "name", "Hannah"),
        ],
    )
    assert store.find("ANA") == [("ana", "email"), ("ana", "name"), ("ben", "name")]
    assert store.find("example ana") == [("ana", "email"), ("ana", "name")]
    assert store.find("maría") == store.find("maria") == [("ana", "name")]
    assert store.find("ana@mail.ex") == [("ana", "email")]
    assert store.find("太郎") == [("cleo", "name")]
    assert store.find("nobody") == store.find("") == store.find("  ") == []
    assert store.names(["ana", "cleo", "nobody"]) == {"ana": "Ana-María Example", "cleo": "山田太郎"}
    assert store.names_upto == 3
    store.index(5, [("ana", "email", None), ("dee", "name", "")])
    store.index(4, [("ana", "email", "late@mail.example")])
    assert store.find("mail") == store.find("hannah") == []
    store.forget("ana")
    assert store.find("ana") == [("ben", "name")]
    assert store.names_upto == 5
    store.reindex()
    assert store.find("ben") == []
    assert store.names_upto == 0


@examples(0.5)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), st.text("ab c@", max_size=4))
def test_finding_is_as_looking_at_each(texts: list[str], asked: str) -> None:
    """The sorted beginnings find what a look at each text does."""
    from reps_ledger.privacy.names import NameIndex, _beginnings, _sought

    found = NameIndex((str(number), "name", text) for number, text in enumerate(texts)).find(asked)
    words = _sought(asked).split()
    expected = [
        (str(number), "name")
        for number, text in enumerate(map(_sought, texts))
        if words and all(any(text[at:].startswith(word) for at in _beginnings(text)) for word in words)
    ]
    assert found == sorted(expected)


@pytest.mark.parametrize(
    ("text", "sought"),
    [
        ("José Ångström", "jose angstrom"),
        ("Йод", "иод"),
        ("Ελένη", "ελενη"),
        ("हिन्दी", "हिन्दी"),  # its marks are vowels
        ("ﬁnn", "finn"),
    ],
)
def test_accents_are_left_out_where_they_are_accents(text: str, sought: str) -> None:
    """Of letters of Latin, Greek and Cyrillic; marks of other scripts are part of the letters."""
    from reps_ledger.privacy.names import _sought

    assert _sought(text) == sought


def test_a_file_is_its_owners_alone(path: Path) -> None:
    """Whatever the umask; and one that others may read is refused, with what to do."""
    before = os.umask(0)
    try:
        KeyFile.open(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(InvalidInput, match="run chmod 600"):
        KeyFile.open(path)


def test_how_it_is_opened(path: Path, store: KeyFile) -> None:
    """So that what is deleted is gone; what SQLite does not keep is refused."""
    connection = store._file._connection()
    for pragma, expected in (
        ("journal_mode", "delete"),
        ("synchronous", 3),
        ("secure_delete", 1),
        ("temp_store", 2),
    ):
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (expected,)
    assert mark_of(path) == KEYS_MARK
    with pytest.raises(PathTaken, match="is a key store"):
        may_be_written(path, replace=True)
    with pytest.raises(PathTaken, match="kept for what lies beside"):
        may_be_written(f"{path}-journal", replace=True)


def test_a_store_in_another_journal_mode_is_put_right(path: Path) -> None:
    """Or refused, while another program keeps it so."""
    KeyFile.open(path).close()
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    other.execute("SELECT count(*) FROM keys").fetchone()
    with pytest.raises((StorageError, Busy)):
        KeyFile.open(path, timeout=0.1)
    other.close()
    with KeyFile.open(path) as store:
        assert store._file._connection().execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_where_there_is_none(path: Path, tmp_path: Path) -> None:
    """A new one is made only if it may be."""
    with pytest.raises(StorageError, match="is not there"):
        KeyFile.open(path, create=False)
    assert not path.exists()
    path.touch(0o600)
    with pytest.raises(StorageError, match="is empty"):
        KeyFile.open(path, create=False)
    with pytest.raises(StorageError):
        KeyFile.open(tmp_path / "nowhere" / "reps.keys")
    with pytest.raises(InvalidInput):
        KeyFile.open(7)  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(InvalidInput):
        KeyFile.open("a\0b")


@pytest.mark.parametrize("length", [0, 1, 50, 99, 100, 600, 4095, 4096, 5000, 20_000, 40_000])
def test_a_store_that_was_cut_short(path: Path, length: int) -> None:
    """Is refused with an error of ours, and stays as it is."""
    with KeyFile.open(path) as store:
        store.bind("one")
        store.prepare(Owner(f"m{number}", "x", "1") for number in range(500))
    os.truncate(path, length)
    before = path.read_bytes()
    with pytest.raises((StorageError, PathTaken)):
        KeyFile.open(path, create=False)
    assert path.read_bytes() == before


TEXT: Final = "secretive"


@examples(3)
@given(st.data())
@pytest.mark.parametrize("master", [None, LocalMaster(bytes(32))], ids=["plain", "wrapped"])
def test_a_store_that_was_damaged(
    tmp_path_factory: pytest.TempPathFactory, master: LocalMaster | None, data: st.DataObject
) -> None:
    """Gives what it gave, or an error of ours that quotes no text; under a master key never anything else."""
    path = tmp_path_factory.mktemp("damaged") / "reps.keys"
    owners = [Owner(f"m{number}", "x", "1") for number in range(40)]

    def opened() -> KeyFile:
        return KeyFile.open(path) if master is None else WrappedKeys.open(path, master)

    with opened() as store:
        store.prepare(owners)
        named = dict(store.current(owner) for owner in owners)
        tokens = store.tokens(("github", f"{TEXT}{owner.member}", owner.member) for owner in owners)
        store.index(1, ((owner.member, "name", f"{TEXT} {owner.member}") for owner in owners))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 60))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        with opened() as store:
            calls: list[Callable[[], object]] = [partial(store.key, name) for name in named]
            calls += [partial(store.account, str(token)) for token in tokens]
            calls += [partial(store.current, owners[0]), partial(store.find, TEXT), store.tombstones]
            calls += [partial(store.names, [owner.member for owner in owners])]
            for call in calls:
                try:
                    found = call()
                except LedgerError as error:
                    assert TEXT not in str(error)  # noqa: PT017 — each that is raised
                else:
                    if master is not None and isinstance(found, bytes):
                        assert found in named.values()
    except LedgerError as error:
        assert TEXT not in str(error)  # noqa: PT017 — whichever is raised


def test_a_new_store_is_there_once_it_is_complete(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails before leaves nothing; and where another process makes one meanwhile, that one is taken."""
    create = StoreFile._create

    def failing(store: StoreFile, connection: sqlite3.Connection) -> None:
        create(store, connection)
        assert not path.exists()
        raise OSError("the disk")

    with monkeypatch.context() as patched:
        patched.setattr(StoreFile, "_create", failing)
        with pytest.raises(StorageError, match="the disk"):
            KeyFile.open(path)
    assert list(tmp_path.iterdir()) == []

    def late(store: StoreFile, connection: sqlite3.Connection) -> None:
        create(store, connection)
        monkeypatch.setattr(StoreFile, "_create", create)
        with KeyFile.open(path) as other:
            other.bind("one")

    monkeypatch.setattr(StoreFile, "_create", late)
    with KeyFile.open(path) as store:
        assert store.ledger == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    """As one that a crash left, which holds nothing."""
    path.touch(0o600)
    with KeyFile.open(path) as store:
        key_id, key = store.current(ANA)
    with KeyFile.open(path) as store:
        assert store.key(key_id) == key


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    """A text, another program's database, a ledger, a folder; none is touched."""
    import reps_ledger as rl

    rl.open(tmp_path / "reps.db").close()
    path.write_text("precious")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    for name in ("reps.db", "reps.keys", "other.db", ".", "reps.db.tree", "reps.db-wal"):
        with pytest.raises(PathTaken):
            KeyFile.open(tmp_path / name)
    assert path.read_text() == "precious"
    with pytest.raises(LedgerError):
        rl.open(path)


def test_other_formats_are_refused(path: Path) -> None:
    """A later one; and tables that are not as they were made."""
    KeyFile.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(NewerFormat):
        KeyFile.open(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("CREATE TRIGGER spy AFTER INSERT ON keys BEGIN SELECT 1; END")
    with pytest.raises(Altered):
        KeyFile.open(path)


def test_a_store_that_is_gone_takes_no_keys(path: Path, store: KeyFile) -> None:
    """A key that is written to a file without a name would be lost."""
    store.current(ANA)
    path.rename(path.with_suffix(".moved"))
    with pytest.raises(StorageError, match="was removed"):
        store.prepare([BEN])
    KeyFile.open(path).close()
    with pytest.raises(StorageError, match="was replaced"):
        store.prepare([BEN])


def test_a_closed_store_says_so(store: KeyFile) -> None:
    """Closing it twice does nothing."""
    store.current(ANA)
    store.close()
    store.close()
    for call in (
        partial(store.current, ANA),
        partial(store.key, "x"),
        partial(store.names, []),
        store.refresh,
    ):
        with pytest.raises(Closed):
            call()


def test_another_that_writes_is_waited_for(path: Path, store: KeyFile) -> None:
    """And no longer than is said."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with KeyFile.open(path, timeout=0.05) as hasty, pytest.raises(Busy, match="nothing was written"):
            hasty.current(ANA)
        other.execute("ROLLBACK")
    store.current(ANA)


def test_no_message_or_name_shows_a_secret(path: Path, store: KeyFile) -> None:
    """Not of a store, and not of what it refuses."""
    _, key = store.current(ANA)
    shown = repr(store)
    assert str(path) in shown
    assert key.hex() not in shown
    assert repr(key) not in shown
    for call in (
        partial(store.token, "github", "secret\ud800", "ana"),
        partial(store.index, 1, [("ana", "name", "secret\ud800")]),
        partial(store.known_token, "secret\ud800", "x", "ana"),
    ):
        with pytest.raises(InvalidInput) as raised:
            call()
        assert "secret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


def test_many_threads(store: KeyFile) -> None:
    """Each owner has one key, whoever asks; no key has two owners."""
    found: list[dict[Owner, tuple[str, bytes]]] = []

    def ask() -> None:
        mine = {}
        for number in range(100):
            owner = Owner(f"m{number}", "x", "1")
            mine[owner] = store.current(owner)
            assert store.key(mine[owner][0]) == mine[owner][1]
            store.refresh()
        found.append(mine)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == 6
    assert all(each == found[0] for each in found)
    assert len({key for _, key in found[0].values()}) == 100


ASKING: Final = """
import sys
from reps_ledger.domain.sealed import Owner
from reps_ledger.privacy import ROWS, KeyFile

with KeyFile.open(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(60):
        key_id, _ = store.current(Owner(f"m{number}", "x", "1"))
        rows_id, _ = store.current(Owner(f"m{number}", ROWS, ""))
        token = store.token("github", f"account{number}", f"m{number}")
        print(number, key_id, rows_id, token, flush=True)
"""


def test_many_processes(path: Path) -> None:
    """Ask at once: one token an account and member, one key for a person's rows, no key with two owners."""
    programs = [Program("-c", ASKING, path) for _ in range(3)]
    for program in programs:
        assert program.hear() == "ready"
    for program in programs:
        program.tell("go")
    said = [program.end().splitlines() for program in programs]
    owners: dict[str, set[str]] = {}
    rows_ids, tokens = set(), set()
    for lines in said:
        assert len(lines) == 60
        for number, key_id, rows_id, token in map(str.split, lines):
            owners.setdefault(key_id, set()).add(number)
            rows_ids.add((number, rows_id))
            tokens.add((number, token))
    assert all(len(each) == 1 for each in owners.values())
    assert len(rows_ids) == len(tokens) == len({token for _, token in tokens}) == 60
    for program in programs:
        with program:
            assert program.returncode == 0


def before_it_writes(monkeypatch: pytest.MonkeyPatch, store: KeyFile, then: Callable[[], object]) -> None:
    """Have others do something when a store has looked and is about to write, once."""
    true, waiting = store._writing, [then]

    def writing() -> AbstractContextManager[sqlite3.Connection]:
        if waiting:
            waiting.pop()()
        return true()

    monkeypatch.setattr(store, "_writing", writing)


def test_another_erases_meanwhile(path: Path, store: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking whether somebody was erased and making a key for them: none is made."""
    with KeyFile.open(path) as other:
        before_it_writes(monkeypatch, store, lambda: other.erase([gone("ana")]))
        with pytest.raises(Erased):
            store.current(ANA)
        store.prepare([ANA])
    assert rows(path, "SELECT count(*) FROM keys") == [(0,)]


@pytest.mark.parametrize("kind", [ROWS, "vouch.given"])
def test_another_makes_the_key_meanwhile(
    path: Path, store: KeyFile, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Between looking for a key and making one: the other's is taken."""
    owner = Owner("ana", kind, "")
    with KeyFile.open(path) as other:
        before_it_writes(monkeypatch, store, lambda: other.current(owner))
        assert store.current(owner) == other.current(owner)
    assert rows(path, "SELECT count(*) FROM keys") == [(1,)]


def test_another_reserves_the_token_meanwhile(
    path: Path, store: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking for a token and making one: the other's is taken."""
    with KeyFile.open(path) as other:
        before_it_writes(monkeypatch, store, lambda: other.token("github", "ana", "ana"))
        assert store.token("github", "ana", "ana") == other.token("github", "ana", "ana")


def test_another_erases_while_it_is_scrubbed(
    path: Path, store: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the file was written anew is still to be scrubbed."""
    vacuum = store._file.vacuum
    with KeyFile.open(path) as other:
        store.erase([gone("ana")])
        monkeypatch.setattr(store._file, "vacuum", lambda: (vacuum(), other.erase([gone("ben")])))
        store.scrub()
        assert other.must_scrub


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_gives_no_key_to_two(store: KeyFile) -> None:
    """What was made ahead is the parent's; each has a connection of its own afterwards."""
    for number in range(4):
        store.current(Owner(f"m{number}", "x", "1"))
    assert store._spare
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            assert store._file._open == [], "the connection crossed the fork"
            found = [store.current(Owner(f"c{number}", "x", "1"))[0] for number in range(8)]
            os.write(sink, " ".join(found).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(sink)
    with os.fdopen(source) as said:
        theirs = set(said.read().split())
    mine = {store.current(Owner(f"p{number}", "x", "1"))[0] for number in range(8)}
    assert len(theirs) == len(mine) == 8
    assert not theirs & mine


def test_a_wrapped_store_is_not_opened_plainly(path: Path) -> None:
    """It says how it must be."""
    KeyFile.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO meta VALUES ('wrapped', x'00')")
        connection.commit()
    with pytest.raises(ConfigurationError, match="WrappedKeys"):
        KeyFile.open(path)


def test_a_store_is_copied_while_it_is_used(tmp_path: Path) -> None:
    """The copy opens as the store did then; it takes the place of nothing, and only its owner reads it."""
    owner = Owner("ana", "vouch.given", "2018")
    with KeyFile.open(tmp_path / "reps.keys") as store:
        store.bind("ledger")
        key_id, key = store.current(owner)
        later = store.current(owner._replace(member="ben"))
        store.backup(tmp_path / "copy.keys")
        store.erase([Tombstone("ana", "entry", "when")])
        store.scrub()
        with pytest.raises(PathTaken):
            store.backup(tmp_path / "copy.keys")
    assert stat.S_IMODE((tmp_path / "copy.keys").stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"copy.keys", "reps.keys"}
    with KeyFile.open(tmp_path / "copy.keys") as copy:
        assert (copy.ledger, copy.key(key_id), copy.tombstones()) == ("ledger", key, [])
        assert copy.current(owner._replace(member="ben")) == later

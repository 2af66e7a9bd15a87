"""After an erasure no byte of what was destroyed is in any file; the search finds leaks that are planted."""

from __future__ import annotations

import base64
import random
import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hunting import forms, hunt, hunted
from privacy.layouts import erase, fill
from reps_ledger.privacy import KeyFile, LocalMaster, Tombstone, WrappedKeys
from reps_ledger.privacy import store as store_file
from scale import times

if TYPE_CHECKING:
    from pathlib import Path

    from privacy.layouts import Person

SECRET: Final = b"a secret of nobody \xc3\xa9"


@given(st.binary(min_size=8), st.binary(), st.binary())
def test_the_search_finds_every_form(secret: bytes, before: bytes, after: bytes) -> None:
    """Raw, hex, base64 of what it stands in, wherever it begins there."""
    whole = before + secret + after
    for content in (
        whole,
        whole.hex().encode(),
        whole.hex().upper().encode(),
        base64.b64encode(whole),
        base64.urlsafe_b64encode(whole).rstrip(b"="),
    ):
        assert hunted(content, [secret]) == 1
    assert hunted(before, [secret]) == (secret in before or any(form in before for form in forms(secret)))


def test_the_search_looks_everywhere(tmp_path: Path) -> None:
    """In every file below a folder."""
    (tmp_path / "below").mkdir()
    (tmp_path / "plain").write_bytes(b"x" * 5_000 + SECRET)
    (tmp_path / "below" / "wide").write_bytes(SECRET.decode().encode("utf-16"))
    (tmp_path / "other").write_bytes(b"nothing")
    assert hunt(tmp_path, [SECRET, b"not there"]) == {"plain": 1, "below/wide": 1}


def of(people: list[Person]) -> list[bytes]:
    """All that must not be found of some people."""
    return [secret for person in people for secret in person.secrets]


def some_erased(folder: Path, seed: object) -> tuple[KeyFile, list[Person], list[Person]]:
    """A store with people of whom some were erased: it, these, and the others."""
    chance = random.Random(str(seed))  # noqa: S311 — the same again when it fails
    store = KeyFile.open(folder / "reps.keys")
    people = fill(store, chance.randrange(20, 260), chance)
    gone = chance.sample(people, len(people) // chance.randrange(2, 10))
    erase(store, gone, chance)
    return store, gone, [each for each in people if each not in gone]


@pytest.mark.parametrize("seed", range(times(6, 300)))
def test_nothing_is_left_of_who_was_erased(tmp_path: Path, seed: int) -> None:
    """Whatever the layout of the pages; and everything is left of everybody else."""
    store, gone, others = some_erased(tmp_path, seed)
    store.scrub()
    assert hunt(tmp_path, of(gone)) == {}
    store.close()
    assert hunt(tmp_path, of(gone)) == {}
    assert hunt(tmp_path, of(others)) == {"reps.keys": len(of(others))}
    with KeyFile.open(tmp_path / "reps.keys") as again:
        for person in others:
            assert {name: again.key(name) for name in person.keys} == person.keys
            assert again.known_token("example", person.texts[0], person.name) == person.token
        assert again.names([person.name for person in others]) == {
            person.name: person.texts[1] for person in others
        }
        for person in gone:
            assert {again.key(name) for name in person.keys} == {None}
            assert again.find(person.texts[1]) == []


@pytest.mark.parametrize("seed", range(times(2, 100)))
def test_nothing_is_left_of_keys_that_expired(tmp_path: Path, seed: int) -> None:
    """Of a period, while those of the others stay."""
    store, _, others = some_erased(tmp_path, seed)
    due = store.due("vouch.given", "2018")
    assert {owner.period for owner in due} == {"2017"}
    expired = dict(store.current(owner) for owner in due)
    assert store.expire(due).keys == len(others)
    store.scrub()
    store.close()
    assert hunt(tmp_path, expired.values()) == {}
    kept = [key for person in others for name, key in person.keys.items() if name not in expired]
    assert hunt(tmp_path, kept) == {"reps.keys": len(kept)}


def test_a_store_that_does_not_write_zeros_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted leak: without ``secure_delete`` much is left in free pages."""
    others = [each for each in store_file._PRAGMAS if each[0] != "secure_delete"]
    monkeypatch.setattr(store_file, "_PRAGMAS", (("secure_delete", "OFF", 0), *others))
    store, gone, _ = some_erased(tmp_path, "no zeros")
    store.close()
    assert hunt(tmp_path, of(gone))["reps.keys"] > len(gone)


def test_a_store_with_a_log_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted leak: a write-ahead log keeps what was there, also after ``VACUUM``."""
    others = [each for each in store_file._PRAGMAS_OF_FILES if each[0] != "journal_mode"]
    monkeypatch.setattr(store_file, "_PRAGMAS_OF_FILES", (("journal_mode", "WAL", "wal"), *others))
    store, gone, _ = some_erased(tmp_path, "a log")
    store.scrub()
    assert hunt(tmp_path, of(gone))["reps.keys-wal"] > len(gone)
    store.close()


def test_a_journal_that_stays_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted leak: a journal that is emptied at its head only, and not deleted."""
    others = [each for each in store_file._PRAGMAS_OF_FILES if each[0] != "journal_mode"]
    monkeypatch.setattr(store_file, "_PRAGMAS_OF_FILES", (("journal_mode", "PERSIST", "persist"), *others))
    store, gone, _ = some_erased(tmp_path, "a journal")
    store.close()
    assert "reps.keys-journal" in hunt(tmp_path, of(gone))


def test_zeros_alone_are_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted leak: without ``VACUUM`` something is left in the gaps of some pages, in some layouts."""
    others = [each for each in store_file._PRAGMAS_OF_FILES if each[0] != "synchronous"]
    monkeypatch.setattr(store_file, "_PRAGMAS_OF_FILES", (("synchronous", "OFF", 0), *others))
    for seed in range(60):
        path = tmp_path / f"{seed}.keys"
        chance = random.Random(seed)  # noqa: S311 — a layout
        with KeyFile.open(path) as store:
            accounts = {f"m{number}": secrets.token_hex(chance.randrange(7, 300)) for number in range(400)}
            for member, account in accounts.items():
                store.token("example", account, member)
            gone = chance.sample(sorted(accounts), 100)
            for member in gone:
                store.erase([Tombstone(member, "entry", "when")])
        texts = [accounts[member].encode() for member in gone]
        if hunted(path.read_bytes(), texts):
            KeyFile.open(path).close()  # which scrubs, as it must
            assert not hunted(path.read_bytes(), texts)
            return
    pytest.fail("no layout had anything left")


def stored(path: Path) -> list[bytes]:
    """All values of a store as they lie in its file."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT key FROM keys WHERE key IS NOT NULL UNION ALL SELECT text FROM accounts "
            "UNION ALL SELECT exact FROM accounts UNION ALL SELECT alike FROM accounts "
            "UNION ALL SELECT text FROM names UNION ALL SELECT value FROM meta WHERE name = 'wrapped'"
        )
        return [value for (value,) in rows.fetchall()]


@pytest.mark.parametrize("seed", range(times(3, 100)))
def test_nothing_wrapped_is_left_after_a_rotation(tmp_path: Path, seed: int) -> None:
    """Not a part of an old value; the search finds them where the pages were only written over."""
    path = tmp_path / "reps.keys"
    chance = random.Random(seed)  # noqa: S311 — the same again when it fails
    master = LocalMaster(secrets.token_bytes(32))
    with WrappedKeys.open(path, master) as store:
        people = fill(store, chance.randrange(20, 200), chance)
    old = stored(path)
    parts = [value[12:28] for value in old]
    assert hunt(tmp_path, parts) == {"reps.keys": len(old)}
    with WrappedKeys.open(path, master) as store:
        store.rotate(LocalMaster(secrets.token_bytes(32)))
        assert hunt(tmp_path, parts) == {}
        assert len(stored(path)) == len(old)
        for person in people:
            assert {name: store.key(name) for name in person.keys} == person.keys
    assert hunt(tmp_path, of(people)) == {"reps.keys": len(people)}, "tokens alone lie in the open"

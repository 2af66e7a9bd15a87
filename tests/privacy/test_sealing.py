"""Sealing: what was sealed opens by its key in its place, and nowhere else; every refusal has its type."""

from __future__ import annotations

import hashlib
import os
from typing import Final

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from reps_ledger.domain.sealed import ERASED, LOST, REDACTED, Owner, Place, Sealed, commitment
from reps_ledger.errors import InvalidInput, PrivacyError, Redacted, TamperedSeal, UnknownSeal, WrongKey
from reps_ledger.privacy import KeyFile, Keyring, Tombstone, open_sealed, row_key, seal, unseal
from scale import examples

KEY: Final = bytes(range(32))
OTHER: Final = bytes(range(1, 33))
PLACE: Final = Place("ledger", "entry", "ana", "vouch.given", 1, "reason")
TEXT: Final = "She ran four events and translated the guide."

keys = st.binary(min_size=32, max_size=32)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
places = st.builds(Place, words, words, words, words, st.integers(1, 99), words)


@examples(4)
@given(keys, st.text(st.characters(exclude_categories=["Cs"])), places)
def test_what_is_sealed_opens(key: bytes, text: str, place: Place) -> None:
    """By its key, in its place, as it was."""
    assert unseal(key, seal(key, text, place), place) == text


@examples(2)
@given(keys, keys, words, places, places)
def test_no_other_key_or_place_opens_it(
    key: bytes, other: bytes, text: str, place: Place, elsewhere: Place
) -> None:
    """Whichever part of the place is another."""
    blob = seal(key, text, place)
    if other != key:
        with pytest.raises(WrongKey):
            unseal(other, blob, place)
    for field, value in zip(Place._fields, elsewhere, strict=True):
        moved = Place(**{**place._asdict(), field: value})
        if moved != place:
            with pytest.raises(WrongKey):
                unseal(key, blob, moved)


@given(words, words)
def test_parts_of_a_place_are_told_apart(first: str, second: str) -> None:
    """No text moves from the end of one part to the beginning of the next."""
    place = PLACE._replace(ledger=first, entry=second)
    blob = seal(KEY, TEXT, place)
    for cut in range(len(first + second) + 1):
        moved = place._replace(ledger=(first + second)[:cut], entry=(first + second)[cut:])
        if moved != place:
            with pytest.raises(WrongKey):
                unseal(KEY, blob, moved)


@given(words, st.data())
def test_changed_bytes_are_refused(text: str, data: st.DataObject) -> None:
    """Every bit counts, and every byte."""
    blob = seal(KEY, text, PLACE)
    at = data.draw(st.integers(0, len(blob) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    changed = blob[:at] + bytes([blob[at] ^ bit]) + blob[at + 1 :]
    with pytest.raises(WrongKey if at else UnknownSeal):
        unseal(KEY, changed, PLACE)
    with pytest.raises((WrongKey, TamperedSeal)):
        unseal(KEY, blob[:at], PLACE)
    with pytest.raises(WrongKey):
        unseal(KEY, blob + b"\0", PLACE)


@pytest.mark.parametrize("length", [0, 1, 13, 28])
def test_what_is_cut_short(length: int) -> None:
    """Too short for a nonce and a tag: said as such."""
    with pytest.raises(TamperedSeal, match="cut short"):
        unseal(KEY, seal(KEY, TEXT, PLACE)[:length], PLACE)


@given(st.integers(0, 300))
def test_padding_hides_lengths(length: int) -> None:
    """Texts of 0 to 31 bytes look alike, and of 32 to 63: a length shows to a multiple of 32."""
    shown = len(seal(KEY, "x" * length, PLACE)) - 1 - 12 - 32 - 16
    assert shown == (length // 32 + 1) * 32


def test_no_two_blobs_are_alike() -> None:
    """The nonce is random: who sees two texts does not see that they are one."""
    blobs = {seal(KEY, TEXT, PLACE) for _ in range(100)}
    assert len(blobs) == len({blob[1:13] for blob in blobs}) == len({blob[13:] for blob in blobs}) == 100


@pytest.mark.parametrize(
    "plain", [b"", b"a" * 32, b"a" + bytes(31), b"a\x80b" + bytes(29), b"a\x80", b"\xff\x80" + bytes(30)]
)
def test_what_was_not_made_by_sealing(plain: bytes) -> None:
    """Who has the key and encrypts something else gives no garbage to anybody."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from reps_ledger.privacy.sealing import _authenticated, _key_in

    nonce = bytes(12)
    front = b"\x02" + nonce + _key_in(KEY, nonce)
    blob = front + AESGCM(KEY).encrypt(nonce, plain, _authenticated(PLACE))
    with pytest.raises(TamperedSeal):
        unseal(KEY, blob, PLACE)


def test_the_format_is_for_ever() -> None:
    """A blob that was written once opens always; its parts are where the documented format has them."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    bound = b'reps-ledger sealed v2\n["ledger","entry","ana","vouch.given",1,"reason"]'
    nonce = b"n" * 12
    own = hashlib.blake2b(nonce, key=KEY, digest_size=32, person=b"reps key in v2").digest()
    blob = b"\x02" + nonce + own + AESGCM(KEY).encrypt(nonce, b"yes\x80" + bytes(28), bound)
    assert unseal(KEY, blob, PLACE) == "yes"


def test_a_ciphertext_is_of_one_key() -> None:
    """What another key would open all the same, as AES-GCM alone lets somebody craft it, is refused."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    blob = seal(KEY, TEXT, PLACE)
    bound = b'reps-ledger sealed v2\n["ledger","entry","ana","vouch.given",1,"reason"]'
    crafted = blob[:45] + AESGCM(OTHER).encrypt(blob[1:13], b"no\x80" + bytes(29), bound)
    for key in (KEY, OTHER):
        with pytest.raises(WrongKey):
            unseal(key, crafted, PLACE)


@pytest.mark.parametrize("key", [b"", KEY[:16], KEY + b"\0", bytearray(KEY), None, "x" * 32])
def test_what_is_no_key(key: object) -> None:
    """Said so, whatever it is, and without it."""
    for call in (
        lambda: seal(key, TEXT, PLACE),  # type: ignore[arg-type]  # that is what is tried
        lambda: unseal(key, seal(KEY, TEXT, PLACE), PLACE),  # type: ignore[arg-type]  # that is what is tried
        lambda: row_key(key, b"row"),  # type: ignore[arg-type]  # that is what is tried
    ):
        with pytest.raises(InvalidInput, match="a key has 32 bytes") as raised:
            call()
        assert raised.value.field == "key"


def test_text_that_is_none() -> None:
    """A lone surrogate is refused, and no error carries the text."""
    with pytest.raises(InvalidInput) as raised:
        seal(KEY, "secret \ud800", PLACE)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert "secret" not in str(raised.value)


@define
class Case:
    """What becomes of a sealed value, by what was done to it."""

    key: bytes = KEY
    place: Place = PLACE
    other_blob: bool = False
    redacted: bool = False
    other_salt: bool = False


def opened(case: Case) -> str:
    """Seal a text, do something to it, and open it."""
    salt = os.urandom(16)
    blob = seal(KEY, TEXT, PLACE)
    committed = commitment(salt, "reason", blob)
    if case.other_blob:
        blob = seal(KEY, "another text", PLACE)
    if case.other_salt:
        salt = os.urandom(16)
    return open_sealed(Sealed.of(case.place, "k", committed, salt, None if case.redacted else blob), case.key)


@pytest.mark.parametrize(
    ("case", "error"),
    [
        (Case(other_blob=True), TamperedSeal),
        (Case(other_blob=True, key=OTHER), TamperedSeal),
        (Case(other_salt=True), TamperedSeal),
        (Case(place=PLACE._replace(path="note")), TamperedSeal),
        (Case(key=OTHER), WrongKey),
        (Case(place=PLACE._replace(entry="other")), WrongKey),
        (Case(redacted=True), Redacted),
        (Case(redacted=True, key=OTHER), Redacted),
    ],
)
def test_a_sealed_value_has_four_answers(case: Case, error: type[PrivacyError]) -> None:
    """Tampered with, another key or place, redacted; or its text."""
    assert opened(Case()) == TEXT
    with pytest.raises(error) as raised:
        opened(case)
    assert type(raised.value) is error
    assert TEXT not in str(raised.value)


def test_a_keyring_opens_it() -> None:
    """Or says why it does not: erased, expired, lost, redacted; what was tampered with is an error."""
    with KeyFile.open(":memory:") as store:
        keyring = Keyring(store)
        keyring.expect(PLACE.ledger)
        owner, salt = Owner("ana", "vouch.given", "2018"), os.urandom(16)
        key_id, blob = keyring.seal(TEXT, owner, PLACE, salt)
        committed = commitment(salt, "reason", blob)
        sealed = Sealed.of(PLACE, key_id, committed, salt, blob)
        tampered = Sealed.of(PLACE, key_id, committed, salt, keyring.seal(TEXT, owner, PLACE, salt)[1])
        redacted = Sealed.of(PLACE, key_id, committed, salt, None)
        lost = Sealed.of(PLACE, "no such key", committed, salt, blob)
        other = Sealed.of(PLACE, store.current(owner._replace(period="2019"))[0], committed, salt, blob)
        assert keyring.open(sealed) == TEXT
        assert keyring.open(lost) == LOST
        with pytest.raises(WrongKey):
            keyring.open(other)
        alone = keyring.field_key(sealed)
        assert alone is not None
        assert open_sealed(sealed, alone) == TEXT
        with pytest.raises(WrongKey):
            open_sealed(sealed, store.current(owner)[1])
        store.expire([owner])
        assert keyring.open(sealed) == ERASED
        store.erase([Tombstone("ana", "entry", "when")])
        assert {keyring.open(each) for each in (sealed, lost, other)} == {ERASED}
        with pytest.raises(TamperedSeal):
            keyring.open(tampered)
        assert keyring.open(redacted) == REDACTED


@given(keys, keys, st.binary(max_size=40), st.binary(max_size=40))
def test_identities_of_rows(key: bytes, other: bytes, row: bytes, another: bytes) -> None:
    """The same for the same row and key, and for nothing else."""
    assert row_key(key, row) == row_key(key, row)
    assert (row_key(key, row) == row_key(key, another)) == (row == another)
    assert (row_key(key, row) == row_key(other, row)) == (key == other)
    assert len(row_key(key, row)) == 22

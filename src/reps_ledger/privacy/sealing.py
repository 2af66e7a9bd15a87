"""Sealing a personal text under a key, and opening what was sealed: AES-256-GCM, bound to one place.

A sealed text is one byte for how it was sealed, 12 random bytes of nonce, 32 bytes that tell its key from all
others, and the ciphertext of the text, padded to a multiple of 32 bytes so that its length tells little. The
place where it stands is authenticated with it, so that it opens nowhere else. The nonce is random and stored
nowhere else: who has the key and the nonce of a text can confirm a guess of it.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from reps_ledger.domain.chance import random_bytes
from reps_ledger.domain.sealed import Place, Sealed, commitment, lengths_first
from reps_ledger.errors import InvalidInput, MissingExtra, Redacted, TamperedSeal, UnknownSeal, WrongKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
"""How long a key is."""

_VERSION: Final = b"\x02"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_IN: Final = b"reps key in v2"
_KEY_IN_BYTES: Final = 32
_NONCE_END: Final = len(_VERSION) + _NONCE_BYTES
_FRONT: Final = _NONCE_END + _KEY_IN_BYTES
_PADDED: Final = 32
_END: Final = b"\x80"
_PLACE: Final = b"reps-ledger sealed v2\n"
_AS_JSON: Final = msgspec.json.Encoder().encode
_ROW_KEY: Final = b"reps row v2"
_ROW_BYTES: Final = 16


def seal(key: bytes, text: str, place: Place) -> bytes:
    """Seal a text. Each call gives other bytes.

    Args:
        key: 32 random bytes.
        text: what is sealed.
        place: where it stands; it opens nowhere else.

    Raises:
        InvalidInput: the key is none, or the text is not valid Unicode.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    return encrypt(key, utf8(text), _authenticated(place))


def unseal(key: bytes, blob: bytes, place: Place) -> str:
    """Open what `seal` made.

    Raises:
        WrongKey: it was sealed under another key or for another place, or its bytes were changed.
        TamperedSeal: it is too short, or what it holds is no text that was sealed.
        UnknownSeal: it was sealed in a way that this code does not know.
        InvalidInput: the key is none.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    plain = decrypt(key, blob, _authenticated(place))
    try:
        return plain.decode()
    except UnicodeDecodeError:
        raise TamperedSeal("what is sealed is no text") from None


def open_sealed(sealed: Sealed, key: bytes) -> str:
    """Return the text that a sealed value stands for. Its commitment is checked before it is decrypted.

    Raises:
        Redacted: its ciphertext was destroyed.
        TamperedSeal: its ciphertext is not what its entry commits to.
        UnknownSeal: it was sealed in a way that this code does not know.
        WrongKey: it was sealed under another key, or for another place.
        InvalidInput: the key is none.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    return unseal(key, committed_blob(sealed), sealed.place)


def committed_blob(sealed: Sealed) -> bytes:
    """Return the ciphertext that an entry commits to.

    Raises:
        Redacted: it was destroyed.
        TamperedSeal: it is another.
    """
    if sealed.blob is None:
        raise Redacted(f"the text of {sealed.place.path} was redacted: its ciphertext is gone for good")
    if not hmac.compare_digest(commitment(sealed.salt, sealed.place.path, sealed.blob), sealed.committed):
        raise TamperedSeal(f"the ciphertext of {sealed.place.path} is not what its entry commits to")
    return sealed.blob


_FIELD_KEY: Final = b"reps field v2"
"""Tells hashes for this purpose from all others; at most 16 bytes."""


def field_key(key: bytes, salt: bytes, path: str) -> bytes:
    """Return the key of one text: who is given it can open that text, and no other of the same owner.

    Args:
        key: of the owner.
        salt: of the entry, which no other entry has.
        path: the field.
    """
    said = lengths_first(salt, path.encode())
    return hashlib.blake2b(said, key=checked_key(key), digest_size=KEY_BYTES, person=_FIELD_KEY).digest()


def row_key(key: bytes, canonical: bytes) -> str:
    """Return the key of an imported row, which nobody without the owner's key can confirm by a guess.

    Args:
        key: of the person whom the row is about, or of the ledger where it is about nobody.
        canonical: the row, in the one form that all rows have that say the same.
    """
    found = hashlib.blake2b(canonical, key=checked_key(key), digest_size=_ROW_BYTES, person=_ROW_KEY)
    return urlsafe(found.digest())


def encrypt(key: bytes, plain: bytes, authenticated: bytes) -> bytes:
    """Encrypt bytes, padded, under a new random nonce, bound to others that are not encrypted.

    Raises:
        InvalidInput: the key is none.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    nonce = random_bytes(_NONCE_BYTES)
    aes_gcm, _ = _cryptography()
    cipher = aes_gcm(checked_key(key)).encrypt(nonce, _padded(plain), authenticated)
    return b"".join((_VERSION, nonce, _key_in(key, nonce), cipher))


def decrypt(key: bytes, blob: bytes, authenticated: bytes) -> bytes:
    """Decrypt what `encrypt` made.

    Raises:
        WrongKey: the key or what it is bound to is another, or its bytes were changed.
        TamperedSeal: it is too short, or not padded as it must be.
        UnknownSeal: its first byte is one that this code does not know.
        InvalidInput: the key is none.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    if blob and blob[:1] != _VERSION:
        raise UnknownSeal(f"sealed as version {blob[0]}, which this code does not know; use a newer one")
    if len(blob) < _FRONT + _TAG_BYTES:
        raise TamperedSeal("what is sealed was cut short")
    aes_gcm, invalid_tag = _cryptography()
    cipher = aes_gcm(checked_key(key))
    nonce = blob[len(_VERSION) : _NONCE_END]
    if not hmac.compare_digest(blob[_NONCE_END:_FRONT], _key_in(key, nonce)):
        raise WrongKey("the key does not open this: it was sealed under another")
    try:
        padded = cipher.decrypt(nonce, blob[_FRONT:], authenticated)
    except invalid_tag:
        raise WrongKey("the key does not open this here: it was sealed elsewhere, or changed") from None
    plain, end, rest = padded.rpartition(_END)
    if not end or rest.strip(b"\0") or len(padded) % _PADDED:
        raise TamperedSeal("what is sealed has no padding as it must have")
    return plain


def _key_in(key: bytes, nonce: bytes) -> bytes:
    """Return what says in a sealed text which key it is, without which AES-GCM may open by two keys.

    Somebody could make a ciphertext that is one text by one key and another text by another (Grubbs, Lu,
    Ristenpart: Message Franking via Committing Authenticated Encryption, CRYPTO 2017).
    """
    return hashlib.blake2b(nonce, key=key, digest_size=_KEY_IN_BYTES, person=_KEY_IN).digest()


def utf8(text: str) -> bytes:
    """Return a personal text as bytes; an error does not carry it.

    Raises:
        InvalidInput: it is not valid Unicode.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text that is not valid Unicode cannot be sealed") from None


def urlsafe(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _padded(plain: bytes) -> bytes:
    """Add one byte 0x80 and zeros, to a multiple of 32 (ISO/IEC 7816-4)."""
    return plain + _END + bytes(-(len(plain) + 1) % _PADDED)


def _authenticated(place: Place) -> bytes:
    return _PLACE + _AS_JSON(place)  # no two places have the same JSON


def checked_key(key: bytes) -> bytes:
    """Return a key.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise InvalidInput(f"a key has {KEY_BYTES} bytes", field="key")
    return key


@cache
def _cryptography() -> tuple[type[AESGCM], type[Exception]]:
    """Return the cipher, and what it raises for a wrong key.

    A cipher is made for each text: to keep them would save a microsecond, and keep keys.

    Raises:
        MissingExtra: the extra ``privacy`` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 — an extra
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("privacy", "sealing personal text") from error
    return AESGCM, InvalidTag

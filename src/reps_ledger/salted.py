"""Stored bytes of format 2: an entry's JSON object with random salt in front.

Format 1 is the JSON object alone. In format 2 its first member is ``salt``: 16 random bytes as base64
without padding, so that nobody can guess an entry and confirm it by the hash of its leaf, which stands
in the proofs of its neighbours. After a record separator, which no JSON has, there follows what is
sealed, where something is: the ciphertexts as a JSON object, by field. It is no part of the leaf, and counts
only where the first object commits to it. Both formats may stand in one log.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Final

from reps_ledger.domain.chance import random_bytes

SALT_BYTES: Final = 16
"""Random bytes in each entry."""

_FRONT: Final = b'{"salt":"'
_BACK: Final = b'",'
_TEXT: Final = 22
_BEGIN: Final = len(_FRONT) + _TEXT
_END: Final = _BEGIN + len(_BACK)

SEPARATOR: Final = b"\x1e"
"""What comes before what is sealed: JSON has no such byte, in a text or between its parts."""

SALTED: Final = _END - 1
"""How many bytes longer an entry is with salt."""


def salt(data: bytes, random: bytes | None = None) -> bytes:
    """Return stored bytes of format 2.

    Args:
        data: the JSON object of an entry, which has members.
        random: the salt; from the system by default.
    """
    text = b2a_base64(random_bytes(SALT_BYTES) if random is None else random, newline=False)[:_TEXT]
    return b"".join((_FRONT, text, _BACK, data[1:]))


def salt_of(data: bytes) -> bytes:
    """Return the salt of stored bytes of format 2."""
    return a2b_base64(data[len(_FRONT) : _BEGIN] + b"==")


def is_salted(data: bytes) -> bool:
    """Whether stored bytes are of format 2."""
    return data[_BEGIN:_END] == _BACK and data.startswith(_FRONT)


def open_part(data: bytes) -> bytes:
    """Return what the leaf of stored bytes of format 2 is made of: all up to what is sealed."""
    return data.partition(SEPARATOR)[0]


def sealed_part(data: bytes) -> bytes | None:
    """Return what is sealed beside stored bytes; None where there is nothing."""
    _, separator, sealed = data.partition(SEPARATOR)
    return sealed if separator else None


def unsalted(data: bytes, end: int | None = None) -> bytes:
    """Return stored bytes without salt, up to a byte: a JSON object, unless something is sealed beside it."""
    if data[_BEGIN:_END] == _BACK and data.startswith(_FRONT):
        return b"{" + data[_END:end]
    return data if end is None else data[:end]


def plain(data: bytes) -> bytes:
    """Return the JSON object of stored bytes, without salt and what is sealed beside it."""
    return unsalted(open_part(data) if is_salted(data) else data)

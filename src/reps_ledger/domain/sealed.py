"""Sealed text: what stands in a fact for a personal text that lies encrypted beside its entry.

A ledger that seals stores of each personal text a commitment to its ciphertext, and the name of the key.
Reading an entry takes no key: it gives a `Sealed` in the place of the text, which is a text itself, so that
whatever folds, counts or compares facts goes on. Only who shows a text to people opens it, by the keys of
`reps_ledger.privacy`. So what is derived from entries (columns, tables, caches, errors) has no personal text.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple, Protocol, Self

SEALED: Final = "[sealed]"
"""What a sealed text reads as where it was not opened."""

ERASED: Final = "[erased]"
"""What it reads as where its key was destroyed because somebody was to be erased."""

REDACTED: Final = "[redacted]"
"""What it reads as where its ciphertext was destroyed."""

LOST: Final = "[key lost]"
"""What it reads as where its key is gone, and nothing says that it was to be."""


GONE: Final = frozenset({SEALED, ERASED, REDACTED, LOST})
"""What sealed texts read as that cannot be opened."""


class Place(NamedTuple):
    """Where one sealed text stands: what binds its ciphertext there, and to no other place.

    Attributes:
        ledger: the ledger's identifier.
        entry: the entry's id.
        member: the person whom the text is about; "" for nobody.
        fact: the stored name of the entry's fact.
        version: its stored schema version.
        path: the field; of a replacement's field ``replacement.`` and its name.
    """

    ledger: str
    entry: str
    member: str
    fact: str
    version: int
    path: str


class Owner(NamedTuple):
    """Whose key seals a text.

    Attributes:
        member: the person whom the text is about; "" for nobody.
        kind: what kinds of text share the key, and are kept equally long: the stored name of a fact.
        period: when it happened, as finely as keys are made: a calendar year.
    """

    member: str
    kind: str
    period: str


class Sealed(str):
    """A personal text that was not opened. Its own text says so, and nothing of what is sealed.

    Attributes:
        place: where it stands.
        key: the id of its key.
        committed: the commitment to its ciphertext that is part of the entry.
        salt: of the entry.
        blob: its ciphertext; None where that was redacted.
    """

    __slots__ = ("blob", "committed", "key", "place", "salt")

    place: Place
    key: str
    committed: bytes
    salt: bytes
    blob: bytes | None

    @classmethod
    def of(
        cls, place: Place, key: str, committed: bytes, salt: bytes, blob: bytes | None, *, text: str = SEALED
    ) -> Self:
        """Return what stands for a text that was sealed.

        Args:
            place: where it stands.
            key: the id of its key.
            committed: the commitment to its ciphertext.
            salt: of the entry.
            blob: its ciphertext.
            text: what it reads as: of an account its token, by which equal ones are told.
        """
        found = cls(text)
        found.place, found.key, found.committed, found.salt, found.blob = place, key, committed, salt, blob
        return found


ProviderTokens = tuple[tuple[str, str], ...]
"""Tokens of accounts, each after the provider of its account."""


class Tokens(Protocol):
    """Knows the tokens of the accounts that read like one."""

    def others(self) -> tuple[ProviderTokens, ProviderTokens]:
        """Return other members' tokens for that very account, and the tokens of those that read like it."""


class Account(str):
    """A token in the place of an account's name, in a ledger that seals; what is recorded is judged by it.

    The token is random, of one account and one member. Who makes it knows the other tokens of that account.

    Attributes:
        name: the account's name, which is sealed.
        tokens: says which other tokens there are.
    """

    __slots__ = ("name", "tokens")

    name: str
    tokens: Tokens

    @classmethod
    def of(cls, token: str, name: str, tokens: Tokens) -> Self:
        """Return the token of an account of that name."""
        found = cls(token)
        found.name, found.tokens = name, tokens
        return found


def lengths_first(*parts: bytes) -> bytes:
    """Return parts in a row, each after its length in 4 bytes: no two lists of parts give the same."""
    return b"".join([each for part in parts for each in (_LENGTH(len(part)), part)])


_LENGTH: Final = struct.Struct(">I").pack
_COMMITMENT: Final = b"reps-ledger commitment v2\n"


def commitment(salt: bytes, path: str, blob: bytes) -> bytes:
    """Return what an entry holds of a sealed field: the SHA-256 of its ciphertext, with the entry's salt."""
    return hashlib.sha256(_COMMITMENT + lengths_first(salt, path.encode(), blob)).digest()

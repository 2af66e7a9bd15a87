"""A fingerprint of all tags, to compare the index of tags with the entries."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress

import msgspec

_decode = msgspec.json.Decoder(set[str]).decode


class TagFingerprint:
    """Order-independent keyed fingerprint of all tags.

    It is the sum of a hash of each tag of each entry, keyed by a secret, so that nobody can make
    another index with the same sum. An index that differs has the same sum once in 2 ** 60 times:
    comparing sums takes the place of a join, which would take several times as long.

    Attributes:
        secret: part of every hash.
        total: the sum of the hashes of ``(secret, tag, stored name, position)``.
        last: the last position that was added.
    """

    def __init__(self) -> None:
        self.secret = secrets.randbits(60)
        self.total = 0
        self.last = 0

    def add(self, rows: Iterable[tuple[int, str, object, str]]) -> None:
        """Add entries as they are stored: position, name, bytes, and tags as JSON.

        Tags that cannot be read are none: an index cannot have them. Reading the entry says what is wrong.
        """
        secret, total = self.secret, self.total
        for position, name, _, tags in rows:
            self.last = position
            with suppress(msgspec.MsgspecError, TypeError, UnicodeError):
                total += sum([hash((secret, tag, name, position)) for tag in _decode(tags)])
        self.total = total

    def agrees(self, index: Iterable[tuple[int, str, str, int]]) -> bool:
        """Whether an index has the same tags: rows of the secret, a tag, a name and a position."""
        return sum(map(hash, index)) == self.total

"""The leaf of an entry as it is stored: what the Merkle tree hashes, and by which a void names a row.

The leaf is a domain tag, and then the entry's position, stored name, stored bytes and stored tags, each
with its length before it, so that no two different entries have the same leaf. Tags are part of it
because entries are found by them: with other tags an entry would be hidden. Of stored bytes of format 2
(`reps_ledger.salted`) what is sealed is no part of the leaf, which has a domain tag of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Final

from reps_ledger.domain.arguments import checked
from reps_ledger.salted import is_salted, open_part

DOMAIN: Final = b"reps-ledger entry v1\n"
"""What a leaf begins with, so that nothing else that is hashed can be taken for a leaf."""

DOMAIN_2: Final = b"reps-ledger entry v2\n"
"""The same where stored bytes are of format 2."""

_POSITION: Final = 8
_LEAF: Final = b"\0" + DOMAIN + _POSITION.to_bytes(4, "big")
_LEAF_2: Final = b"\0" + DOMAIN_2 + _POSITION.to_bytes(4, "big")


@lru_cache(maxsize=1024)
def _prefixed(name: str) -> bytes:
    encoded = name.encode()
    return len(encoded).to_bytes(4, "big") + encoded


@checked
def entry_leaf(position: int, name: str, data: bytes, tags: str) -> bytes:
    """Return the leaf of an entry.

    Args:
        position: its position in its log.
        name: its stored name.
        data: its stored bytes.
        tags: its tags, as a JSON array without spaces.
    """
    domain = DOMAIN
    if is_salted(data):
        domain, data = DOMAIN_2, open_part(data)
    parts = (position.to_bytes(_POSITION, "big"), name.encode(), data, tags.encode())
    return domain + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@checked
def entry_hash(position: int, name: str, data: bytes, tags: str) -> bytes:
    """Return the hash of an entry's leaf; see `entry_leaf`."""
    return entry_hashes([(position, name, data, tags)])[0]


def entry_hashes(rows: Iterable[tuple[int, str, bytes, str]]) -> list[bytes]:
    """Return the hashes of many entries' leaves, in one tight loop: whole logs go through it."""
    found = []
    for position, name, data, tags in rows:
        encoded = tags.encode()
        domain = _LEAF
        if is_salted(data):
            domain, data = _LEAF_2, open_part(data)  # noqa: PLW2901 — of this entry alone
        leaf = (
            domain,
            position.to_bytes(_POSITION, "big"),
            _prefixed(name),
            len(data).to_bytes(4, "big"),
            data,
            len(encoded).to_bytes(4, "big"),
            encoded,
        )
        found.append(sha256(b"".join(leaf)).digest())
    return found

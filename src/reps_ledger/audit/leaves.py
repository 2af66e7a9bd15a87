"""Leaves: what of an entry is hashed.

A leaf is, under a domain tag, the entry's position, stored name, stored bytes and stored tags,
each with its length before it, so that no two different entries have the same leaf. The tags
are hashed too, as by them an entry is found: with other tags it would be hidden.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DOMAIN", "entry_hash", "entry_hashes", "entry_leaf"]

DOMAIN: Final = b"reps-ledger entry v1\n"
"""With what every leaf begins: nothing else that is hashed anywhere can be taken for one."""

_LEAF: Final = b"\0" + DOMAIN + (8).to_bytes(4, "big")


@lru_cache(maxsize=1024)
def _prefixed(name: str) -> bytes:
    encoded = name.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def entry_leaf(position: int, name: str, data: bytes, tags: str) -> bytes:
    """Return the leaf of an entry.

    Args:
        position: where it is in its log.
        name: its stored name.
        data: its stored bytes.
        tags: its tags, as a JSON array without spaces.
    """
    parts = (position.to_bytes(8, "big"), name.encode(), data, tags.encode())
    return DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def entry_hash(position: int, name: str, data: bytes, tags: str) -> bytes:
    """Return the hash of an entry's leaf; see `entry_leaf`."""
    return entry_hashes([(position, name, data, tags)])[0]


def entry_hashes(rows: Iterable[tuple[int, str, bytes, str]]) -> list[bytes]:
    """Return the hashes of many entries' leaves: in one loop, as a whole log goes through it."""
    found = []
    for position, name, data, tags in rows:
        encoded = tags.encode()
        leaf = (
            _LEAF,
            position.to_bytes(8, "big"),
            _prefixed(name),
            len(data).to_bytes(4, "big"),
            data,
            len(encoded).to_bytes(4, "big"),
            encoded,
        )
        found.append(sha256(b"".join(leaf)).digest())
    return found

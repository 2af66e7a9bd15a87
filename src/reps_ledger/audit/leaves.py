"""Leaves: what of an entry is hashed.

A leaf is, under a domain tag, the entry's position, stored name, stored bytes and stored tags,
each with its length before it, so that no two different entries have the same leaf. The tags
are hashed too, as by them an entry is found: with other tags it would be hidden.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

__all__ = ["DOMAIN", "entry_hash", "entry_leaf"]

DOMAIN: Final = b"reps-ledger entry v1\n"
"""With what every leaf begins: nothing else that is hashed anywhere can be taken for one."""

_BEFORE: Final = DOMAIN + (8).to_bytes(4, "big")
_LEAF: Final = b"\0" + _BEFORE


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
    return _BEFORE + _rest(position, name, data, tags)


def entry_hash(position: int, name: str, data: bytes, tags: str) -> bytes:
    """Return the hash of an entry's leaf; see `entry_leaf`."""
    return sha256(_LEAF + _rest(position, name, data, tags)).digest()


def _rest(position: int, name: str, data: bytes, tags: str) -> bytes:
    encoded = tags.encode()
    return b"".join(
        (
            position.to_bytes(8, "big"),
            _prefixed(name),
            len(data).to_bytes(4, "big"),
            data,
            len(encoded).to_bytes(4, "big"),
            encoded,
        )
    )

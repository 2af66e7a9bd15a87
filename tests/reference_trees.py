"""Trees by the definitions of RFC 9162, word for word: slow, recursive, obviously right."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["lookup_of", "path", "proof", "root"]


def _cut(size: int) -> int:
    """The largest power of two smaller than a size: found by doubling."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def root(leaves: Sequence[bytes]) -> bytes:
    """Return ``MTH(D_n)`` (2.1.1)."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = _cut(len(leaves))
    return sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return ``PATH(m, D_n)`` (2.1.3.1)."""
    if len(leaves) == 1:
        return []
    k = _cut(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), root(leaves[k:])]
    return [*path(index - k, leaves[k:]), root(leaves[:k])]


def proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return ``PROOF(m, D_n)`` (2.1.4.1)."""
    return _subproof(old, leaves, known=True)


def _subproof(old: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if known else [root(leaves)]
    k = _cut(len(leaves))
    if old <= k:
        return [*_subproof(old, leaves[:k], known=known), root(leaves[k:])]
    return [*_subproof(old - k, leaves[k:], known=False), root(leaves[:k])]


def lookup_of(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """Return what finds complete subtrees of a tree."""

    def lookup(level: int, number: int) -> bytes:
        found = leaves[number << level : (number + 1) << level]
        assert len(found) == 1 << level, "asked for a subtree that is not complete"
        return root(found)

    return lookup

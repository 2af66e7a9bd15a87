"""The Merkle tree of RFC 9162, section 2.1: leaves of entries, roots, and proofs.

Everything here is a pure function of hashes. A tree is given as a *lookup*: a function that
returns the hash of the complete subtree at a level (0 for leaves) with a number (from 0, from the
left).

The leaves of a ledger's tree are its entries, see `reps_ledger.leaves`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from attrs import frozen

from reps_ledger.domain.arguments import checked
from reps_ledger.errors import InvalidProof

HASH_BYTES: Final = 32
"""Bytes of a SHA-256 hash."""

MAX_PATH: Final = 64
"""Hashes that an inclusion proof has at most: sizes are below 2 to the power of 64."""

EMPTY: Final = sha256().digest()
"""The root of the tree of no leaves."""

Lookup = Callable[[int, int], bytes]
"""From a level and a number to the hash of the complete subtree there."""


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf: ``SHA-256(0x00 || data)``."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: ``SHA-256(0x01 || left || right)``."""
    return sha256(b"\1" + left + right).digest()


def parents_of(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes of the nodes above an even number of complete subtrees."""
    one, sha = b"\1", sha256
    return [sha(one + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=True)]


def _split(size: int) -> int:
    """Return the largest power of two smaller than a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def subtree(lookup: Lookup, low: int, high: int) -> bytes:
    """Return the root of a range of leaves, ``MTH(D[low:high])`` in the RFC.

    Args:
        lookup: of the whole tree.
        low: the first leaf; a multiple of the largest power of two up to the range's length, as
            wherever the RFC's recursion cuts.
        high: the leaf after the last.
    """
    size = high - low
    if size == 0:
        return EMPTY
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return lookup(level, low >> level)
    cut = low + _split(size)
    return node_hash(subtree(lookup, low, cut), subtree(lookup, cut, high))


def inclusion_path(lookup: Lookup, index: int, size: int) -> tuple[bytes, ...]:
    """Return ``PATH(index, D[size])``: the siblings on the way up from a leaf (2.1.3.1)."""
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        cut = low + _split(high - low)
        if index < cut:
            path.append(subtree(lookup, cut, high))
            high = cut
        else:
            path.append(subtree(lookup, low, cut))
            low = cut
    return tuple(reversed(path))


def consistency_path(lookup: Lookup, old: int, new: int) -> tuple[bytes, ...]:
    """Return ``PROOF(old, D[new])``: that a tree begins with all leaves of an older one (2.1.4.1).

    It is empty where the older tree is empty, or the same.
    """
    if old in {0, new}:
        return ()
    path: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        cut = low + _split(high - low)
        if old <= cut:
            path.append(subtree(lookup, cut, high))
            high = cut
        else:
            path.append(subtree(lookup, low, cut))
            low, whole = cut, False
    if not whole:
        path.append(subtree(lookup, low, high))
    return tuple(reversed(path))


@checked
def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Check that the tree of a size and a root has a leaf at an index (2.1.3.2).

    Raises:
        InvalidProof: the proof does not show it.
    """
    _must_be_hashes(leaf, root, *path)
    if not 0 <= index < size:
        raise InvalidProof(f"a tree of {size:,} leaves has no leaf {index:,}")
    found = leaf
    for sibling, left in _climb(index, size - 1, path):
        found = node_hash(sibling, found) if left else node_hash(found, sibling)
    if found != root:
        raise InvalidProof(f"the proof of leaf {index:,} does not lead to the root")


@checked
def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Check that a tree begins with all leaves of an older one (2.1.4.2).

    Raises:
        InvalidProof: the proof does not show it.
    """
    if not 0 <= old <= new:
        raise InvalidProof(f"a tree of {new:,} leaves has no older one of {old:,}")
    if old in {0, new}:
        _must_need_no_proof(old, new, old_root, new_root, path)
        return
    _must_be_hashes(old_root, new_root, *path)
    hashes = list(path)
    if old & (old - 1) == 0:  # the old tree is a complete subtree of the new one
        hashes.insert(0, old_root)
    if not hashes:
        raise InvalidProof("the proof is empty")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = hashes[0]
    for sibling, left in _climb(fn, sn, hashes[1:]):
        if left:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    if before != old_root:
        raise InvalidProof("the proof does not lead to the older root")
    if after != new_root:
        raise InvalidProof("the proof does not lead to the newer root")


def _must_need_no_proof(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise InvalidProof("these sizes need no proof, and there is one")
    if old == new and old_root != new_root:
        raise InvalidProof("two trees of the same size have different roots")


def _climb(fn: int, sn: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield the siblings on the way up to the root, each with whether it is on the left.

    Args:
        fn: the number of the node to begin with, at its level (``fn`` in the RFC).
        sn: the number of the last node at that level (``sn`` in the RFC).
        path: the siblings.

    Raises:
        InvalidProof: there are too many siblings, or too few.
    """
    for sibling in path:
        if sn == 0:
            raise InvalidProof("the proof has more hashes than the tree has levels")
        left = bool(fn & 1) or fn == sn
        if left:
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        yield sibling, left
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise InvalidProof("the proof has fewer hashes than the tree has levels")


def _must_be_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise InvalidProof(f"a hash has {HASH_BYTES} bytes")


class Frontier:
    """The right edge of a growing tree: the roots of its largest complete subtrees, from the left.

    Leaves, or the roots of complete subtrees of one size, are pushed one by one. The memory that
    it takes is the logarithm of their number.

    Attributes:
        count: how many were pushed.
    """

    def __init__(self) -> None:
        self.count = 0
        self._edge: list[bytes] = []

    @classmethod
    def of(cls, lookup: Lookup, count: int) -> Frontier:
        """Return the edge of a tree whose first so many leaves or subtrees were pushed.

        Args:
            lookup: of the whole tree.
            count: how many.
        """
        found = cls()
        for level in reversed(range(count.bit_length())):
            if count >> level & 1:
                found._edge.append(lookup(level, (count >> level) - 1))
        found.count = count
        return found

    def push(self, found: bytes) -> None:
        """Add the next leaf or subtree."""
        number = self.count
        while number & 1:
            found = node_hash(self._edge.pop(), found)
            number >>= 1
        self._edge.append(found)
        self.count += 1

    def root(self, rest: Sequence[bytes] = ()) -> bytes:
        """Return the root of what was pushed, and of some leaves to the right of it.

        Args:
            rest: these leaves; fewer than each pushed subtree has.
        """
        tail = Frontier()
        for each in rest:
            tail.push(each)
        edge = self._edge + tail._edge
        if not edge:
            return EMPTY
        found = edge[-1]
        for left in reversed(edge[:-1]):
            found = node_hash(left, found)
        return found


@frozen(kw_only=True)
class Inclusion:
    """A proof that the tree of a size and a root has an entry.

    Attributes:
        position: the entry's position in its log.
        index: of its leaf: how many entries come before it.
        size: how many leaves the tree has.
        root: the root of that tree.
        leaf: the hash of the leaf.
        path: the hashes that lead from the leaf to the root.
    """

    position: int
    index: int
    size: int
    root: bytes
    leaf: bytes
    path: tuple[bytes, ...]

    def verify(self) -> None:
        """Check that the leaf leads to the root.

        Raises:
            InvalidProof: it does not.
        """
        verify_inclusion(self.index, self.size, self.leaf, self.path, self.root)


@frozen(kw_only=True)
class Consistency:
    """A proof that a tree begins with all leaves of an older one.

    Attributes:
        old: the size of the older tree.
        new: the size of the newer one.
        old_root: the root of the older tree.
        new_root: the root of the newer one.
        path: the hashes that lead to both roots.
    """

    old: int
    new: int
    old_root: bytes
    new_root: bytes
    path: tuple[bytes, ...]

    def verify(self) -> None:
        """Check that the hashes lead to both roots.

        Raises:
            InvalidProof: they do not.
        """
        verify_consistency(self.old, self.new, self.old_root, self.new_root, self.path)

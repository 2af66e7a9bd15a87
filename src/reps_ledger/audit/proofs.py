"""Proofs as values: that an entry is in a tree, and that a tree begins with an older one."""

from __future__ import annotations

from attrs import frozen

from reps_ledger.audit.merkle import verify_consistency, verify_inclusion

__all__ = ["Consistency", "Inclusion"]


@frozen(kw_only=True)
class Inclusion:
    """A proof that an entry is in the tree of a size and a root.

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
    """A proof that a tree begins with all that an older one had.

    Attributes:
        old: the size of the older tree.
        new: the size of the newer one.
        old_root: the root of the older tree.
        new_root: the root of the newer one.
        path: the hashes that lead to both.
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

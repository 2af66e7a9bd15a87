"""The tree of a ledger: brought up to date with its log when it is asked, and never before.

Nothing happens while entries are appended. When asked, the entries that are new since the last
time are read and hashed; what is kept of the others is on a `Shelf`. The leaves are the
entries in order of position: where positions have gaps, as on PostgreSQL, a leaf's index is how
many entries have a smaller position.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import frozen

from reps_ledger.audit.leaves import entry_hash
from reps_ledger.audit.merkle import (
    consistency_path,
    inclusion_path,
    reduced,
    subtree,
    verify_consistency,
    verify_inclusion,
)
from reps_ledger.audit.shelf import BLOCK, PRINT_BYTES, Shelf, Unusable
from reps_ledger.errors import Damaged, Inconsistent, InvalidInput, InvalidProof, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.audit.shelf import Worktable
    from reps_ledger.log import EventLog
    from reps_ledger.log.eventlog import Stored

__all__ = ["Block", "Consistency", "Inclusion", "Leaves", "Tree", "blocks_of"]

T = TypeVar("T")
P = TypeVar("P", bound="Inclusion | Consistency")

_LEVEL: Final = BLOCK.bit_length() - 1
_ATTEMPTS: Final = 3


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


class Block:
    """Entries that are neighbours in the tree: at most `BLOCK` of them.

    Attributes:
        positions: of each.
        hashes: of the leaf of each.
    """

    def __init__(self, positions: list[int], hashes: list[bytes]) -> None:
        self.positions = positions
        self.hashes = hashes
        self._levels = [hashes]

    @property
    def full(self) -> bool:
        """Whether it is a whole block."""
        return len(self.hashes) == BLOCK

    @property
    def root(self) -> bytes:
        """The root of a whole block."""
        return self.node(_LEVEL, 0)

    def differs(self, kept: bytes, before: int) -> int | None:
        """Return the first position that is not what was kept of it; None where there is none.

        Args:
            kept: the prints of the entries that there were, in order.
            before: the last position before the block.
        """
        prints = [found[:PRINT_BYTES] for found in self.hashes]
        if b"".join(prints).startswith(kept):
            return None
        for index, found in enumerate(prints):
            if kept[index * PRINT_BYTES :][:PRINT_BYTES] != found:
                return self.positions[index]
        return (self.positions[-1] if self.positions else before) + 1

    def node(self, level: int, number: int) -> bytes:
        """Return a complete subtree in it."""
        while len(self._levels) <= level:
            below = self._levels[-1]
            self._levels.append(reduced(below[: len(below) & ~1]))
        return self._levels[level][number]


def blocks_of(
    log: EventLog,
    *,
    after: int = 0,
    limit: int | None = None,
    seen: Callable[[list[Stored]], None] | None = None,
) -> Iterator[Block]:
    """Yield a log's entries in blocks; only the last may be short. It may be empty.

    Args:
        log: which.
        after: only what has a greater position.
        limit: at most so many.
        seen: is shown each block's entries as they are stored.

    Raises:
        Damaged: an entry is not of the types that a log has.
    """
    rows = log.stored(after=after, limit=limit)
    while True:
        block = list(islice(rows, BLOCK))
        hashes: list[bytes] = []
        position = after
        try:
            for position, name, data, tags in block:
                hashes.append(entry_hash(position, name, data, tags))
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise Damaged(f"position {position}: what is stored is no entry: {error}") from error
        if seen is not None:
            seen(block)
        yield Block([row[0] for row in block], hashes)
        if len(block) < BLOCK:
            return


class Leaves:
    """The tree as of one moment.

    Attributes:
        log: of which log.
        size: how many leaves there are.
        last: the position of the last one, or 0.
    """

    def __init__(self, log: EventLog, table: Worktable, edge: Block) -> None:
        self.log = log
        self._table = table
        self._edge = edge
        self._looked: dict[int, Block] = {table.blocks: edge}
        self.size = table.blocks * BLOCK + len(edge.hashes)
        self.last = edge.positions[-1] if edge.positions else self._last_before(table.blocks)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree of the first so many entries; None for all."""
        return subtree(self._lookup, 0, self._size(size))

    def index_of(self, position: int) -> int:
        """Return the index of the leaf of a position.

        Raises:
            NotFound: no entry has that position.
        """
        low, high = 0, self._table.blocks
        while low < high:
            middle = (low + high) // 2
            if self._table.node(0, middle).last < position:
                low = middle + 1
            else:
                high = middle
        block = self._block(low)
        index = bisect_left(block.positions, position)
        if index == len(block.positions) or block.positions[index] != position:
            raise NotFound(f"no entry has position {position}")
        return low * BLOCK + index

    def inclusion(self, position: int, size: int | None = None) -> Inclusion:
        """Prove that an entry is in the tree of the first so many entries.

        Raises:
            NotFound: no entry has that position, or it is not among them.
        """
        size, index = self._size(size), self.index_of(position)
        if index >= size:
            raise NotFound(
                f"position {position} is entry {index + 1:,}; the tree has the first {size:,}"
            )
        proof = Inclusion(
            position=position,
            index=index,
            size=size,
            root=self.root(size),
            leaf=self._lookup(0, index),
            path=inclusion_path(self._lookup, index, size),
        )
        return _checked(proof)

    def consistency(self, old: int, new: int | None = None) -> Consistency:
        """Prove that the tree of a size begins with that of a smaller one."""
        new = self._size(new)
        old = self._size(old)
        if old > new:
            raise InvalidInput(f"the older tree has {old:,} entries, the newer {new:,}")
        proof = Consistency(
            old=old,
            new=new,
            old_root=self.root(old),
            new_root=self.root(new),
            path=consistency_path(self._lookup, old, new),
        )
        return _checked(proof)

    def _size(self, size: int | None) -> int:
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise InvalidInput(f"the log has {self.size:,} entries, not {size:,}", field="size")
        return size

    def _lookup(self, level: int, number: int) -> bytes:
        if level >= _LEVEL:
            return self._table.node(level - _LEVEL, number).hash
        inside = _LEVEL - level
        return self._block(number >> inside).node(level, number & ((1 << inside) - 1))

    def _block(self, number: int) -> Block:
        """Return a block as the log has it now, which must be as it was."""
        found = self._looked.get(number)
        if found is None:
            found = _same(self.log, self._table, number)
            while len(self._looked) > 1:
                self._looked.pop(next(key for key in self._looked if key != self._table.blocks))
            self._looked[number] = found
        return found

    def _last_before(self, number: int) -> int:
        return _last_before(self._table, number)


def _last_before(table: Worktable, number: int) -> int:
    return table.node(0, number - 1).last if number else 0


def _same(log: EventLog, table: Worktable, number: int) -> Block:
    """Return a full block as the log has it now.

    Raises:
        Inconsistent: it is not what it was when it was put on the shelf.
    """
    block = next(blocks_of(log, after=_last_before(table, number), limit=BLOCK))
    if not block.full or block.root != table.node(0, number).hash:
        raise _changed(_last_before(table, number) + 1, table.node(0, number).last)
    return block


def _changed(first: int, last: int) -> Inconsistent:
    where = f"at position {first}" if first == last else f"between position {first} and {last}"
    return Inconsistent(
        f"the log is not what it was: {where}, something was changed or removed since its tree "
        "was last made. Verify a checkpoint that you kept. If you meant it (you restored a copy, "
        "or began anew), remove the file that is kept beside the log, and begin again"
    )


def _checked(proof: P) -> P:
    """Check a proof before it is given away."""
    try:
        proof.verify()
    except InvalidProof as error:
        raise Unusable(str(error)) from error
    return proof


class Tree:
    """The tree of a log.

    Args:
        log: whose.
        shelf: where its inner hashes are kept.
    """

    def __init__(self, log: EventLog, shelf: Shelf) -> None:
        self._log = log
        self.shelf = shelf

    def ask(self, question: Callable[[Leaves], T]) -> T:
        """Bring the tree up to date, and ask it.

        What is kept and damaged is made again of the log. What is whole, and says otherwise than
        the log, is left: no tree is made, and so no checkpoint signed, that contradicts an
        earlier one (c2sp.org/tlog-checkpoint forbids it).

        Raises:
            Inconsistent: the log is not what it was.
            Damaged: the log cannot be read.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self._current() as leaves:
                    return question(leaves)
            except Unusable:
                self.shelf.forget()
        raise Damaged("the tree cannot be made: what is kept of it is damaged each time")

    @contextmanager
    def _current(self) -> Iterator[Leaves]:
        with self.shelf.opened() as table:
            if table.blocks:
                _same(self._log, table, table.blocks - 1)
            after = _last_before(table, table.blocks)
            kept = table.prints(table.blocks)
            edge = Block([], [])
            for block in blocks_of(self._log, after=after):
                if kept is not None and (changed := block.differs(kept, after)) is not None:
                    raise _changed(changed, changed)
                kept = None
                if block.full:
                    table.add(block.hashes, block.root, block.positions[-1])
                else:
                    edge = block
                    table.keep(block.hashes)
            yield Leaves(self._log, table, edge)

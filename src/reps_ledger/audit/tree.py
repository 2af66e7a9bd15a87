"""The tree of a ledger: brought up to date with its log when it is asked, and never before.

Nothing happens while entries are appended. When asked, the entries that are new since the last
time are read and hashed; what is kept of the others is on a `Shelf`. The leaves are the
entries in order of position: where positions have gaps, as on PostgreSQL, a leaf's index is how
many entries have a smaller position.

Blocks: the entries of a log as they are hashed, a few hundred at a time.

Making audit bundles: entries with their proofs and a checkpoint, for whoever wants to verify.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from reps_ledger.audit.merkle import (
    Consistency,
    Inclusion,
    consistency_path,
    entry_hashes,
    inclusion_path,
    reduced,
    subtree,
)
from reps_ledger.audit.tree_cache import BLOCK, PRINT_BYTES, Shelf, Unusable
from reps_ledger.audit.verifier import MAX_ENTRIES, BundledEntry, written
from reps_ledger.errors import Damaged, Inconsistent, InvalidInput, InvalidProof, NotFound, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reps_ledger.audit.checkpoints import SignedCheckpoint
    from reps_ledger.audit.tree_cache import Worktable
    from reps_ledger.log import EventLog
    from reps_ledger.log.storage import Stored

__all__ = ["LEVEL", "Block", "Leaves", "Tree", "blocks_of", "make_bundle"]

LEVEL: Final = BLOCK.bit_length() - 1
"""The level of the root of a full block."""

_NO_ENTRY: Final = (AttributeError, OverflowError, TypeError, ValueError)


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
        return self.node(LEVEL, 0)

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
        try:
            hashes = entry_hashes(block)
        except _NO_ENTRY as error:
            raise Damaged(f"position {_odd(block)}: what is stored is no entry: {error}") from error
        if seen is not None:
            seen(block)
        yield Block([row[0] for row in block], hashes)
        if len(block) < BLOCK:
            return


def _odd(rows: list[Stored]) -> int:
    """Return the first position of what cannot be hashed."""
    for row in rows:
        try:
            entry_hashes([row])
        except _NO_ENTRY:
            return row[0]
    raise AssertionError  # pragma: no cover — one of them could not be hashed


T = TypeVar("T")
P = TypeVar("P", bound="Inclusion | Consistency")

_ATTEMPTS: Final = 3


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
        if level >= LEVEL:
            return self._table.node(level - LEVEL, number).hash
        inside = LEVEL - level
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
        _Changed: it is not what it was when it was put on the shelf.
    """
    block = next(blocks_of(log, after=_last_before(table, number), limit=BLOCK))
    if not block.full or block.root != table.node(0, number).hash:
        raise _Changed(_last_before(table, number) + 1, table.node(0, number).last)
    return block


class _Changed(Exception):
    """What is kept is whole, and the log says something else between two positions."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        super().__init__(first, last)


def _inconsistent(changed: _Changed, shelf: Shelf) -> Inconsistent:
    first, last = changed.first, changed.last
    where = f"at position {first}" if first == last else f"between position {first} and {last}"
    again = "open it anew" if shelf.path is None else f"remove {shelf.path}"
    return Inconsistent(
        f"the log is not what it was: {where}, something was changed or removed since its tree "
        "was last made. Verify a checkpoint that you kept. If you meant it (you restored a copy, "
        f"or began anew), {again}"
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
            except _Changed as changed:
                raise _inconsistent(changed, self.shelf) from changed
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
                    raise _Changed(changed, changed)
                kept = None
                if block.full:
                    table.add(block.hashes, block.root, block.positions[-1])
                else:
                    edge = block
                    table.keep(block.hashes)
            yield Leaves(self._log, table, edge)


def make_bundle(
    leaves: Leaves,
    about: tuple[str, str],
    checkpoint: SignedCheckpoint,
    positions: Iterable[int],
) -> bytes:
    """Return the bytes of a bundle.

    Args:
        leaves: the tree of the log in which the entries are.
        about: whom or what it is about: ``("member", "ana")``.
        checkpoint: of which tree; what was recorded after it is left out.
        positions: of the entries.

    Raises:
        InvalidProof: the log is not the one that the checkpoint signed.
        NotFound: the checkpoint is older than every entry.
        TooLarge: there are too many entries.
    """
    if leaves.root(checkpoint.size) != checkpoint.root:
        raise InvalidProof("this log is not the one that the checkpoint signed; verify it")
    entries: list[BundledEntry] = []
    for position in sorted(set(positions)):
        if leaves.index_of(position) >= checkpoint.size:
            break
        if len(entries) == MAX_ENTRIES:
            raise TooLarge(f"a bundle has at most {MAX_ENTRIES:,} entries")
        proof = leaves.inclusion(position, checkpoint.size)
        (_, name, data, tags), *_ = leaves.log.stored(after=position - 1, limit=1)
        entries.append(
            BundledEntry(
                index=proof.index,
                position=position,
                name=name,
                data=data,
                tags=tags,
                path=proof.path,
            )
        )
    if not entries:
        raise NotFound(
            f"nothing about the {about[0]} {about[1]} was recorded by the time of the checkpoint"
        )
    return written(about, checkpoint, entries)

"""Blocks: the entries of a log as they are hashed, a few hundred at a time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from reps_ledger.audit.leaves import entry_hashes
from reps_ledger.audit.merkle import reduced
from reps_ledger.audit.shelf import BLOCK, PRINT_BYTES
from reps_ledger.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.log import EventLog
    from reps_ledger.log.eventlog import Stored

__all__ = ["LEVEL", "Block", "blocks_of"]

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

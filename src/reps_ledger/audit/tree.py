"""The Merkle tree of a ledger's log, and the audit bundles that are made from it.

Nothing happens while entries are appended. The tree is brought up to date when it is asked:
entries that are new since then are read and hashed in blocks, the hashes of the others come from
a `TreeCache`. Leaves are the entries in order of position. Positions may have gaps, as on
PostgreSQL: a leaf's index is how many entries have a smaller position.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeVar

from reps_ledger.audit.checkpoints import SignedCheckpoint, SigningKey, read_checkpoint, sign_checkpoint
from reps_ledger.audit.merkle import (
    Consistency,
    Frontier,
    Inclusion,
    consistency_path,
    inclusion_path,
    parents_of,
    subtree,
)
from reps_ledger.audit.tree_cache import BLOCK, FINGERPRINT_BYTES, CacheTransaction, TreeCache, Unusable
from reps_ledger.audit.verifier import MAX_ENTRIES, BundledEntry, bundle_bytes
from reps_ledger.domain.arguments import checked
from reps_ledger.errors import (
    Damaged,
    Inconsistent,
    InvalidInput,
    InvalidNote,
    InvalidProof,
    InvalidSignature,
    NotFound,
    TooLarge,
)
from reps_ledger.leaves import entry_hashes
from reps_ledger.log import EventLog
from reps_ledger.log.storage import Stored

LEVEL: Final = BLOCK.bit_length() - 1
"""The level of the root of a full block."""

_NO_ENTRY: Final = (AttributeError, OverflowError, TypeError, ValueError)


class Block:
    """At most `BLOCK` entries that follow one another in the tree.

    Attributes:
        positions: of the entries.
        hashes: of their leaves.
    """

    def __init__(self, positions: list[int], hashes: list[bytes]) -> None:
        self.positions = positions
        self.hashes = hashes
        self._levels = [hashes]

    @property
    def full(self) -> bool:
        """Whether the block has all its entries."""
        return len(self.hashes) == BLOCK

    @property
    def root(self) -> bytes:
        """The root of a full block."""
        return self.node(LEVEL, 0)

    def first_change(self, cached: bytes, before: int) -> int | None:
        """Return the first position whose entry is not as it was; None where all are.

        Entries may have been added since. Where some were removed from the end, it is the
        position after the last one that is left.

        Args:
            cached: the fingerprints of the entries that the block had, joined.
            before: the last position before the block.
        """
        now = [found[:FINGERPRINT_BYTES] for found in self.hashes]
        if b"".join(now).startswith(cached):
            return None
        for index, found in enumerate(now):
            if cached[index * FINGERPRINT_BYTES :][:FINGERPRINT_BYTES] != found:
                return self.positions[index]
        return (self.positions[-1] if self.positions else before) + 1

    def node(self, level: int, number: int) -> bytes:
        """Return the hash of a complete subtree in the block, level 0 being leaves."""
        while len(self._levels) <= level:
            below = self._levels[-1]
            self._levels.append(parents_of(below[: len(below) & ~1]))
        return self._levels[level][number]


def blocks_of(
    log: EventLog,
    *,
    after: int = 0,
    limit: int | None = None,
    on_block: Callable[[list[Stored]], None] | None = None,
) -> Iterator[Block]:
    """Yield a log's entries in blocks; the last one is short, or even empty.

    Args:
        log: which.
        after: only entries with a greater position.
        limit: at most so many entries.
        on_block: called with the entries of each block as they are stored.

    Raises:
        Damaged: what is stored at a position is not an entry.
    """
    rows = log.stored(after=after, limit=limit)
    while True:
        block = list(islice(rows, BLOCK))
        try:
            hashes = entry_hashes(block)
        except _NO_ENTRY as error:
            position = _first_unhashable(block)
            raise Damaged(f"position {position}: what is stored is no entry: {error}") from error
        if on_block is not None:
            on_block(block)
        yield Block([row[0] for row in block], hashes)
        if len(block) < BLOCK:
            return


def _first_unhashable(rows: list[Stored]) -> int:
    """Return the position of the first row that cannot be hashed."""
    for row in rows:
        try:
            entry_hashes([row])
        except _NO_ENTRY:
            return row[0]
    raise AssertionError  # pragma: no cover — one of them could not be hashed


T = TypeVar("T")
P = TypeVar("P", bound="Inclusion | Consistency")

_ATTEMPTS: Final = 3


class TreeSnapshot:
    """The tree as of one moment. It is valid until the question to `Tree.ask` is answered.

    Args:
        log: whose entries the leaves are.
        cache: with all full blocks.
        edge: the entries past the last full block.
        hashed_from: the first block that was hashed from the log just now, and is no older.

    Attributes:
        log: whose entries the leaves are.
        size: how many leaves there are.
        last: the position of the last one; 0 where there is none.
    """

    def __init__(self, log: EventLog, cache: CacheTransaction, edge: Block, hashed_from: int) -> None:
        self.log = log
        self._cache = cache
        self._hashed_from = hashed_from
        self._blocks: dict[int, Block] = {cache.blocks: edge}
        self.size = cache.blocks * BLOCK + len(edge.hashes)
        self.last = edge.positions[-1] if edge.positions else _last_before(cache, cache.blocks)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree of the first so many entries; None for all.

        Raises:
            InvalidInput: the log has fewer.
        """
        return subtree(self._lookup, 0, self._size(size))

    def index_of(self, position: int) -> int:
        """Return the index of the leaf of a position.

        Raises:
            NotFound: no entry has that position.
        """
        low, high = 0, self._cache.blocks
        while low < high:
            middle = (low + high) // 2
            if self._cache.node(0, middle).last < position:
                low = middle + 1
            else:
                high = middle
        block = self._block(low)
        index = bisect_left(block.positions, position)
        if index == len(block.positions) or block.positions[index] != position:
            raise NotFound(f"no entry has position {position}")
        return low * BLOCK + index

    def inclusion(self, position: int, size: int | None = None) -> Inclusion:
        """Prove that an entry is in the tree of the first so many entries; None for all.

        Raises:
            InvalidInput: the log has fewer.
            NotFound: no entry has that position, or it is not among them.
        """
        size, index = self._size(size), self.index_of(position)
        if index >= size:
            raise NotFound(f"position {position} is entry {index + 1:,}; the tree has the first {size:,}")
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
        """Prove that the tree of a size begins with all leaves of the tree of a smaller size.

        Raises:
            InvalidInput: the log has fewer entries, or the older tree is the larger one.
        """
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

    def sign(self, key: SigningKey, since: SignedCheckpoint | None) -> SignedCheckpoint:
        """Sign the tree, of which nothing is taken from the cache but what this key signed before.

        The complete subtrees of the last tree that the key signed are taken from there, if they lead to
        the root that it signed; all that came after is hashed from the log.

        Args:
            key: what to sign with.
            since: a checkpoint that this key signed, kept elsewhere; it counts as one in the cache does.

        Raises:
            InvalidSignature: the key did not sign that checkpoint.
            Altered: the database that holds the log is not as this project makes it.
            Inconsistent: the log does not begin with what the key signed before.
        """
        self.log.must_be_unaltered()
        if since is not None:
            since.verify(key.verifying)
        noted = self._noted(key)
        signed = sorted(
            {found for found in (since, noted) if found is not None}, key=lambda found: found.size
        )
        if signed and signed[-1].size > self.size:
            raise _contradicts(signed[-1], f"the log has {self.size:,}")
        blocks = self._cache.blocks
        first = signed[0].size // BLOCK if signed else 0
        frontier = Frontier.of(lambda level, number: self._cache.node(level, number).hash, first)
        for number in range(first, blocks + 1):
            while signed and signed[0].size // BLOCK == number:
                found = signed.pop(0)
                if frontier.root(self._block(number).hashes[: found.size % BLOCK]) != found.root:
                    if self._hashed_from:
                        raise Unusable("it does not lead to what was signed")
                    raise _contradicts(found, "its first entries are others")
            if number < blocks:
                if number < self._hashed_from:
                    self._block(number)  # as the log has it now
                frontier.push(self._cache.node(0, number).hash)
        root = frontier.root(self._block(blocks).hashes)
        if root != self.root():
            raise Unusable("its larger subtrees are not made of the smaller ones")
        made = sign_checkpoint(self.size, root, key)
        self._cache.set_note(str(key.verifying), str(made))
        return made

    def _noted(self, key: SigningKey) -> SignedCheckpoint | None:
        """Return the last checkpoint that a key signed, if the cache has one that it did sign."""
        note = self._cache.note(str(key.verifying))
        if note is None:
            return None
        try:
            found = read_checkpoint(note)
            found.verify(key.verifying)
        except (InvalidNote, InvalidSignature):
            return None
        return found

    def _size(self, size: int | None) -> int:
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise InvalidInput(f"the log has {self.size:,} entries, not {size:,}", field="size")
        return size

    def _lookup(self, level: int, number: int) -> bytes:
        if level >= LEVEL:
            return self._cache.node(level - LEVEL, number).hash
        inside = LEVEL - level
        return self._block(number >> inside).node(level, number & ((1 << inside) - 1))

    def _block(self, number: int) -> Block:
        """Return a block as the log has it now, which must be as it was.

        Only the edge and the block that was asked for last are held.
        """
        found = self._blocks.get(number)
        if found is None:
            found = _unchanged_block(self.log, self._cache, number)
            while len(self._blocks) > 1:
                self._blocks.pop(next(key for key in self._blocks if key != self._cache.blocks))
            self._blocks[number] = found
        return found


def _last_before(cache: CacheTransaction, number: int) -> int:
    """Return the position of the last entry before a block; 0 where there is none."""
    return cache.node(0, number - 1).last if number else 0


def _unchanged_block(log: EventLog, cache: CacheTransaction, number: int) -> Block:
    """Return a full block as the log has it now.

    Raises:
        _LogChanged: it is not what it was when it was cached.
    """
    block = next(blocks_of(log, after=_last_before(cache, number), limit=BLOCK))
    if not block.full or block.root != cache.node(0, number).hash:
        raise _LogChanged(_last_before(cache, number) + 1, cache.node(0, number).last)
    return block


class _LogChanged(Exception):
    """The cache is sound, and the log is not what it was between two positions."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        super().__init__(first, last)


def _inconsistent(changed: _LogChanged, cache: TreeCache) -> Inconsistent:
    first, last = changed.first, changed.last
    where = f"at position {first}" if first == last else f"between position {first} and {last}"
    again = "open it anew" if cache.path is None else f"remove {cache.path}"
    return Inconsistent(
        f"the log is not what it was: {where}, something was changed or removed since its tree "
        "was last made. Verify a checkpoint that you kept. If you meant it (you restored a copy, "
        f"or began anew), {again}"
    )


def _contradicts(signed: SignedCheckpoint, why: str) -> Inconsistent:
    return Inconsistent(
        f"{signed.origin} signed a log of {signed.size:,} entries, and this is not that log grown: {why}. "
        "Nothing was signed. Verify a checkpoint that you kept; another log needs a key of its own"
    )


def _checked(proof: P) -> P:
    """Return a proof once it is checked: the nodes in the cache might have been forged."""
    try:
        proof.verify()
    except InvalidProof as error:
        raise Unusable(str(error)) from error
    return proof


class Tree:
    """The Merkle tree of a log.

    Args:
        log: whose entries are its leaves.
        cache: where its inner hashes are kept.
    """

    def __init__(self, log: EventLog, cache: TreeCache) -> None:
        self._log = log
        self.cache = cache

    def ask(self, question: Callable[[TreeSnapshot], T]) -> T:
        """Bring the tree up to date with its log, and return the answer to a question.

        A damaged cache is made again from the log. A sound cache that contradicts the log is
        left as it is, and nothing is answered: no checkpoint is signed that contradicts an
        earlier one (c2sp.org/tlog-checkpoint forbids it).

        Args:
            question: a function of the tree as it is now. It may be called more than once.

        Raises:
            Inconsistent: the log is not what it was.
            Damaged: the log cannot be read.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self._current() as snapshot:
                    return question(snapshot)
            except Unusable:
                self.cache.discard()
            except _LogChanged as changed:
                raise _inconsistent(changed, self.cache) from changed
        raise Damaged("the tree cannot be made: what is kept of it is damaged each time")

    def differences(self) -> list[str]:
        """Return where the cache differs from the tree of the log as it is now, in words.

        The whole log is hashed. Nothing is made where nothing is cached.
        """
        if not self.cache.exists:
            return []
        try:
            with self.cache.transaction() as cache:
                return [*_differences(self._log, cache)]
        except Unusable as error:
            return [f"it is damaged: {error}; it is made anew when it is used"]

    @contextmanager
    def _current(self) -> Iterator[TreeSnapshot]:
        with self.cache.transaction() as cache:
            before = cache.blocks
            # Of what is cached, the last full block and what came after it are read again: a log
            # that was set back, or replaced, differs there.
            if cache.blocks:
                _unchanged_block(self._log, cache, cache.blocks - 1)
            after = _last_before(cache, cache.blocks)
            cached = cache.fingerprints(cache.blocks)
            edge = Block([], [])
            for block in blocks_of(self._log, after=after):
                if cached is not None and (changed := block.first_change(cached, after)) is not None:
                    raise _LogChanged(changed, changed)
                cached = None
                if block.full:
                    cache.add_block(block.hashes, block.root, block.positions[-1])
                else:
                    edge = block
                    cache.set_fingerprints(block.hashes)
            yield TreeSnapshot(self._log, cache, edge, before)


def _differences(log: EventLog, cache: CacheTransaction) -> Iterator[str]:
    roots: list[bytes] = []
    before = 0
    for number, block in zip(range(cache.blocks + 1), blocks_of(log)):  # noqa: B905 — the log may go on
        cached = cache.fingerprints(number)
        changed = None if cached is None else block.first_change(cached, before)
        if changed is not None:
            yield f"the entry at position {changed} is not what it was"
        if block.full and number < cache.blocks:
            roots.append(block.root)
            before = block.positions[-1]
    if len(roots) < cache.blocks:
        yield f"it has {cache.blocks * BLOCK:,} entries, and the log fewer"
    level, hashes = 0, roots
    while hashes:
        for number, found in enumerate(hashes):
            if cache.node(level, number).hash != found:
                width = BLOCK << level
                yield f"the hash of entries {number * width + 1:,} to {(number + 1) * width:,} is another"
        level, hashes = level + 1, parents_of(hashes[: len(hashes) & ~1])


@checked
def make_bundle(
    tree: TreeSnapshot, about: tuple[str, str], checkpoint: SignedCheckpoint, positions: Iterable[int]
) -> bytes:
    """Make an audit bundle: entries, their proofs and a checkpoint, as the bytes of a JSON file.

    Args:
        tree: of the log that has the entries.
        about: whom or what the bundle is about: ``("member", "ana")``.
        checkpoint: what the proofs lead to; entries recorded after it are left out.
        positions: of the entries.

    Raises:
        InvalidProof: the log is not the one that the checkpoint signed.
        NotFound: the checkpoint is older than every entry.
        TooLarge: there are too many entries.
    """
    if tree.root(checkpoint.size) != checkpoint.root:
        raise InvalidProof("this log is not the one that the checkpoint signed; verify it")
    entries: list[BundledEntry] = []
    for position in sorted(set(positions)):
        if tree.index_of(position) >= checkpoint.size:
            break
        if len(entries) == MAX_ENTRIES:
            raise TooLarge(f"a bundle has at most {MAX_ENTRIES:,} entries")
        proof = tree.inclusion(position, checkpoint.size)
        (_, name, data, tags), *_ = tree.log.stored(after=position - 1, limit=1)
        entries.append(
            BundledEntry(
                index=proof.index, position=position, name=name, data=data, tags=tags, path=proof.path
            )
        )
    if not entries:
        raise NotFound(f"nothing about the {about[0]} {about[1]} was recorded by the time of the checkpoint")
    return bundle_bytes(about, checkpoint, entries)

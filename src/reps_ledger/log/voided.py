"""Which positions of a log are voided: what stands there cannot be read, and everybody reads past it.

A void counts from the moment it is recorded, whatever a reader knows otherwise: an entry that cannot be
read said nothing to anybody, at no position. So readers who could decode the row leave it out too, and
all say the same. A void is of one row, which its hash names; another row at that position is not voided.

What is voided only grows. So a log keeps what it knows and the head up to which it knows that, and asks
again only where a read goes further: one look into the index of tags. With its own appends the head moves on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from eventsourcing.dcb.api import DCBQuery, DCBQueryItem

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryVoided
from reps_ledger.domain.rules.voids import VOIDED, VOIDS, StoredRow
from reps_ledger.domain.validation import MAX_ITEMS, MAX_NAME
from reps_ledger.errors import CodecError, Damaged, UnknownFact, UnknownVersion
from reps_ledger.leaves import entry_hash
from reps_ledger.log.codec import Codec
from reps_ledger.log.storage import Rows, Stored, decoded_tags
from reps_ledger.salted import is_salted

Read = Callable[[DCBQuery, int | None, int | None], Rows]
"""Reads what matches after a position, at most so many."""

_EVERYTHING: Final = DCBQuery()
_VOIDS: Final = DCBQuery([DCBQueryItem(types=VOIDS.listed, tags=[VOIDS.tag])])
_CONCERNS: Final = ("member:", "community:", "review:")
_LONGEST: Final = MAX_NAME + max(map(len, _CONCERNS))


def row_at(read: Read, position: int) -> Stored | None:
    """Return what is stored at a position; None where nothing is."""
    row = next(read(_EVERYTHING, position - 1, 1).rows(), None)
    return row if row is not None and row[0] == position else None


def leaf_of(row: Stored) -> str | None:
    """Return the hash of a row's leaf, in hexadecimal; None where it has no salt, or cannot be hashed."""
    position, name, data, tags = row
    if not is_salted(data):
        return None
    try:
        return entry_hash(position, name, data, tags).hex()
    except (OverflowError, UnicodeEncodeError):
        return None


def looked_at(row: Stored, codec: Codec) -> StoredRow:
    """Return what a rule must know of a row to let it be voided."""
    position, name, data, text = row
    tags: tuple[str, ...] = ()
    problem, unknown = "", False
    try:
        tags = decoded_tags(position, text)
        codec.decode(name, data, position, tags)
    except (CodecError, Damaged) as error:
        problem, unknown = str(error), isinstance(error, UnknownFact | UnknownVersion)
    # Whoever wrote the row chose its tags: no more of them go on than any entry may have.
    named = (tag for tag in tags if tag.startswith(_CONCERNS) and len(tag) <= _LONGEST and "\0" not in tag)
    concerns = tuple(islice(dict.fromkeys(named), MAX_ITEMS))
    return StoredRow(
        position=position,
        name=name,
        data=data,
        tags=text,
        leaf=leaf_of(row),
        problem=problem,
        unknown=unknown,
        concerns=concerns,
    )


class _Known(NamedTuple):
    """What is voided, by all that is recorded up to a head: each position, and by which void."""

    head: int
    voids: dict[int, Entry[EntryVoided]]


class VoidedPositions:
    """The positions of a log that are voided, as far as it was read.

    Safe to share between threads: what is known is replaced as a whole, and at worst asked for again.

    Args:
        read: reads the log.
        codec: decodes voids.
    """

    def __init__(self, read: Read, codec: Codec) -> None:
        self._read = read
        self._codec = codec
        self._known = _Known(0, {})

    def by(self, head: int | None = None) -> dict[int, Entry[EntryVoided]]:
        """Return the voids by the positions that they void, by all that is recorded up to a head or further.

        Args:
            head: a last position of the log; None for what it is by now.
        """
        known = self._known
        if head is not None and head <= known.head:
            return known.voids
        response = self._read(_VOIDS, known.head, None)
        reached = response.head or 0
        found = {void.fact.target_position: void for void in self._effective(response)}
        # Of two voids of one position the first counts; and whoever reads on may hold the mapping.
        voids = {**found, **known.voids} if found else known.voids
        self._known = _Known(max(reached, known.head), voids)
        return voids

    def appended(self, first: int, names: Sequence[str]) -> None:
        """Know that entries of these stored names were appended, from a position on."""
        known = self._known
        if known.head == first - 1 and VOIDED not in names:
            self._known = _Known(known.head + len(names), known.voids)

    def forget(self) -> None:
        """Know nothing, as entries that were read may have been taken back."""
        self._known = _Known(0, {})

    def _effective(self, response: Rows) -> Iterator[Entry[EntryVoided]]:
        found: list[Entry[EntryVoided]] = []
        for position, name, data, tags in response.parsed():
            try:
                found.append(self._codec.decode(name, data, position, tuple(tags)))
            except CodecError:
                continue  # what cannot be read voids nothing
        for void in reversed(found):
            fact = void.fact
            # Stored by who keeps no rules, it may be any number.
            is_before = 0 < fact.target_position < void.position
            row = row_at(self._read, fact.target_position) if is_before else None
            if row is not None and leaf_of(row) == fact.leaf:
                yield void

"""Adopted charters: which was in force at an instant, among however many."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Final

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import CharterAdopted
from reps_ledger.domain.rules.phrases import day_of
from reps_ledger.errors import InvalidInput, Malformed
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.charter.documents import read_charter

_READ: Final = 1_024
"""Documents that are not read again each time; few programmes have had as many charters."""


@lru_cache(maxsize=_READ)
def charter_of(document: str) -> Charter:
    """Return the charter in a document.

    Raises:
        InvalidPolicy: something in it makes no sense.
    """
    return read_charter(document)


def adopted_charter(adoption: Entry[CharterAdopted]) -> Charter:
    """Return the charter that an entry adopted.

    Raises:
        Malformed: it cannot be read: it was recorded by other software than this.
    """
    try:
        return charter_of(adoption.fact.document)
    except InvalidInput as error:
        raise Malformed(
            f"the charter that was adopted on {day_of(adoption)}, version "
            f"{adoption.fact.version}, cannot be read here: {error}; adopt one that can be, or "
            "use the version of reps-ledger that wrote it",
            position=adoption.position,
            entry_id=adoption.id,
        ) from error


def readable(adoption: Entry) -> Charter | None:
    """Return the charter that an entry adopted, or None where it cannot be read."""
    try:
        return charter_of(adoption.fact.document)
    except InvalidInput:
        return None  # recorded before charters were read, or by a later version of this software


def effective_from(entry: Entry[CharterAdopted]) -> datetime:
    """Return from when an adopted charter governs: never from before its adoption."""
    since = entry.fact.effective_from
    return entry.occurred_at if since is None else max(since, entry.occurred_at)


class Adopted:
    """The adoptions of charters, by when they are in force.

    Args:
        entries: the adoptions, in any order.

    Attributes:
        entries: as given.
    """

    def __init__(self, entries: Sequence[Entry[CharterAdopted]]) -> None:
        self.entries = entries
        self._by_start = sorted(
            ((effective_from(entry), entry.order, entry) for entry in entries), key=itemgetter(0, 1)
        )

    def in_force(
        self, at: datetime, *, known_before: int | None = None, upto: tuple[datetime, int] | None = None
    ) -> Entry | None:
        """Return the adoption of the charter in force at an instant: the last that had begun.

        Args:
            at: the instant.
            known_before: only adoptions before this position count.
            upto: only adoptions up to this place in effective order count.
        """
        for place in range(bisect_right(self._by_start, at, key=itemgetter(0)) - 1, -1, -1):
            entry = self._by_start[place][2]
            known = known_before is None or entry.position < known_before
            if known and (upto is None or entry.order <= upto):
                return entry
        return None

"""Rows: facts of members in effective order, found by member and time with binary search."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from attrs import frozen

from reps_ledger.replay.kernel.instants import Instants

__all__ = ["Codes", "Points", "Rows", "Truths", "ragged"]

Codes = np.ndarray[Any, np.dtype[np.int64]]
"""Members, as their place among all people."""

Truths = np.ndarray[Any, np.dtype[np.bool_]]


@frozen(eq=False)
class Points:
    """Members at instants: of each, something is to be told.

    Attributes:
        member: who.
        at: when.
    """

    member: Codes
    at: Instants

    def __len__(self) -> int:
        return len(self.member)


@frozen(eq=False)
class Rows:
    """Facts, sorted by member, instant and order.

    Attributes:
        member: whose.
        at: when.
        order: what breaks ties of ``at``; made when it is asked for.
        index: which row of its table each is; None where they are all its rows.
    """

    member: Codes
    at: Instants
    _order: Callable[[], Instants]
    _index: Codes | None

    @cached_property
    def order(self) -> Instants:
        """What breaks ties of ``at``."""
        return self._order()

    @cached_property
    def index(self) -> Codes:
        """Which row of its table each is."""
        return np.arange(len(self.member)) if self._index is None else self._index

    def pick(self, values: Any) -> Any:
        """Return what values of all rows of the tables are for these."""
        return values if self._index is None else values[self._index]

    @classmethod
    def sorted(cls, member: Any, at: Any, order: Any, index: Any = None) -> Rows:
        """Sort rows; those of nobody are left out."""
        member = np.asarray(member, np.int64)
        if not len(member) or member.min() >= 0:
            whose = None
        else:
            whose = np.flatnonzero(member >= 0)
            member, at, order = member[whose], at[whose], order[whose]
        if not _in_order(member, at, order):
            place = np.lexsort((order, at, member))
            member, at, order = member[place], at[place], order[place]
            whose = place if whose is None else whose[place]
        if index is not None:
            whose = index if whose is None else index[whose]
        return cls(member, at, lambda: order, whose)

    @classmethod
    def in_place(cls, member: Any, at: Any, order: Callable[[], Instants], kept: Truths) -> Rows:
        """Take rows that are sorted already, but for those of nobody and those not kept."""
        kept = kept & (member >= 0)
        if kept.all():
            return cls(member, at, order, None)
        index = np.flatnonzero(kept)
        return cls(member[index], at[index], lambda: order()[index], index)

    def __len__(self) -> int:
        return len(self.member)

    def only(self, kept: Truths) -> Rows:
        """Return some of the rows."""
        index = np.flatnonzero(kept) if self._index is None else self._index[kept]
        return Rows(self.member[kept], self.at[kept], lambda: self.order[kept], index)

    def of(self, low: int, high: int) -> slice:
        """Return where the rows of members from ``low`` to before ``high`` are."""
        # Of the same type as members are, or all of them would be converted.
        ends = np.array([low, high], self.member.dtype)
        return slice(*np.searchsorted(self.member, ends).tolist())

    @cached_property
    def _times(self) -> Instants:
        return np.unique(self.at)

    @cached_property
    def _keys(self) -> Codes:
        base = self.member.astype(np.int64) * (len(self._times) + 1)
        return base + np.searchsorted(self._times, self.at)

    def between(self, member: Codes, start: Any, end: Any) -> tuple[Codes, Codes]:
        """Return the range of rows of each member from ``start`` to ``end``, both included."""
        step = len(self._times) + 1
        base = member * step
        first = base + np.searchsorted(self._times, start, "left")
        last = base + np.searchsorted(self._times, end, "right")
        low = np.searchsorted(self._keys, first, "left")
        high = np.searchsorted(self._keys, last, "left")
        return low, np.maximum(low, high)

    def count(self, member: Codes, start: Any, end: Any) -> Codes:
        """Return how many rows each member has in between."""
        low, high = self.between(member, start, end)
        return high - low

    def first_of(self, people: int) -> Codes:
        """Return each member's first row; -1 for those who have none."""
        found = np.full(people, -1, np.int64)
        if len(self):
            starts = np.flatnonzero(np.r_[True, self.member[1:] != self.member[:-1]])
            found[self.member[starts]] = starts
        return found


def _in_order(member: Codes, at: Any, order: Any) -> bool:
    """Whether rows are sorted by member, instant and order."""
    whose = member[1:] - member[:-1]
    if (whose < 0).any():
        return False
    same = np.flatnonzero(whose == 0)
    earlier, later = at[same], at[same + 1]
    if (later < earlier).any():
        return False
    same = same[later == earlier]
    return bool((order[same + 1] >= order[same]).all())


def ragged(low: Codes, high: Codes) -> tuple[Codes, Codes]:
    """Return, for ranges, each one's number and its rows, one beside the other."""
    lengths = high - low
    number = np.repeat(np.arange(len(low)), lengths)
    if not len(number):
        return number, number
    begins = np.cumsum(lengths) - lengths
    return number, np.arange(len(number)) - begins[number] + low[number]

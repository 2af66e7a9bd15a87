"""Placing instants among sorted cuts, by a table of buckets: most need no search at all.

Instants as integers: microseconds since 1970, and what widths and periods make of them.

Months, years and zones are resolved here, once for each different instant; everything else
in the kernel sees integers.

Rows: facts of members in effective order, found by member and time with binary search.

Stretches: what members hold for a while, asked of points.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen

from reps_ledger.domain.time import EPOCH, FIRST, LAST, day_start, microseconds
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import day_after, period_end, period_start

__all__ = [
    "BEGINNING",
    "END",
    "Calendar",
    "Codes",
    "Instants",
    "Placer",
    "Points",
    "Rows",
    "Stretches",
    "Truths",
    "moment",
    "places",
    "ragged",
]

Instants = np.ndarray[Any, np.dtype[np.int64]]
"""Microseconds since 1970, in UTC."""

_BUCKETS: Final = 1 << 16
_FEW: Final = 1 << 10


@frozen(eq=False)
class Placer:
    """Places instants among cuts, time after time.

    Time between two instants is divided into equal buckets, and only instants in buckets in
    which a cut lies are searched for. Those outside are searched for too, unless all cuts are
    inside.

    Attributes:
        cuts: sorted.
        low: where the buckets begin.
        high: what they reach.
    """

    cuts: Instants
    low: int
    high: int

    @classmethod
    def of(cls, cuts: Instants) -> Placer:
        """Return one with buckets from the first cut to the last."""
        return cls(cuts, int(cuts[0]), int(cuts[-1])) if len(cuts) else cls(cuts, 0, 0)

    @cached_property
    def _buckets(self) -> tuple[int, int, Any]:
        """Return the width of buckets as a shift, where they end, and what each holds.

        That is how many cuts lie at or before all of a bucket; -1 where that differs. The first
        is all time before the buckets, the last all time after them.
        """
        shift = max(0, (self.high - self.low).bit_length() - _BUCKETS.bit_length() + 1)
        count = ((self.high - self.low) >> shift) + 1
        begins = self.low + (np.arange(count + 1, dtype=np.int64) << shift)
        before = np.searchsorted(self.cuts, begins, "right")
        mixed = before[1:] != before[:-1]
        found = np.full(count + 2, -1, np.int64)
        found[1:-1] = np.where(mixed, -1, before[:-1])
        if not len(self.cuts) or self.cuts[0] >= self.low:
            found[0] = 0
        if not len(self.cuts) or self.cuts[-1] <= begins[-1]:
            found[-1] = len(self.cuts)
        return shift, int(begins[-1]), found

    def places(self, instants: Instants) -> Any:
        """Return, for each instant, how many cuts lie at or before it.

        The same as ``np.searchsorted(cuts, instants, "right")``.
        """
        if len(instants) < _FEW:
            return np.searchsorted(self.cuts, instants, "right")
        shift, end, before = self._buckets
        bucket = np.clip(instants, self.low - 1, end)
        bucket -= self.low
        bucket >>= shift
        bucket += 1
        found = np.take(before, bucket)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = np.searchsorted(self.cuts, instants[missing], "right")
        return found


def places(cuts: Instants, instants: Instants) -> Any:
    """Return, for each instant, how many cuts lie at or before it."""
    if len(instants) < _BUCKETS:
        return np.searchsorted(cuts, instants, "right")
    return Placer(cuts, int(instants.min()), int(instants.max())).places(instants)


BEGINNING: Final = microseconds(FIRST)
END: Final = microseconds(LAST)


def moment(instant: int) -> datetime:
    """Return an instant as a datetime."""
    return EPOCH + timedelta(microseconds=int(instant))


@define
class Calendar:
    """What the calendar of a zone makes of instants; each different question is asked once.

    Attributes:
        zone: in which dates, months and years are read.
    """

    zone: tzinfo
    _known: dict[Any, int] = field(factory=dict)

    def before(self, instants: Instants, width: Width) -> Instants:
        """Return the instants so long before."""
        fixed = width.fixed
        if fixed is not None:
            by = int(fixed / timedelta(microseconds=1))
            return np.where(instants - BEGINNING > by, instants - by, BEGINNING)
        return self._each(instants, ("before", width), lambda at: width.before(at, self.zone))

    def after(self, instants: Instants, width: Width) -> Instants:
        """Return the instants so long after."""
        fixed = width.fixed
        if fixed is not None:
            by = int(fixed / timedelta(microseconds=1))
            return np.where(END - instants > by, instants + by, END)
        return self._each(instants, ("after", width), lambda at: width.after(at, self.zone))

    def period_start(self, instants: Instants, period: str) -> Instants:
        """Return the first instants of their calendar periods."""
        return self._each(
            instants, ("period", period), lambda at: period_start(at, period, self.zone)
        )

    def periods(self, instants: Instants, period: str) -> Instants:
        """Return a number for the calendar period of each instant, rising with time."""
        return np.asarray(places(self.period_starts(instants, period), instants))

    def period_starts(self, instants: Instants, period: str) -> Instants:
        """Return where each period begins, from the one of the first instant to the last's."""
        starts: list[int] = []
        if len(instants):
            last = moment(int(instants.max()))
            at = period_start(moment(int(instants.min())), period, self.zone)
            while at <= last:
                starts.append(microseconds(at))
                following = period_end(at, period, self.zone)
                if following <= at:  # the calendar ends here
                    break
                at = following
        return np.array(starts, np.int64)

    def start_of(self, day: date) -> int:
        """Return the first instant of a day."""
        return microseconds(day_start(day, self.zone))

    def end_of(self, day: date) -> int:
        """Return the last instant of a day."""
        return microseconds(day_after(day, self.zone)) - 1

    def _each(self, instants: Instants, what: Any, of: Callable[[datetime], datetime]) -> Instants:
        different, where = np.unique(instants, return_inverse=True)
        found = np.empty(len(different), np.int64)
        known = self._known
        for index, instant in enumerate(different.tolist()):
            key = (what, instant)
            value = known.get(key)
            if value is None:
                value = known[key] = microseconds(of(moment(instant)))
            found[index] = value
        return found[where.reshape(-1)]


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


@frozen(eq=False)
class Stretches:
    """Times that something held, each ``[start, end)``, sorted by member and start.

    Attributes:
        rows: whose, and from when.
        end: until when.
    """

    rows: Rows
    end: Instants

    @classmethod
    def of(cls, member: Any, start: Any, end: Any, kept: Any = None) -> Stretches:
        """Sort stretches; those of nobody, and those not kept, are left out."""
        owner = np.asarray(member, np.int64)
        if kept is not None:
            owner = np.where(kept, owner, -1)
        rows = Rows.sorted(owner, start, np.arange(len(owner)))
        return cls(rows, np.asarray(rows.pick(np.asarray(end, np.int64))))

    def standing(self, points: Points) -> tuple[Codes, Codes]:
        """Return, for points, each one's number and the stretches that hold then."""
        low, high = self.rows.between(points.member, BEGINNING, points.at)
        number, row = ragged(low, high)
        kept = self.end[row] > points.at[number]
        return number[kept], row[kept]

    def holding(self, points: Points) -> Truths:
        """Return, for points, whether any holds then."""
        found = np.zeros(len(points), bool)
        number, _ = self.standing(points)
        found[number] = True
        return found

    def begun(self, points: Points) -> Truths:
        """Return, for points, whether any had begun by then."""
        return self.rows.count(points.member, BEGINNING, points.at) > 0

    def earliest(self, points: Points, none: int) -> Instants:
        """Return, for points, since when the first of those that hold then has held."""
        found = np.full(len(points), none, np.int64)
        number, row = self.standing(points)
        found[number[::-1]] = self.rows.at[row[::-1]]  # of several, the first is kept
        return found

"""What the kernel computes on: sorted cuts, rows of facts, and intervals.

All instants are integers: microseconds since 1970 in UTC. Days, months, years and time
zones are resolved by `calendars.Calendar` alone; everything else in the kernel only compares
integers. Members are integers too: their place among all people.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from attrs import frozen

from reps_ledger.domain.time import EPOCH, FIRST, LAST, microseconds
from reps_ledger.replay.columns.model import Codes, Instants, Truths

Integers = npt.NDArray[np.int64]
"""Row numbers, members (as their place among all people), and counts."""

T = TypeVar("T", bound=np.generic)

BEGINNING: Final = microseconds(FIRST)
"""The first instant of the calendar."""

END: Final = microseconds(LAST)
"""The last instant of the calendar."""

FOREVER: Final = END + 1
"""After every instant: the end of what has not ended, and when what never happens does."""

_BUCKETS: Final = 1 << 16
_FEW: Final = 1 << 10


@frozen(eq=False)
class CutSearch:
    """Sorted cuts, prepared to be searched for many instants.

    The answers are those of ``np.searchsorted(cuts, instants, "right")``: for each instant, how
    many cuts lie at or before it. That costs a binary search for each instant. Here the time from
    ``low`` to ``high`` is divided into equal buckets; for an instant in a bucket without a cut
    one look-up is enough, and with a few dozen cuts in 65,536 buckets that is nearly every one.

    Attributes:
        cuts: sorted.
        low: where the first bucket begins.
        high: an instant in the last bucket.
    """

    cuts: Instants
    low: int
    high: int

    @classmethod
    def spanning(cls, cuts: Instants) -> CutSearch:
        """Prepare a search whose buckets reach from the first cut to the last."""
        return cls(cuts, int(cuts[0]), int(cuts[-1])) if len(cuts) else cls(cuts, 0, 0)

    @cached_property
    def _buckets(self) -> tuple[int, int, Integers]:
        """The width of a bucket (as a shift), the end of the last one, and a table of counts.

        The table says of each bucket how many cuts lie at or before all of it; -1 where a cut
        lies inside, so that instants there must be searched for. Its first row is for all time
        before the buckets, its last row for all time after them.
        """
        shift = max(0, (self.high - self.low).bit_length() - _BUCKETS.bit_length() + 1)
        count = ((self.high - self.low) >> shift) + 1
        begins = self.low + (np.arange(count + 1, dtype=np.int64) << shift)
        before = np.searchsorted(self.cuts, begins, "right")
        mixed = before[1:] != before[:-1]
        table = np.full(count + 2, -1, np.int64)
        table[1:-1] = np.where(mixed, -1, before[:-1])
        if not len(self.cuts) or self.cuts[0] >= self.low:
            table[0] = 0
        if not len(self.cuts) or self.cuts[-1] <= begins[-1]:
            table[-1] = len(self.cuts)
        return shift, int(begins[-1]), table

    def search(self, instants: Instants) -> Integers:
        """Return, for each instant, how many cuts lie at or before it."""
        if len(instants) < _FEW:
            return np.searchsorted(self.cuts, instants, "right")
        shift, end, table = self._buckets
        bucket = np.clip(instants, self.low - 1, end)
        bucket -= self.low
        bucket >>= shift
        bucket += 1
        found = np.take(table, bucket)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = np.searchsorted(self.cuts, instants[missing], "right")
        return found


def search(cuts: Instants, instants: Instants) -> Integers:
    """Return, for each instant, how many of the sorted cuts lie at or before it."""
    if len(instants) < _BUCKETS:
        return np.searchsorted(cuts, instants, "right")
    return CutSearch(cuts, int(instants.min()), int(instants.max())).search(instants)


def to_datetime(instant: int) -> datetime:
    """Return an instant as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=int(instant))


@frozen(eq=False)
class Points:
    """Query points: parallel arrays of members and instants.

    Attributes:
        member: of whom something is asked.
        at: as of when.
    """

    member: Integers
    at: Instants

    def __len__(self) -> int:
        return len(self.member)


@frozen(eq=False)
class Rows:
    """Facts of members, sorted by member, instant and order; found again by binary search.

    Attributes:
        member: whose fact each row is.
        at: when it happened.
        order: what breaks ties of ``at``; made when it is first asked for.
        index: the row of the table, or tables one after another, that each was taken from.
    """

    member: Codes | Integers
    at: Instants
    _order: Callable[[], Integers]
    _index: Integers | None

    @cached_property
    def order(self) -> Integers:
        """What breaks ties of ``at``."""
        return self._order()

    @cached_property
    def index(self) -> Integers:
        """The row of its table that each was taken from."""
        return np.arange(len(self.member)) if self._index is None else self._index

    def take(self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return, of values for all rows of the tables, those of these rows."""
        return values if self._index is None else values[self._index]

    @classmethod
    def sorted(cls, member: Codes | Integers, at: Instants, order: Integers) -> Rows:
        """Sort rows and leave out those of nobody, whose member is -1."""
        owner = np.asarray(member, np.int64)
        index: Integers | None = None
        if len(owner) and owner.min() < 0:
            index = np.flatnonzero(owner >= 0)
            owner, at, order = owner[index], at[index], order[index]
        if not _in_order(owner, at, order):
            place = np.lexsort((order, at, owner))
            owner, at, order = owner[place], at[place], order[place]
            index = place if index is None else index[place]
        return cls(owner, at, lambda: order, index)

    @classmethod
    def presorted(
        cls, member: Codes | Integers, at: Instants, order: Callable[[], Integers], kept: Truths
    ) -> Rows:
        """Take rows that are sorted already; leave out those of nobody, and those not kept."""
        kept = kept & (member >= 0)
        if kept.all():
            return cls(member, at, order, None)
        index = np.flatnonzero(kept)
        return cls(member[index], at[index], lambda: order()[index], index)

    def __len__(self) -> int:
        return len(self.member)

    def only(self, kept: Truths) -> Rows:
        """Return the rows for which ``kept`` is true."""
        index = np.flatnonzero(kept) if self._index is None else self._index[kept]
        return Rows(self.member[kept], self.at[kept], lambda: self.order[kept], index)

    def of(self, index: Integers) -> Rows:
        """Return the same rows, taken from other rows of their tables."""
        return Rows(self.member, self.at, lambda: self.order, index)

    def slice_of(self, members: range) -> slice:
        """Return where the rows of members that follow one another are."""
        # Of the same type as members are, or all of them would be converted.
        ends = np.array([members.start, members.stop], self.member.dtype)
        return slice(*np.searchsorted(self.member, ends).tolist())

    @cached_property
    def _times(self) -> Instants:
        return np.unique(self.at)

    # Member and instant as one sortable number, so that one binary search finds both. Instants
    # are replaced by their rank, as member * microseconds would not fit in 64 bits.
    @cached_property
    def _keys(self) -> Integers:
        base = self.member.astype(np.int64) * (len(self._times) + 1)
        return base + np.searchsorted(self._times, self.at)

    def between(
        self, member: Integers, start: Instants | int, end: Instants | int
    ) -> tuple[Integers, Integers]:
        """Return the first row of each member from ``start`` on, and the row after ``end``.

        Both instants are included. Without any row the two are the same.
        """
        step = len(self._times) + 1
        base = member * step
        first = base + np.searchsorted(self._times, start, "left")
        last = base + np.searchsorted(self._times, end, "right")
        low = np.searchsorted(self._keys, first, "left")
        high = np.searchsorted(self._keys, last, "left")
        return low, np.maximum(low, high)

    def count(self, member: Integers, start: Instants | int, end: Instants | int) -> Integers:
        """Return how many rows each member has from ``start`` to ``end``, both included."""
        low, high = self.between(member, start, end)
        return high - low

    def first_of(self, people: int) -> Integers:
        """Return the first row of each of so many people; -1 for those who have none."""
        found = np.full(people, -1, np.int64)
        starts = group_starts(self.member)
        found[self.member[starts]] = starts
        return found


def _in_order(member: Integers, at: Instants, order: Integers) -> bool:
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


def changing(first: npt.NDArray[np.generic], *rest: npt.NDArray[np.generic]) -> Truths:
    """Return which of sorted rows, given by their columns, differ from the one before; the first does."""
    found = np.ones(len(first), bool)
    found[1:] = first[1:] != first[:-1]
    for each in rest:
        found[1:] |= each[1:] != each[:-1]
    return found


def group_starts(group: Codes | Integers) -> Integers:
    """Return where the rows of each group (of each member, say) begin, of rows sorted by it."""
    return np.flatnonzero(changing(group))


def until_next(group: Integers, at: Instants, last: int) -> Instants:
    """Return, for each of rows sorted by group and time, when the next of its group is, or ``last``."""
    found = np.full(len(at), last, np.int64)
    same = group[1:] == group[:-1]
    found[:-1][same] = at[1:][same]
    return found


def highest_so_far(group: Codes | Integers, values: Integers) -> Integers:
    """Return, for each of rows sorted by group, the highest value of its group up to it."""
    # Values are replaced by their rank, so that groups do not mix, and all fits in 64 bits.
    different, rank = np.unique(values, return_inverse=True)
    base = group.astype(np.int64) * len(different)
    return different[np.maximum.accumulate(base + rank.reshape(-1)) - base]


def next_after(rows: Rows, events: Rows) -> Instants:
    """Return, for each row, when its member's next event was, or `FOREVER`."""
    return next_event(rows, events)[0]


def next_event(rows: Rows, events: Rows) -> tuple[Instants, Integers]:
    """Return, for each row, when its member's next event was, and its order; or `FOREVER` and -1."""
    count = len(rows)
    both = Rows.sorted(
        np.concatenate([rows.member, events.member]),
        np.concatenate([rows.at, events.at]),
        np.concatenate([rows.order, events.order]),
    )
    total = len(both)
    following = np.where(both.index >= count, np.arange(total), total)
    following = np.minimum.accumulate(following[::-1])[::-1]
    place = np.minimum(following, total - 1)
    theirs = (following < total) & (both.member[place] == both.member)
    at, order = np.full(total, FOREVER, np.int64), np.full(total, -1, np.int64)
    at[both.index] = np.where(theirs, both.at[place], FOREVER)
    order[both.index] = np.where(theirs, both.order[place], -1)
    return at[:count], order[:count]


def expand_ranges(low: Integers, high: Integers) -> tuple[Integers, Integers]:
    """Write ranges out: return, for every row of every range, the range's number and the row."""
    lengths = high - low
    number = np.repeat(np.arange(len(low)), lengths)
    if not len(number):
        return number, number
    begins = np.cumsum(lengths) - lengths
    return number, np.arange(len(number)) - begins[number] + low[number]


@frozen(eq=False)
class Intervals:
    """Times ``[start, end)`` during which something held of members, sorted by member and start.

    Those of one member may overlap.

    Attributes:
        rows: whose each is, and from when.
        end: until when.
    """

    rows: Rows
    end: Instants

    @classmethod
    def of(
        cls, member: Codes | Integers, start: Instants, end: Instants, kept: Truths | None = None
    ) -> Intervals:
        """Sort intervals; leave out those of nobody, and those not kept."""
        owner = np.asarray(member, np.int64)
        if kept is not None:
            owner = np.where(kept, owner, -1)
        rows = Rows.sorted(owner, start, np.arange(len(owner)))
        return cls(rows, rows.take(end))

    def disjoint(self) -> Intervals:
        """Return the same times as disjoint ones: those that overlap or touch are one, empty ones none."""
        lasting = self.end > self.rows.at
        member, start, until = self.rows.member[lasting], self.rows.at[lasting], self.end[lasting]
        if not len(member):
            return Intervals.of(member, start, until)
        latest = highest_so_far(member, until)
        new = changing(member)
        new[1:] |= start[1:] > latest[:-1]
        last = np.append(np.flatnonzero(new)[1:], len(member)) - 1
        return Intervals.of(member[new], start[new], latest[last])

    def containing(self, points: Points) -> tuple[Integers, Integers]:
        """Return each interval that contains a point, as the point's number and the interval's.

        The pairs are in the order of points and then of starts.
        """
        low, high = self.rows.between(points.member, BEGINNING, points.at)
        number, row = expand_ranges(low, high)
        kept = self.end[row] > points.at[number]
        return number[kept], row[kept]

    def holds_at(self, points: Points) -> Truths:
        """Return, for each point, whether any interval contains it."""
        found = np.zeros(len(points), bool)
        number, _ = self.containing(points)
        found[number] = True
        return found

    def begun_by(self, points: Points) -> Truths:
        """Return, for each point, whether any interval had begun by then, ended or not."""
        return self.rows.count(points.member, BEGINNING, points.at) > 0

    def earliest_start(self, points: Points, none: int) -> Instants:
        """Return, for each point, the earliest start of the intervals that contain it.

        Args:
            points: where it is asked.
            none: what to return for a point that no interval contains.
        """
        found = np.full(len(points), none, np.int64)
        number, row = self.containing(points)
        # Of several for one point NumPy keeps the last that is assigned: the first, reversed.
        found[number[::-1]] = self.rows.at[row[::-1]]
        return found

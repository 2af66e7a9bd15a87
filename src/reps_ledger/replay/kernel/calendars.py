"""Calendar arithmetic on arrays of instants, in one time zone.

The vectorised twin of `Period` in ``domain.time``, and of calendar periods in ``windows``. Between two
changes of its clocks a zone is a constant away from UTC, so that local times, days and months of any number
of instants are a few operations on arrays. Where that does not reach (zones of somebody's own, centuries far
from ours), each different instant is worked out by the functions that the reference evaluator uses.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from attrs import define, field, frozen

from reps_ledger.domain.time import EPOCH, change_between, day_start, microseconds
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import day_after, period_end, period_start
from reps_ledger.replay.columns.model import Instants, Truths
from reps_ledger.replay.kernel.arrays import BEGINNING, END, Integers, search, to_datetime

_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1) // _MICROSECOND
_LONG_BEFORE: Final = BEGINNING - 2 * _DAY

_FEW: Final = 16
"""Fewer instants than these are moved one by one."""

_DECADE: Final = 3_653 * _DAY
_DECADES: Final = range(-7, 13)
"""Those for which the changes of clocks are looked up, counted from 1970: the 20th and the 21st century."""

_LOW: Final = _DECADES.start * _DECADE + 4 * _DAY
_HIGH: Final = _DECADES.stop * _DECADE - 4 * _DAY


@frozen(eq=False)
class Clocks:
    """The clocks of a zone for some time. What they show is in microseconds, as if it were UTC.

    Attributes:
        changes: when they are put forward or back, sorted.
        offsets: how far they are ahead of UTC: before the first change, and after each.
    """

    changes: Instants
    offsets: Integers

    def show(self, at: Instants) -> Instants:
        """Return what they show; in a repeated hour the last that they showed before, as `local_time`."""
        number: Integers = np.searchsorted(self.changes, at, "right")
        before: Instants = np.concatenate([[_LONG_BEFORE], self.changes + self.offsets[:-1] - 1])
        found: Instants = np.maximum(at + self.offsets[number], before[number])
        return found

    def earliest(self, at: Instants) -> Instants:
        """Return the earliest local time that means an instant, or a later one, as `earliest_local`."""
        local, before = self.show(at), self.show(at - 1)
        return np.where(before == local, local + 1, np.maximum(before + 1, local // _DAY * _DAY))

    def when(self, local: Instants) -> Instants:
        """Return the first instant by which they have shown a local time, as `instant_when`."""
        return self._when(local)[0]

    def _when(self, local: Instants) -> tuple[Instants, Truths]:
        """Return what `when` does, and which local times they skip."""
        number = np.searchsorted(self.changes + self.offsets[:-1], local, "right")
        change = np.concatenate([[_LONG_BEFORE], self.changes])[number]
        at = local - self.offsets[number]
        return np.maximum(at, change), at < change

    def meant(self, local: Instants) -> Instants:
        """Return the instant that a local time means: one that they skip is in its day."""
        at, skipped = self._when(local)
        return np.where(skipped, np.minimum(at, self.when(_next_midnight(local)) - 1), at)


def _next_midnight(local: Instants) -> Instants:
    return (local // _DAY + 1) * _DAY


@lru_cache(maxsize=1_024)
def _changes_in(zone: ZoneInfo, decade: int) -> tuple[tuple[int, int, int], ...]:
    """Return when clocks change in a decade, with their offsets before and after.

    They are looked at once a day. No zone has changed them twice within three days, in these centuries.
    """
    found = []
    early = EPOCH + timedelta(days=3_653 * decade)
    before = _offset(early, zone)
    for _ in range(3_653):
        late = early + timedelta(days=1)
        after = _offset(late, zone)
        if after != before:
            found.append((microseconds(change_between(early, late, zone)), before, after))
        early, before = late, after
    return tuple(found)


def _offset(at: datetime, zone: tzinfo) -> int:
    return (at.astimezone(zone).utcoffset() or timedelta()) // _MICROSECOND


@lru_cache(maxsize=256)
def _clocks_of(zone: tzinfo, first: int, last: int) -> Clocks:
    """Return the clocks of a zone from one decade to another."""
    changes: list[tuple[int, int, int]] = []
    if isinstance(zone, ZoneInfo):
        changes = [change for decade in range(first, last + 1) for change in _changes_in(zone, decade)]
    begun = _offset(EPOCH + timedelta(days=3_653 * first), zone)
    return Clocks(
        np.array([at for at, _, _ in changes], np.int64),
        np.array([begun, *(after for _, _, after in changes)], np.int64),
    )


def shifted(local: Instants, width: Width, sign: int) -> Instants:
    """Return local times a width later, or earlier for a sign of -1, as `Period` counts them."""
    if width.basis != "months":
        return local + sign * (width.period.length // _MICROSECOND)
    day = local // _DAY
    month = _month_of(day)
    moved = month + sign * width.size
    first, following = _first_of(moved), _first_of(moved + 1)
    place = day - _first_of(month)
    # Where that month is too short, a window begins after its last microsecond, and ends at its end.
    short = following * _DAY - (1 if sign < 0 else 0)
    return np.where(first + place >= following, short, (first + place - day) * _DAY + local)


def _month_of(day: Integers) -> Integers:
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_of(month: Integers) -> Integers:
    return month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _period_first(day: Integers, period: str, later: int = 0) -> Integers:
    """Return the first day of the calendar period of each day; or of a later period."""
    if period == "day":
        return day + later
    if period == "week":
        return day - (day + 3) % 7 + 7 * later  # 1 January 1970 was a Thursday
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    return _first_of((_month_of(day) // months + later) * months)


_Slow = Callable[[datetime], datetime]


@define
class Calendar:
    """Calendar arithmetic on arrays of instants, in one time zone.

    Attributes:
        zone: in which dates, days, months and years are read.
    """

    zone: tzinfo
    _known: dict[tuple[str, Width | str, int], int] = field(factory=dict)

    def before(self, instants: Instants, width: Width) -> Instants:
        """Return the instants a width earlier, but none before the calendar begins."""

        def fast(at: Instants) -> tuple[Instants, Truths]:
            local = shifted(self.clocks(at).show(at), width, -1)
            return self.when_near(local, lambda clocks, some: clocks.meant(some))

        return self._back(instants, "before", width, fast, lambda at: width.before(at, self.zone))

    def after(self, instants: Instants, width: Width) -> Instants:
        """Return the instants a width later, but none after the calendar ends."""
        fixed = width.fixed_in(self.zone)
        if fixed is not None:
            by = fixed // _MICROSECOND
            return np.where(END - instants > by, instants + by, END)

        def fast(at: Instants) -> tuple[Instants, Truths]:
            local = shifted(self.clocks(at).earliest(at), width, 1)
            return self.when_near(local, lambda clocks, some: clocks.when(some))

        return self._moved(instants, "after", width, fast, lambda at: width.after(at, self.zone))

    def coming(self, instants: Instants, width: Width) -> Instants:
        """Return when instants enter a window that looks ahead by a width; see ``Width.coming``."""

        def fast(at: Instants) -> tuple[Instants, Truths]:
            local = shifted(self.clocks(at).show(at - 1), width, -1)
            return self.when_near(
                local,
                lambda clocks, some: np.minimum(clocks.when(some) + 1, clocks.when(_next_midnight(some))),
            )

        return self._back(instants, "coming", width, fast, lambda at: width.coming(at, self.zone))

    def period_start(self, instants: Instants, period: str) -> Instants:
        """Return the first instant of the calendar period of each instant."""
        return self._moved(
            instants,
            "start",
            period,
            lambda at: self._period_edge(at, period, 0),
            lambda at: period_start(at, period, self.zone),
        )

    def period_end(self, instants: Instants, period: str) -> Instants:
        """Return the first instant after the calendar period of each instant."""
        return self._moved(
            instants,
            "end",
            period,
            lambda at: self._period_edge(at, period, 1),
            lambda at: period_end(at, period, self.zone),
        )

    def _period_edge(self, at: Instants, period: str, later: int) -> tuple[Instants, Truths]:
        first = _period_first(self.clocks(at).show(at) // _DAY, period, later)
        return self.when_near(first * _DAY, lambda clocks, some: clocks.when(some))

    def period_numbers(self, instants: Instants, period: str) -> Integers:
        """Return a number for the calendar period of each instant, rising with time."""
        return search(self.period_starts(instants, period), instants)

    def period_starts(self, instants: Instants, period: str) -> Instants:
        """Return where each period begins, from that of the earliest instant to the latest's."""
        if not len(instants):
            return np.array([], np.int64)
        ends = np.array([instants.min(), instants.max()], np.int64)
        if self.near(ends).all():
            first, last = (self.clocks(ends).show(ends) // _DAY).tolist()
            days = np.unique(_period_first(np.arange(first, last + 1), period)) * _DAY
            return self.clocks(days).when(days)
        starts: list[int] = []
        at = period_start(to_datetime(int(ends[0])), period, self.zone)
        while at <= to_datetime(int(ends[1])):
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

    def near(self, instants: Instants) -> Truths:
        """Return which instants, or local times, lie in the centuries whose changes of clocks are known."""
        is_known = self.zone is UTC or isinstance(self.zone, ZoneInfo | timezone)
        return (instants >= _LOW) & (instants < _HIGH) & is_known

    def clocks(self, around: Instants) -> Clocks:
        """Return the clocks of a time that holds these instants, or local times, and some days around."""
        first = int(around.min() if len(around) else 0) - 3 * _DAY
        last = int(around.max() if len(around) else 0) + 3 * _DAY
        return _clocks_of(self.zone, first // _DECADE, last // _DECADE)

    def when_near(
        self, local: Instants, when: Callable[[Clocks, Instants], Instants]
    ) -> tuple[Instants, Truths]:
        """Return the instants of local times, and which of these lie in the centuries that are looked up."""
        inside = self.near(local)
        found = np.zeros(len(local), np.int64)
        if inside.any():
            some = local[inside]
            found[inside] = when(self.clocks(some), some)
        return found, inside

    def _back(
        self,
        instants: Instants,
        asked: str,
        width: Width,
        fast: Callable[[Instants], tuple[Instants, Truths]],
        slow: _Slow,
    ) -> Instants:
        """Return instants moved a width back, but none before the calendar begins; as for `_moved`."""
        fixed = width.fixed_in(self.zone)
        if fixed is None:
            return self._moved(instants, asked, width, fast, slow)
        by = fixed // _MICROSECOND
        return np.where(instants - BEGINNING > by, instants - by, BEGINNING)

    def _moved(
        self,
        instants: Instants,
        asked: str,
        of: Width | str,
        fast: Callable[[Instants], tuple[Instants, Truths]],
        slow: _Slow,
    ) -> Instants:
        """Return instants moved: together, or where that is not possible one by one."""
        inside = self.near(instants)
        if np.count_nonzero(inside) < _FEW:
            return self._each(instants, asked, of, slow)
        found = np.zeros(len(instants), np.int64)
        found[inside], right = fast(instants[inside])
        rest = ~inside
        rest[inside] = ~right
        if rest.any():
            found[rest] = self._each(instants[rest], asked, of, slow)
        return found

    def _each(self, instants: Instants, asked: str, of: Width | str, answer: _Slow) -> Instants:
        different, where = np.unique(instants, return_inverse=True)
        found = np.empty(len(different), np.int64)
        for index, instant in enumerate(different.tolist()):
            key = (asked, of, instant)
            value = self._known.get(key)
            if value is None:
                value = self._known[key] = microseconds(answer(to_datetime(instant)))
            found[index] = value
        return found[where.reshape(-1)]

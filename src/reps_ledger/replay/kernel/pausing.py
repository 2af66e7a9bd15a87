"""Clocks that leave pauses, of many members at many instants.

The vectorised twin of ``widths.paused_before`` and ``widths.paused_leaving``. The time that each member was
on leave is summed up, so that one binary search spends a width on the times between. Zones of somebody's own,
and centuries far from ours, are left to those functions, one instant at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import numpy as np
from attrs import frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.policies.language.widths import Width, paused_before, paused_leaving
from reps_ledger.replay.columns.model import Instants
from reps_ledger.replay.kernel.arrays import BEGINNING, FOREVER, Integers, Points, Rows, to_datetime
from reps_ledger.replay.kernel.calendars import Calendar, shifted
from reps_ledger.replay.kernel.histories import Histories


@frozen(eq=False)
class PausedClock:
    """The clocks of members, which stand still while they are on leave.

    Attributes:
        histories: of everyone.
        calendar: of the zone whose clocks these are.
        rows: whose each leave is, and from when; those of one member are disjoint.
        end: until when; `FOREVER` where no end is in sight.
        start_shown: what the clocks show as each begins.
        length: how far they are put forward by the end of each; 0 where it has none.
        stood: how far they were by all earlier ones of the member.
    """

    histories: Histories
    calendar: Calendar
    rows: Rows
    end: Instants
    start_shown: Instants
    length: Integers
    stood: Integers

    @classmethod
    def of(cls, histories: Histories, width: Width) -> PausedClock:
        """Return the clocks that measure a width: UTC's for hours."""
        in_utc = width.basis == "hours"
        return histories.once(("paused", in_utc), lambda: cls._of(histories, in_utc=in_utc))

    @classmethod
    def _of(cls, histories: Histories, *, in_utc: bool) -> PausedClock:
        calendar = Calendar(UTC) if in_utc else histories.calendar
        leave = histories.merged("leave.started")
        rows, end = leave.rows, leave.end
        ends = np.where(end < FOREVER, end, rows.at)
        if not (calendar.near(rows.at).all() and calendar.near(ends).all()):
            none = np.zeros(0, np.int64)
            return cls(histories, calendar, rows, end, none, none, none)
        clocks = calendar.clocks(np.concatenate([rows.at, ends]))
        start_shown = clocks.earliest(rows.at)
        length = clocks.earliest(ends) - start_shown
        total = np.cumsum(length) - length
        first = np.searchsorted(rows.member, rows.member)
        return cls(histories, calendar, rows, end, start_shown, length, total - total[first])

    def before(self, points: Points, width: Width) -> Instants:
        """Return the latest instants from which the clock has run for a width until each point."""
        found = np.array(self.calendar.before(points.at, width))
        mine = np.flatnonzero(np.isin(points.member, self.rows.member))
        if not len(mine):
            return found
        fast = self.calendar.near(points.at[mine]) & (len(self.length) == len(self.rows))
        if fast.any():
            some = mine[fast]
            found[some], fast[fast] = self._before(Points(points.member[some], points.at[some]), width)
        for place in mine[~fast].tolist():
            own, at = self.histories.leave[int(points.member[place])], to_datetime(points.at[place])
            found[place] = microseconds(paused_before(own, width, at, self.calendar.zone))
        return found

    def _before(self, points: Points, width: Width) -> tuple[Instants, np.ndarray]:
        first, after = self.rows.between(points.member, BEGINNING, points.at)
        last = np.maximum(after - 1, 0)
        begun = after > first
        away = begun & (self.end[last] > points.at)
        # On leave, the clock last ran when that leave began; where that is now, in an hour that the clocks
        # repeat, it is yet to come.
        now = self.calendar.clocks(points.at).show(points.at)
        now = np.where(away, np.minimum(now, self.start_shown[last]), now)
        stood = np.where(begun, self.stood[last] + np.where(away, 0, self.length[last]), 0)
        # Without the time on leave, it ran from here; the leaves before that are then added again.
        ran_from = shifted(now, width, -1) - stood
        number = self._ended_by(points.member, ran_from)
        before = np.maximum(number + first - 1, 0)
        local = ran_from + np.where(number > 0, self.stood[before] + self.length[before], 0)
        return self.calendar.when_near(local, lambda clocks, some: clocks.meant(some))

    def _ended_by(self, member: Integers, ran: Instants) -> Integers:
        """Return how many leaves had ended when a member's clock had run so far, leave not counted."""
        ends = np.where(self.end < FOREVER, self.start_shown - self.stood, FOREVER)
        rows = Rows(self.rows.member, ends, lambda: self.rows.order, None)
        low, high = rows.between(member, np.iinfo(np.int64).min, ran)
        return high - low

    def leaving(self, points: Points, width: Width) -> Iterator[Points]:
        """Yield candidates for when points, of members who were on leave, leave a window of a width."""
        fast = self.calendar.near(points.at) & (len(self.length) == len(self.rows))
        if fast.any():
            yield from self._leaving(Points(points.member[fast], points.at[fast]), width)
        for place in np.flatnonzero(~fast).tolist():
            yield self._leaving_one(int(points.member[place]), int(points.at[place]), width)

    def _leaving_one(self, member: int, at: int, width: Width) -> Points:
        own = self.histories.leave[member]
        edges = paused_leaving(own, width, to_datetime(at), self.calendar.zone)
        found = np.array([microseconds(edge) for edge in edges], np.int64)
        return Points(np.full(len(found), member), found)

    def _leaving(self, points: Points, width: Width) -> Iterator[Points]:
        shown = self.calendar.clocks(points.at).earliest(points.at)
        ending = Rows(self.rows.member, self.end, lambda: self.rows.order, None)
        _, place = ending.between(points.member, BEGINNING, points.at)
        last = np.searchsorted(self.rows.member, points.member, "right")
        stood = np.zeros(len(points), np.int64)
        number = np.arange(len(points))
        while len(number):  # as often as somebody was on leave during one width
            local = shifted(shown[number] + stood[number], width, 1)
            left, near = self.calendar.when_near(local, lambda clocks, some: clocks.when(some))
            for far in number[~near].tolist():
                yield self._leaving_one(int(points.member[far]), int(points.at[far]), width)
            number, left = number[near], left[near]
            yield Points(points.member[number], left)
            following = np.minimum(place[number], len(self.end) - 1)
            delayed = (
                (place[number] < last[number])
                & (left >= self.rows.at[following])
                & (self.end[following] < FOREVER)
            )
            number, following = number[delayed], following[delayed]
            begun = np.maximum(self.start_shown[following], shown[number])
            stood[number] += self.start_shown[following] + self.length[following] - begun
            place[number] += 1

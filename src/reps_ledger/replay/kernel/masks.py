"""Masks: dates are bits. What most conditions take, for all dates at once.

All boundaries of all windows on a selection are merged into one list of cuts; in each interval
between cuts it is worked out once, for each window, on which dates a fact there lies inside. Then
"at least one" is a bitwise OR over a member's facts; "at least k", the AND of a fact's word with
that of the one k - 1 before it, then OR. What a mask cannot say is asked of the general lowering.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from reps_ledger.policies.language.clocks import Tenure, TimeSince
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.counts import Count, Distinct
from reps_ledger.policies.language.learned import Completed, OnOrAfter
from reps_ledger.policies.language.measures import Compare
from reps_ledger.policies.language.people import Held, IsMember, Joined
from reps_ledger.policies.language.reviewed import InOutcome, Noticed, Previously
from reps_ledger.policies.language.windows import Always, Between, Rolling, This
from reps_ledger.replay.columns import MISSING
from reps_ledger.replay.kernel.asking import leaf_holds, stretches_of, suffix_of
from reps_ledger.replay.kernel.instants import BEGINNING, END, Instants
from reps_ledger.replay.kernel.measuring import bounds
from reps_ledger.replay.kernel.placing import places
from reps_ledger.replay.kernel.rows import Codes, Points, Rows
from reps_ledger.replay.kernel.words import (
    Words,
    between,
    everywhere,
    from_date,
    or_by_member,
    packed,
    unpacked,
)

if TYPE_CHECKING:
    from reps_ledger.policies.language.selections import Facts
    from reps_ledger.replay.kernel.kernel import Kernel
    from reps_ledger.replay.kernel.selecting import Selected

__all__ = ["Masks", "is_path"]

_WINDOWS = (Always, Between, Rolling, This)


def is_path(leaf: Leaf) -> bool:
    """Whether a condition depends on the outcome before."""
    return isinstance(leaf, Previously) or (
        isinstance(leaf, Compare) and isinstance(leaf.measure, InOutcome)
    )


@define(eq=False)
class Masks:
    """Words of conditions, for the members of one chunk and all dates.

    Attributes:
        kernel: what is known.
        dates: the dates, sorted, each once.
        leaves: every condition that will be asked for, so that cuts are merged.
    """

    kernel: Kernel
    dates: Instants
    leaves: tuple[Leaf, ...]
    _cuts: dict[Facts, Instants] = field(factory=dict, init=False)
    _tables: dict[Any, Words] = field(factory=dict, init=False)
    _cells: dict[Any, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Merge the boundaries of all windows on each selection."""
        merged: dict[Facts, list[Instants]] = {}
        for leaf in self.leaves:
            window = self._window(leaf)
            if window is not None:
                facts, start, end = window
                ever = np.array([BEGINNING]), self.dates + 1
                merged.setdefault(facts, []).extend([start, end + 1, *ever])
        for facts, cuts in merged.items():
            self._cuts[facts] = np.unique(np.concatenate(cuts))

    def words(self, leaf: Leaf, low: int, high: int) -> Words:
        """Return on which dates a condition holds, of members from ``low`` to before ``high``."""
        dates = len(self.dates)
        match leaf:
            case OnOrAfter(day=day):
                instants = np.full(high - low, self.kernel.calendar.start_of(day))
                return from_date(instants, self.dates)
            case IsMember():
                return from_date(self.kernel.joined[low:high], self.dates)
            case Joined() | Completed():
                return from_date(suffix_of(leaf, self.kernel)[low:high], self.dates)
            case Compare(measure=Count() | TimeSince() | Distinct()):
                window = self._window(leaf)
                if window is not None:
                    return self._windowed(leaf, window, low, high)
            case Compare(measure=Tenure()):
                return self._tenure(leaf, low, high)
            case Compare() | Noticed():
                pass
            case Held(role=role, community=community):
                rows, _ = self._slice(self.kernel.role_spans(role, community).rows, low, high)
                words = from_date(rows.at, self.dates)
                return or_by_member(words, rows.member, low, high)
            case _ if not hasattr(leaf, "provider"):
                held = stretches_of(leaf, self.kernel)
                rows, part = self._slice(held.rows, low, high)
                words = self._spans(rows.at, held.end[part])
                return or_by_member(words, rows.member, low, high)
        return self._general(leaf, low, high, dates)

    def _general(self, leaf: Leaf, low: int, high: int, dates: int) -> Words:
        """Ask the general lowering, of each member at each date."""
        members = np.arange(low, high)
        points = Points(np.repeat(members, dates), np.tile(self.dates, high - low))
        truth = leaf_holds(leaf, points, self.kernel, None)
        return packed(np.asarray(truth).reshape(high - low, dates))

    @staticmethod
    def _slice(rows: Rows, low: int, high: int) -> tuple[Rows, slice]:
        part = slice(*np.searchsorted(rows.member, [low, high]).tolist())
        return rows.part(part), part

    def _spans(self, start: Instants, end: Instants) -> Words:
        """Return the dates on which spans ``[start, end)`` hold."""
        first = places(self.dates, start - 1)
        last = places(self.dates, end - 1)
        return between(first, last, len(self.dates))

    def _tenure(self, leaf: Compare, low: int, high: int) -> Words:
        """Return when somebody has held a role, or been in the programme, for so long."""
        measure: Any = leaf.measure
        reach = self.kernel.calendar.before(self.dates, leaf.threshold)  # type: ignore[arg-type]
        at_least = leaf.operator in {"at_least", "less_than"}
        late = 1 if at_least else 0  # at least so long: who began at that very instant too
        if measure.role is None:
            start = self.kernel.joined[low:high]
            first = places(reach, start - late)
            long = between(first, np.full(len(first), len(self.dates)), len(self.dates))
            long &= from_date(start, self.dates)
        else:
            held = self.kernel.role_spans(measure.role, measure.community)
            rows, part = self._slice(held.rows, low, high)
            first = places(reach, rows.at - late)
            words = between(first, np.full(len(first), len(self.dates)), len(self.dates))
            words &= self._spans(rows.at, held.end[part])
            long = or_by_member(words, rows.member, low, high)
        if leaf.operator in {"at_least", "more_than"}:
            return long
        return everywhere(len(self.dates), high - low) & ~long

    def _window(self, leaf: Leaf) -> tuple[Facts, Instants, Instants] | None:
        """Return the facts, and the windows by date, whose counting tells a condition.

        None where no mask does: where windows differ by member, or look ahead.
        """
        if not isinstance(leaf, Compare):
            return None
        measure = leaf.measure
        points = Points(np.zeros(len(self.dates), np.int64), self.dates)
        if isinstance(measure, Distinct) and measure.period is None:
            return None
        if isinstance(measure, Count | Distinct) and isinstance(measure.within, _WINDOWS):
            within = measure.within
            if isinstance(within, Rolling) and (within.pausing or within.ahead is not None):
                return None
            start, end, _ = bounds(within, points, self.kernel)
            return measure.facts, start, np.maximum(end, start - 1)
        if isinstance(measure, TimeSince) and not measure.pausing:
            reach = self.kernel.calendar.before(self.dates, leaf.threshold)  # type: ignore[arg-type]
            if measure.which == "last":
                late = leaf.operator in {"at_least", "less_than"}
                return measure.facts, reach + 1 if late else reach, self.dates
            early = leaf.operator in {"at_least", "less_than"}
            end = reach if early else reach - 1
            return measure.facts, np.full(len(reach), BEGINNING), np.maximum(end, BEGINNING - 1)
        return None

    def _windowed(
        self, leaf: Compare, window: tuple[Facts, Instants, Instants], low: int, high: int
    ) -> Words:
        facts, start, end = window
        selected = self.kernel.selected(facts)
        if isinstance(leaf.measure, Count | Distinct):
            return self._counted(leaf, selected, start, end, low, high)
        some = self._at_least(1, selected, start, end, low, high)
        every = everywhere(len(self.dates), high - low)
        if leaf.measure.which == "last":  # type: ignore[attr-defined]  # it is a TimeSince
            long = leaf.operator in {"at_least", "more_than"}
            return every & ~some if long else some
        ever = self._at_least(
            1, selected, np.full(len(self.dates), BEGINNING), self.dates, low, high
        )
        long_ago = some | (every & ~ever)
        return long_ago if leaf.operator in {"at_least", "more_than"} else every & ~long_ago

    def _counted(  # noqa: PLR0917 — a comparison and where it is made
        self, leaf: Compare, selected: Selected, start: Any, end: Any, low: int, high: int
    ) -> Words:
        number = int(leaf.threshold)  # type: ignore[arg-type]  # counts are whole
        every = everywhere(len(self.dates), high - low)

        def at_least(k: int) -> Words:
            if k <= 0:
                return every
            period = getattr(leaf.measure, "period", None)
            return self._at_least(k, selected, start, end, low, high, period)

        match leaf.operator:
            case "at_least":
                return at_least(number)
            case "more_than":
                return at_least(number + 1)
            case "at_most":
                return every & ~at_least(number + 1)
            case "less_than":
                return every & ~at_least(number)
        return at_least(number) & ~at_least(number + 1)

    def _at_least(  # noqa: PLR0917 — how many of what, where
        self,
        k: int,
        selected: Selected,
        start: Any,
        end: Any,
        low: int,
        high: int,
        period: str | None = None,
    ) -> Words:
        """Return the dates on which members have at least k rows inside the windows.

        Of a period, k different ones: rows of one period are counted as one.
        """
        rows, part = self._slice(selected.plain, low, high)
        words = self._inside(selected, rows, start, end, low)
        if not selected.is_plain:
            words = words & self._visible(selected, part)
        member = rows.member
        if period is not None and len(rows):
            number = self.kernel.calendar.periods(rows.at, period)
            new = (member[1:] != member[:-1]) | (number[1:] != number[:-1])
            starts = np.flatnonzero(np.r_[True, new])
            words = np.bitwise_or.reduceat(words, starts, axis=1)
            member = member[starts]
        if k > 1 and not selected.is_plain:
            return self._dense(words, member, k, low, high)
        if k > 1:
            if k > len(member):
                return np.zeros((len(words), high - low), np.uint64)
            same = member[k - 1 :] == member[: len(member) - k + 1]
            words = np.where(same, words[:, k - 1 :] & words[:, : len(member) - k + 1], 0)
            member = member[k - 1 :]
        return or_by_member(words, member, low, high)

    def _inside(
        self, selected: Selected, rows: Rows, start: Instants, end: Instants, low: int
    ) -> Words:
        """Return the dates in whose window each row lies."""
        cuts = self._cuts[selected.facts]
        key = (selected.facts, low)
        cells = self._cells.get(key)
        if cells is None:
            self._cells = {k: v for k, v in self._cells.items() if k[1] == low}
            cells = self._cells[key] = places(cuts, rows.at)
        name = (selected.facts, start.tobytes(), end.tobytes())
        table = self._tables.get(name)
        if table is None:
            inside = np.zeros((len(cuts) + 1, len(self.dates)), bool)
            inside[1:] = (start[None, :] <= cuts[:, None]) & (cuts[:, None] <= end[None, :])
            table = self._tables[name] = packed(inside)
        return table[:, cells]

    def _visible(self, selected: Selected, part: slice) -> Words:
        """Return the dates on which rows count, though they lie inside: verified, lasting."""
        shown = np.flatnonzero(selected.shown)[part]
        words = everywhere(len(self.dates), len(shown))
        if selected.end is not None:
            first = np.zeros(len(shown), np.int64)
            last = np.searchsorted(self.dates, selected.end[shown], "left")
            words &= between(first, last, len(self.dates))
        if selected.verified is not None:
            verified = selected.verified[shown]
            when = np.where(verified == MISSING, END + 1, verified)
            told = from_date(when, self.dates)
            words &= told if selected.facts.verified else ~told
        return words

    def _dense(self, words: Words, member: Codes, k: int, low: int, high: int) -> Words:
        """Count bits, where those that count are not one stretch of a member's rows."""
        found = np.zeros((high - low, len(self.dates)), np.int64)
        if len(member):
            starts = np.flatnonzero(np.r_[True, member[1:] != member[:-1]])
            bits = unpacked(words, len(self.dates)).astype(np.int64)
            found[member[starts] - low] = np.add.reduceat(bits, starts, axis=0)
        return packed(found >= k)

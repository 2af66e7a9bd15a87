"""Masks: dates are bits. What most conditions take, for all dates at once.

All boundaries of all windows on a selection are merged into one list of cuts; in each interval
between cuts it is worked out once, for each window, on which dates a fact there lies inside. Then
"at least one" is a bitwise OR over a member's facts; "at least k", the AND of a fact's word with
that of the one k - 1 before it, then OR. What a mask cannot say is asked of the general lowering.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, frozen

from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import Compare, Count, Distinct, Tenure, TimeSince
from reps_ledger.policies.language.people import Completed, Held, IsMember, Joined, OnOrAfter
from reps_ledger.policies.language.reviews import InOutcome, Noticed, Previously
from reps_ledger.policies.language.windows import Always, Between, Rolling, This
from reps_ledger.replay.columns import MISSING
from reps_ledger.replay.kernel.arrays import BEGINNING, END, Codes, Instants, Placer, Points
from reps_ledger.replay.kernel.bitsets import (
    Words,
    beginning,
    between,
    everywhere,
    from_date,
    looked_up,
    or_by_member,
    packed,
    several,
    starts_of,
    unpacked,
)
from reps_ledger.replay.kernel.points import bounds, leaf_holds, stretches_of, suffix_of

if TYPE_CHECKING:
    from reps_ledger.policies.language.facts import Facts
    from reps_ledger.replay.kernel.points import Kernel, Selected

__all__ = ["Masks", "is_path"]

_WINDOWS = (Always, Between, Rolling, This)


def is_path(leaf: Leaf) -> bool:
    """Whether a condition depends on the outcome before."""
    return isinstance(leaf, Previously) or (
        isinstance(leaf, Compare) and isinstance(leaf.measure, InOutcome)
    )


@frozen(eq=False)
class _Part:
    """The rows of a chunk's members that a selection counts once their date has passed.

    Attributes:
        part: where they are among these rows of all.
        member: whose each is.
        at: when each happened.
        starts: where the rows of each member begin.
        cells: between which cuts each lies.
    """

    part: slice
    member: Codes
    at: Instants
    starts: Codes
    cells: Codes


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
    _parts: dict[Any, _Part] = field(factory=dict, init=False)
    _placers: dict[Any, Placer] = field(factory=dict, init=False)

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
        self._placers["dates"] = Placer.of(self.dates)

    def words(self, leaf: Leaf, low: int, high: int) -> Words:
        """Return on which dates a condition holds, of members from ``low`` to before ``high``."""
        dates = len(self.dates)
        match leaf:
            case OnOrAfter(day=day):
                instants = np.full(high - low, self.kernel.calendar.start_of(day))
                return from_date(instants, self.dates)
            case IsMember():
                return self.since(self.kernel.joined[low:high])
            case Joined() | Completed():
                return self.since(suffix_of(leaf, self.kernel)[low:high])
            case Compare(measure=Count() | TimeSince() | Distinct()):
                window = self._window(leaf)
                if window is not None:
                    return self._windowed(leaf, window, low, high)
            case Compare(measure=Tenure()):
                return self._tenure(leaf, low, high)
            case Compare() | Noticed():
                pass
            case Held(role=role, community=community):
                rows = self.kernel.role_spans(role, community).rows
                part = rows.of(low, high)
                return or_by_member(self.since(rows.at[part]), rows.member[part], low, high)
            case _ if not hasattr(leaf, "provider"):
                held = stretches_of(leaf, self.kernel)
                part = held.rows.of(low, high)
                words = self._spans(held.rows.at[part], held.end[part])
                return or_by_member(words, held.rows.member[part], low, high)
        return self._general(leaf, low, high, dates)

    def _general(self, leaf: Leaf, low: int, high: int, dates: int) -> Words:
        """Ask the general lowering, of each member at each date."""
        members = np.arange(low, high)
        points = Points(np.repeat(members, dates), np.tile(self.dates, high - low))
        truth = leaf_holds(leaf, points, self.kernel, None)
        return packed(np.asarray(truth).reshape(high - low, dates))

    def since(self, instants: Instants) -> Words:
        """Return words in which the dates at or after instants are set."""
        return beginning(self._placers["dates"].places(instants - 1), len(self.dates))

    def _spans(self, start: Instants, end: Instants) -> Words:
        """Return the dates on which spans ``[start, end)`` hold."""
        dates = self._placers["dates"]
        return between(dates.places(start - 1), dates.places(end - 1), len(self.dates))

    def _tenure(self, leaf: Compare, low: int, high: int) -> Words:
        """Return when somebody has held a role, or been in the programme, for so long."""
        measure: Any = leaf.measure
        reach = self.kernel.calendar.before(self.dates, leaf.threshold)  # type: ignore[arg-type]
        at_least = leaf.operator in {"at_least", "less_than"}
        late = 1 if at_least else 0  # at least so long: who began at that very instant too
        if measure.role is None:
            start = self.kernel.joined[low:high]
            first = self._placer(leaf, lambda: reach).places(start - late)
            long = beginning(first, len(self.dates)) & self.since(start)
        else:
            held = self.kernel.role_spans(measure.role, measure.community)
            part = held.rows.of(low, high)
            start = held.rows.at[part]
            first = self._placer(leaf, lambda: reach).places(start - late)
            words = beginning(first, len(self.dates)) & self._spans(start, held.end[part])
            long = or_by_member(words, held.rows.member[part], low, high)
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
        rows = self._part(selected, low, high)
        words = looked_up(self._table(selected.facts, start, end), rows.cells)
        if not selected.is_plain:
            words &= self._visible(selected, rows.part)
        member, starts = rows.member, rows.starts
        if period is not None and len(member):
            number = self._periods(selected, period).places(rows.at)
            new = number[1:] != number[:-1]
            new[starts[1:] - 1] = True
            each = np.flatnonzero(np.concatenate([[True], new]))
            words = np.bitwise_or.reduceat(words, each, axis=1)
            member = member[each]
            starts = np.searchsorted(each, starts)
        if k > 1 and not selected.is_plain:
            return self._dense(words, member, k, low, high)
        found = np.zeros((len(words), high - low), np.uint64)
        reached, which = several(words, starts, k)
        found[:, member[starts[which]] - low] = reached
        return found

    def _part(self, selected: Selected, low: int, high: int) -> _Part:
        """Return the rows of a chunk; only those of the present one are kept."""
        key = (selected.facts, low)
        found = self._parts.get(key)
        if found is None:
            self._parts = {k: v for k, v in self._parts.items() if k[1] == low}
            rows = selected.plain
            part = rows.of(low, high)
            # The first cut is the beginning of all time: nothing lies before it.
            cuts = self._cuts[selected.facts][1:]
            placer = self._placer(selected.facts, lambda: cuts)
            member, at = rows.member[part], rows.at[part]
            found = _Part(part, member, at, starts_of(member), placer.places(at))
            self._parts[key] = found
        return found

    def _periods(self, selected: Selected, period: str) -> Placer:
        at, calendar = selected.plain.at, self.kernel.calendar
        return self._placer((selected.facts, period), lambda: calendar.period_starts(at, period))

    def _placer(self, key: Any, cuts: Callable[[], Instants]) -> Placer:
        found = self._placers.get(key)
        if found is None:
            found = self._placers[key] = Placer.of(cuts())
        return found

    def _table(self, facts: Facts, start: Instants, end: Instants) -> Words:
        """Return, for each interval between cuts, the dates in whose window it lies."""
        name = (facts, start.tobytes(), end.tobytes())
        table = self._tables.get(name)
        if table is None:
            cuts = self._cuts[facts]
            inside = (start[None, :] <= cuts[:, None]) & (cuts[:, None] <= end[None, :])
            table = self._tables[name] = packed(inside)
        return table

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
            told = self.since(when)
            words &= told if selected.facts.verified else ~told
        return words

    def _dense(self, words: Words, member: Codes, k: int, low: int, high: int) -> Words:
        """Count bits, where those that count are not one stretch of a member's rows."""
        found = np.zeros((len(words), high - low), np.uint64)
        starts = starts_of(member)
        lengths = np.diff(starts, append=len(member))
        enough = np.repeat(lengths >= k, lengths)  # who has fewer rows has no such date
        words, member = words[:, enough], member[enough]
        if len(member):
            starts = starts_of(member)
            bits = unpacked(words, len(self.dates)).astype(np.int32)
            found[:, member[starts] - low] = packed(np.add.reduceat(bits, starts, axis=0) >= k)
        return found

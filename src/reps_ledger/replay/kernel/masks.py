"""Dates are bits: what most conditions ask, for all review dates at once.

For a window that is the same for all members, "does this fact count on that date" depends only on
when the fact happened. The boundaries of the windows of all dates are merged into one sorted list
of *cuts*. Between two cuts the answer cannot change, so one bitset for each interval between cuts
says on which dates a fact in it counts: its *mask*. Each fact is then placed among the cuts once,
and takes the mask of its interval. From there on:

- "at least one" is the OR of the masks of a member's facts;
- "at least k" is the OR of the AND of each fact's mask with that of the fact k - 1 before it: a
  window that holds both holds everything between them (see `bitsets.in_k_rows`);
- a role, leave and whatever else lasts is the OR of the dates from each start to before each end.
  (To XOR the dates from each start on with those from each end on would be cheaper still, and is
  wrong wherever two intervals of a member overlap: there the second start clears what the first
  had set. Intervals may overlap here, in several communities say, so that OR it is.)

Cuts are merged over all windows on the same selection, so that one placing serves all of them.
What no mask can say (windows that differ by member, sums, one count against another) is asked of
the general lowering, in `points`, of each member at each date.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from attrs import define, evolve, field, frozen

from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.facts import Facts
from reps_ledger.policies.language.measures import Compare, Measure, Tenure, TimeSince
from reps_ledger.policies.language.people import Held, OnOrAfter, WithAccount
from reps_ledger.policies.language.reviews import Noticed
from reps_ledger.policies.language.shares import LargestShare, Members, Missed, Share
from reps_ledger.policies.language.windows import Always, Between, Rolling, This, Window
from reps_ledger.replay.columns.model import MISSING, Codes, Instants
from reps_ledger.replay.kernel.arrays import (
    BEGINNING,
    END,
    CutSearch,
    Integers,
    Points,
    changing,
    group_starts,
)
from reps_ledger.replay.kernel.bitsets import (
    Bitsets,
    all_dates,
    bits_between,
    bits_from,
    blocks,
    in_k_rows,
    or_by_member,
    pack,
    since,
    take,
    unpack,
)
from reps_ledger.replay.kernel.points import INTERVALS, STARTS, Kernel, intervals, starts
from reps_ledger.replay.kernel.selections import AskedNow, SelectedRows
from reps_ledger.replay.kernel.values import as_number, as_width

_SAME_FOR_ALL: Final = frozenset({Always, Between, Rolling, This})
"""The kinds of window that are the same for all members (a rolling one unless leave pauses it)."""


MOST_POINTS: Final = 1 << 22
"""People times dates of which a condition is asked at once, where rows name the people."""

Windows = tuple[Facts, Instants, Instants]
"""Facts, and the first and the last instant of the window on them at each date."""


@frozen(eq=False)
class _ChunkRows:
    """The rows of a chunk of members that a selection counts once their date has passed.

    Attributes:
        part: where they are among the rows of all members.
        member: whose each is.
        at: when each happened.
        starts: where the rows of each member begin.
        cells: how many cuts lie at or before each: in which interval between cuts it is.
    """

    part: slice
    member: Codes | Integers
    at: Instants
    starts: Integers
    cells: Integers


@define(eq=False)
class Masks:
    """Bitsets of conditions, for one chunk of members after another, at the same dates.

    Attributes:
        kernel: what answers everything else.
        dates: the dates, sorted, each once.
        leaves: every condition that will be asked for, so that their cuts can be merged.
    """

    kernel: Kernel
    dates: Instants
    leaves: tuple[Leaf, ...]
    _cuts: dict[Facts, Instants] = field(factory=dict, init=False)
    _tables: dict[tuple[Facts, bytes, bytes], Bitsets] = field(factory=dict, init=False)
    _chunk: range = field(default=range(0), init=False)
    _rows: dict[Facts, _ChunkRows] = field(factory=dict, init=False)
    _searches: dict[Hashable, CutSearch] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Merge the boundaries of all windows on each selection."""
        merged: dict[Facts, list[Instants]] = {}
        for leaf in self.leaves:
            window = self._window(leaf)
            if window is not None:
                facts, start, end = window
                # The dates too, for "ever": all up to each date.
                ever = np.array([BEGINNING]), self.dates + 1
                merged.setdefault(facts, []).extend([start, end + 1, *ever])
        for facts, cuts in merged.items():
            self._cuts[facts] = np.unique(np.concatenate(cuts))
        self._searches["dates"] = CutSearch.spanning(self.dates)

    def bitsets(self, leaf: Leaf, members: range) -> Bitsets:
        """Return on which dates a condition holds, of each of some members.

        Args:
            leaf: which; one that depends on the outcome before is asked of points instead.
            members: whose, as their places among all people.
        """
        return CONDITIONS_MASKED[type(leaf)](self, leaf, members)

    def by_points(self, leaf: Leaf, members: range) -> Bitsets:
        """Ask the general lowering, of each member at each date."""
        dates = len(self.dates)
        each = np.arange(members.start, members.stop)
        points = Points(np.repeat(each, dates), np.tile(self.dates, len(members)))
        truth = self.kernel.holds(leaf, points)
        return pack(truth.reshape(len(members), dates))

    def since(self, instants: Instants) -> Bitsets:
        """Return bitsets in which the dates at or after each instant are set."""
        return bits_from(self._searches["dates"].search(instants - 1), len(self.dates))

    def _during(self, start: Instants, end: Instants) -> Bitsets:
        """Return bitsets in which the dates of each interval ``[start, end)`` are set."""
        dates = self._searches["dates"]
        return bits_between(dates.search(start - 1), dates.search(end - 1), len(self.dates))

    def _every(self, members: range) -> Bitsets:
        return all_dates(len(self.dates), len(members))

    def on_or_after(self, leaf: OnOrAfter, members: range) -> Bitsets:
        """Lower a condition on the date alone."""
        start = self.kernel.histories.calendar.start_of(leaf.day)
        return since(np.full(len(members), start), self.dates)

    def has_started(self, leaf: Leaf, members: range) -> Bitsets:
        """Lower a condition that holds from some instant on."""
        return self.since(starts(leaf, self.kernel)[members.start : members.stop])

    def lasts(self, leaf: Leaf, members: range) -> Bitsets:
        """Lower a condition that holds while something lasts."""
        held = intervals(leaf, self.kernel)
        part = held.rows.slice_of(members)
        bits = self._during(held.rows.at[part], held.end[part])
        return or_by_member(bits, held.rows.member[part], members)

    def has_held(self, leaf: Held, members: range) -> Bitsets:
        """Lower "holds a role or once held it"."""
        rows = self.kernel.histories.role_intervals(leaf.role, leaf.community).rows
        part = rows.slice_of(members)
        return or_by_member(self.since(rows.at[part]), rows.member[part], members)

    def compare(self, leaf: Compare, members: range) -> Bitsets:
        """Lower a comparison, by its measure."""
        return MEASURES_MASKED[type(leaf.measure)](self, leaf, leaf.measure, members)

    def measure_by_points(self, leaf: Compare, _: Measure, members: range) -> Bitsets:
        """Ask the general lowering for a comparison."""
        return self.by_points(leaf, members)

    def tenure(self, leaf: Compare, measure: Tenure, members: range) -> Bitsets:
        """Lower a comparison of the time in the programme, or in a role, with a width."""
        reach = self.kernel.histories.calendar.before(self.dates, as_width(leaf.threshold))
        # At least so long: whoever began at that very instant counts too.
        late = 1 if leaf.operator in {"at_least", "less_than"} else 0
        if measure.role is None:
            start = self.kernel.histories.joined[members.start : members.stop]
            first = self._search(leaf, lambda: reach).search(start - late)
            long = bits_from(first, len(self.dates)) & self.since(start)
        else:
            held = self.kernel.histories.merged_roles(measure.role, measure.community)
            part = held.rows.slice_of(members)
            start = held.rows.at[part]
            first = self._search(leaf, lambda: reach).search(start - late)
            bits = bits_from(first, len(self.dates)) & self._during(start, held.end[part])
            long = or_by_member(bits, held.rows.member[part], members)
        if leaf.operator in {"at_least", "more_than"}:
            return long
        return self._every(members) & ~long

    def _window(self, leaf: Leaf) -> Windows | None:
        """Return the facts, and the windows by date, whose counting tells a comparison.

        None where no mask does: where windows differ by member, or look ahead.
        """
        if not isinstance(leaf, Compare):
            return None
        lowered = WINDOWED.get(type(leaf.measure))
        return None if lowered is None else lowered(self, leaf, leaf.measure)

    def counting_window(self, _: Compare, measure: Count | Distinct) -> Windows | None:
        """Return the facts and the windows by date that a measure counts; None as `_window`."""
        within = measure.within
        if isinstance(measure, Distinct) and measure.period is None:
            return None
        if type(within) not in _SAME_FOR_ALL:
            return None
        if isinstance(within, Rolling) and (within.pausing or within.ahead is not None):
            return None
        start, end = self._bounds(within)
        return measure.facts, start, np.maximum(end, start - 1)

    def _bounds(self, window: Window) -> tuple[Instants, Instants]:
        """Return the first and the last instant of a window, at each date."""
        nobody = np.zeros(len(self.dates), np.int64)  # whoever it is, the window is the same
        bounds = self.kernel.bounds(window, Points(nobody, self.dates))
        return np.broadcast_to(bounds.start, len(self.dates)), bounds.end

    def time_window(self, leaf: Compare, measure: TimeSince) -> Windows | None:
        """Return a window such that something in it tells how long ago facts were.

        Last time: less long ago, if there is anything from then on. First time: longer ago, if
        there is anything up to then.
        """
        if measure.pausing:
            return None
        reach = self.kernel.histories.calendar.before(self.dates, as_width(leaf.threshold))
        # What happened exactly so long ago is "at least" so long ago, and not "less".
        inclusive = leaf.operator in {"at_least", "less_than"}
        if measure.which == "last":
            return measure.facts, reach + 1 if inclusive else reach, self.dates
        end = reach if inclusive else reach - 1
        return measure.facts, np.full(len(reach), BEGINNING), np.maximum(end, BEGINNING - 1)

    def time_since(self, leaf: Compare, measure: TimeSince, members: range) -> Bitsets:
        """Lower a comparison of the time since facts with a width."""
        window = self._window(leaf)
        if window is None:
            return self.by_points(leaf, members)
        facts, start, end = window
        selected = self.kernel.selected(facts)
        some = self._at_least(1, selected, (start, end), members)
        every = self._every(members)
        if measure.which == "last":
            long_ago = every & ~some
        else:
            always = np.full(len(self.dates), BEGINNING)
            ever = self._at_least(1, selected, (always, self.dates), members)
            long_ago = some | (every & ~ever)  # what never happened was endlessly long ago
        return long_ago if leaf.operator in {"at_least", "more_than"} else every & ~long_ago

    def count(self, leaf: Compare, measure: Count | Distinct, members: range) -> Bitsets:
        """Lower a comparison of a count with a number."""
        window = self._window(leaf)
        if window is None:
            return self.by_points(leaf, members)
        facts, start, end = window
        selected = self.kernel.selected(facts)
        number = int(as_number(leaf.threshold))  # counts are whole
        period = measure.period if isinstance(measure, Distinct) else None
        every = self._every(members)

        def at_least(k: int) -> Bitsets:
            if k <= 0:
                return every
            return self._at_least(k, selected, (start, end), members, period)

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

    def _at_least(
        self,
        k: int,
        selected: SelectedRows,
        window: tuple[Instants, Instants],
        members: range,
        period: str | None = None,
    ) -> Bitsets:
        """Return the dates on which members have at least k rows inside their window.

        With a period, at least k different ones: rows of one period count as one.

        Args:
            k: from 1.
            selected: which rows.
            window: the first and the last instant of the window, at each date.
            members: whose.
            period: the calendar period, if periods are counted.
        """
        rows = self._chunk_rows(selected, members)
        bits = take(self._table(selected.facts, *window), rows.cells)
        if not selected.is_plain:
            bits &= self._visible(selected, rows.part)
        member, starts = rows.member, rows.starts
        if period is not None and len(member):
            number = self._periods(selected, period).search(rows.at)
            new = number[1:] != number[:-1]
            new[starts[1:] - 1] = True
            each = np.flatnonzero(np.concatenate([[True], new]))
            bits = np.bitwise_or.reduceat(bits, each, axis=1)
            member = member[each]
            starts = np.searchsorted(each, starts)
        if k > 1 and not selected.is_plain:
            spans = selected.spans
            if period is None and spans is not None and spans.key is not None:
                key = spans.key[np.flatnonzero(selected.shown)[rows.part]]
                bits, member = _once(bits, member, key)
            return self._count_bits(bits, member, k, members)
        found = np.zeros((len(bits), len(members)), np.uint64)
        reached, which = in_k_rows(bits, starts, k)
        found[:, member[starts[which]] - members.start] = reached
        return found

    def _chunk_rows(self, selected: SelectedRows, members: range) -> _ChunkRows:
        """Return the rows of a chunk, placed among the cuts; only the present chunk's are kept."""
        if members != self._chunk:
            self._chunk, self._rows = members, {}
        found = self._rows.get(selected.facts)
        if found is None:
            rows = selected.plain
            part = rows.slice_of(members)
            # The first cut is the beginning of all time: nothing lies before it.
            cuts = self._cuts[selected.facts][1:]
            search = self._search(selected.facts, lambda: cuts)
            member, at = rows.member[part], rows.at[part]
            found = _ChunkRows(part, member, at, group_starts(member), search.search(at))
            self._rows[selected.facts] = found
        return found

    def _periods(self, selected: SelectedRows, period: str) -> CutSearch:
        at, calendar = selected.plain.at, self.kernel.histories.calendar
        key = (selected.facts, period)
        return self._search(key, lambda: calendar.period_starts(at, period))

    def _search(self, key: Hashable, cuts: Callable[[], Instants]) -> CutSearch:
        found = self._searches.get(key)
        if found is None:
            found = self._searches[key] = CutSearch.spanning(cuts())
        return found

    def _table(self, facts: Facts, start: Instants, end: Instants) -> Bitsets:
        """Return the masks: for each interval between cuts, the dates whose window it lies in."""
        name = (facts, start.tobytes(), end.tobytes())
        table = self._tables.get(name)
        if table is None:
            cuts = self._cuts[facts]
            inside = (start[None, :] <= cuts[:, None]) & (cuts[:, None] <= end[None, :])
            table = self._tables[name] = pack(inside)
        return table

    def _visible(self, selected: SelectedRows, part: slice) -> Bitsets:
        """Return the dates on which rows count wherever their window is.

        Those on which they are verified, or last, and people are as they must be then.
        """
        shown = np.flatnonzero(selected.shown)[part]
        bits = all_dates(len(self.dates), len(shown))
        if selected.spans is not None:
            first = np.searchsorted(self.dates, selected.spans.start[shown], "left")
            last = np.searchsorted(self.dates, selected.spans.end[shown], "left")
            bits &= bits_between(first, last, len(self.dates))
        if selected.verified is not None:
            verified = selected.verified[shown]
            by_then = self.since(np.where(verified == MISSING, END + 1, verified))
            bits &= by_then if selected.facts.verified else ~by_then
        for asked in selected.now:
            bits &= self._of_people(asked, shown)
        return bits

    def _of_people(self, asked: AskedNow, rows: Integers) -> Bitsets:
        """Return the dates on which a condition holds of the people whom rows name.

        The general lowering is asked, of each of them once: they are anywhere among all people, and
        mostly few.
        """
        who, place = np.unique(asked.who[rows], return_inverse=True)
        dates = len(self.dates)
        some = max(1, MOST_POINTS // dates)
        found = np.zeros((blocks(dates), len(who)), np.uint64)
        each = evolve(asked, who=who)
        for low in range(0, len(who), some):
            people = np.arange(low, min(low + some, len(who)))
            truth = each.holds(np.repeat(people, dates), np.tile(self.dates, len(people)))
            found[:, people] = pack(truth.reshape(len(people), dates))
        return take(found, place.reshape(-1))

    def _count_bits(self, bits: Bitsets, member: Codes | Integers, k: int, members: range) -> Bitsets:
        """Return the dates that at least k rows have set, where `in_k_rows` cannot tell.

        Rows that end, or that are verified late, count on dates that leave gaps among a member's
        rows, so that the rows between two that count may not: bits are unpacked and added up.
        """
        found = np.zeros((len(bits), len(members)), np.uint64)
        starts = group_starts(member)
        lengths = np.diff(starts, append=len(member))
        enough = np.repeat(lengths >= k, lengths)  # who has fewer rows has no such date
        bits, member = bits[:, enough], member[enough]
        if len(member):
            starts = group_starts(member)
            truth = unpack(bits, len(self.dates)).astype(np.int32)
            reached = pack(np.add.reduceat(truth, starts, axis=0) >= k)
            found[:, member[starts] - members.start] = reached
        return found


def _once(bits: Bitsets, member: Codes | Integers, key: Integers) -> tuple[Bitsets, Codes | Integers]:
    """Return the bits of rows that began one thing as those of one row; with whose each is."""
    if not len(member):
        return bits, member
    place = np.lexsort((key, member))
    whose, what = member[place], key[place]
    first = np.flatnonzero(changing(whose, what))
    return np.bitwise_or.reduceat(bits[:, place], first, axis=1), whose[first]


CONDITIONS_MASKED: Final[Mapping[type[Leaf], Callable[[Masks, Any, range], Bitsets]]] = MappingProxyType(
    {
        **dict.fromkeys(STARTS, Masks.has_started),
        **dict.fromkeys(INTERVALS, Masks.lasts),
        Compare: Masks.compare,
        Held: Masks.has_held,
        Noticed: Masks.by_points,
        OnOrAfter: Masks.on_or_after,
        WithAccount: Masks.by_points,
    }
)
"""How each kind of condition is lowered to bitsets, but for those that depend on the past."""

MEASURES_MASKED: Final[Mapping[type[Measure], Callable[[Masks, Compare, Any, range], Bitsets]]] = (
    MappingProxyType(
        {
            Count: Masks.count,
            Distinct: Masks.count,
            LargestShare: Masks.measure_by_points,
            Members: Masks.measure_by_points,
            Missed: Masks.measure_by_points,
            Share: Masks.measure_by_points,
            Tenure: Masks.tenure,
            TimeSince: Masks.time_since,
            Total: Masks.measure_by_points,
        }
    )
)
"""How comparisons of each kind of measure are, but for those that depend on the past."""

WINDOWED: Final[Mapping[type[Measure], Callable[[Masks, Compare, Any], Windows | None]]] = MappingProxyType(
    {Count: Masks.counting_window, Distinct: Masks.counting_window, TimeSince: Masks.time_window}
)
"""The measures that are told by what lies in a window, and what says which window that is."""

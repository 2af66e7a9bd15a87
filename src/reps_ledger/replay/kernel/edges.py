"""When conditions change by time alone: candidates for each kind, and from them the true changes.

The vectorised twin of the ``edges()`` of leaves, measures, windows and selections. Candidates are a superset:
`points` is then asked at each of them, and those stay at which the answer differs from the one before. So one
candidate too many costs a little time, and one too few is a bug; the properties compare with the reference.

Each kind has a function that yields its candidates, in three tables. It yields instants of members, as
`Points`, and bare instants, which are everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from attrs import frozen

from reps_ledger.policies.language.conditions import Condition, Leaf, fold, leaves
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.measures import Compare, Measure, Tenure, TimeSince
from reps_ledger.policies.language.people import Held, OnOrAfter, WithAccount
from reps_ledger.policies.language.reviews import InOutcome, Noticed, Previously
from reps_ledger.policies.language.shares import LargestShare, Members, Missed, Share
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import (
    Always,
    Between,
    Following,
    Preceding,
    Rolling,
    SinceLast,
    This,
    Window,
)
from reps_ledger.replay.columns.model import Instants, Truths
from reps_ledger.replay.kernel.algebra import truth_algebra
from reps_ledger.replay.kernel.arrays import (
    BEGINNING,
    END,
    FOREVER,
    Integers,
    Intervals,
    Points,
    Rows,
    changing,
    expand_ranges,
)
from reps_ledger.replay.kernel.pausing import PausedClock
from reps_ledger.replay.kernel.points import INTERVALS, STARTS, Kernel, Query, intervals, notices_of, starts
from reps_ledger.replay.kernel.selections import SelectedRows
from reps_ledger.replay.kernel.values import as_width

Moments = Points | Instants
"""Instants of members, or of everybody."""

Found = Iterator[Moments]


@frozen(eq=False)
class Asked:
    """Of whom candidates are wanted.

    Attributes:
        kernel: of everyone's histories, and of a policy.
        members: whose, as places among all people; sorted, each once.
    """

    kernel: Kernel
    members: Integers

    def rows(self, rows: Rows) -> Integers:
        """Return the numbers of these members' rows."""
        if len(rows.member) < len(self.members):  # few rows of many members: each looks for its own
            place = np.searchsorted(self.members, rows.member)
            return np.flatnonzero(self.members[np.minimum(place, len(self.members) - 1)] == rows.member)
        whose = self.members.astype(rows.member.dtype)
        low, high = np.searchsorted(rows.member, whose), np.searchsorted(rows.member, whose, "right")
        return expand_ranges(low, high)[1]

    def points(self, rows: Rows, at: Instants | None = None) -> Points:
        """Return an instant of each of these members' rows: when it happened, if no others are given."""
        mine = self.rows(rows)
        return Points(rows.member[mine].astype(np.int64), (rows.at if at is None else at)[mine])

    def each(self, instants: Instants) -> Points:
        """Return the instant of each of these members, given those of all people."""
        return Points(self.members, instants[self.members])

    def after(self, moments: Moments, width: Width) -> Moments:
        """Return when moments leave a window of a width that ends with an instant."""
        return _moved(moments, lambda at: self.kernel.histories.calendar.after(at, width))

    def passing(self, moments: Moments, width: Width) -> Found:
        """Yield when the time since moments may pass a width, whether or not it counts when just reached."""
        yield moments
        yield self.after(moments, width)
        yield self.after(_moved(moments, lambda at: at + 1), width)


def _moved(moments: Moments, how: Callable[[Instants], Instants]) -> Moments:
    """Return moments whose instants are moved; those outside the calendar stay where they are."""
    if not isinstance(moments, Points):
        return how(moments[_inside(moments)])
    inside = _inside(moments.at)
    return Points(moments.member[inside], how(moments.at[inside]))


def _inside(at: Instants) -> Truths:
    return (at >= BEGINNING) & (at <= END)


# Selections


def _of_selection(selected: SelectedRows, asked: Asked) -> Found:
    """Yield when a selection may count others of its rows."""
    mine = asked.rows(selected.rows)
    member = selected.rows.member[mine].astype(np.int64)
    yield Points(member, selected.rows.at[mine])
    if selected.verified is not None:
        yield Points(member, selected.verified[mine])
    if selected.spans is not None:
        yield Points(member, selected.spans.start[mine])
        yield Points(member, selected.spans.end[mine])
    for each in selected.now:
        yield from _of_people(each.condition, member, each.who[mine], asked.kernel)


def _of_people(condition: Condition, member: Integers, who: Integers, kernel: Kernel) -> Found:
    """Yield when a condition changes of the people whom members' rows name."""
    member, who = member[who >= 0], who[who >= 0]
    people, number = np.unique(who, return_inverse=True)
    pairs = np.unique(np.stack([member, number.reshape(-1)]), axis=1)
    found = truth_of(condition, kernel, Points(people, np.full(len(people), BEGINNING))).points
    low, high = np.searchsorted(found.member, people), np.searchsorted(found.member, people, "right")
    pair, change = expand_ranges(low[pairs[1]], high[pairs[1]])
    yield Points(pairs[0][pair], found.at[change])


def _of_body(selected: SelectedRows, asked: Asked) -> Found:
    """Yield when a selection of everybody's rows, which are all under member 0, may count others."""
    for moments in _of_selection(selected, Asked(asked.kernel, np.zeros(1, np.int64))):
        yield moments.at if isinstance(moments, Points) else moments


# Windows: when rows, those of members or everybody's, may leave one, or enter it after they happened


def _never(_: Always | Between, __: Moments, ___: Asked) -> Found:
    """Yield nothing: what once lay in it always does."""
    yield from ()


def _rolling(window: Rolling, rows: Moments, asked: Asked) -> Found:
    calendar, ahead = asked.kernel.histories.calendar, window.ahead
    yield asked.after(rows, window.width)
    if ahead is not None:
        yield _moved(rows, lambda at: calendar.coming(at, ahead))
    if window.pausing:
        yield from _paused(rows, window.width, asked)


def _paused(rows: Moments, width: Width, asked: Asked) -> Found:
    """Yield when rows may leave a window that leave pauses, of those who were ever on leave."""
    clock = PausedClock.of(asked.kernel.histories, width)
    leave = Intervals(clock.rows, clock.end)
    yield from _of_intervals(leave, asked)
    away = np.intersect1d(asked.members, leave.rows.member)
    if isinstance(rows, Points):
        theirs = np.isin(rows.member, away)
        mine = Points(rows.member[theirs], rows.at[theirs])
    else:
        mine = Points(np.repeat(away, len(rows)), np.tile(rows, len(away)))
    inside = _inside(mine.at)
    yield from clock.leaving(Points(mine.member[inside], mine.at[inside]), width)


def _this(window: This, rows: Moments, asked: Asked) -> Found:
    calendar = asked.kernel.histories.calendar
    yield _moved(rows, lambda at: calendar.period_end(at, window.period))


def _since_last(window: SinceLast, _: Moments, asked: Asked) -> Found:
    yield from _of_selection(asked.kernel.selected(window.facts), asked)


def _following(window: Following, _: Moments, asked: Asked) -> Found:
    anchors = asked.kernel.selected(window.facts)
    yield asked.after(asked.points(anchors.rows), window.width)
    yield from _of_selection(anchors, asked)


def _preceding(window: Preceding, _: Moments, asked: Asked) -> Found:
    yield from _of_selection(asked.kernel.selected(window.before), asked)


def _of_window(window: Window, rows: Moments, asked: Asked) -> Found:
    yield from WINDOW_EDGES[type(window)](window, rows, asked)


# Measures


def _in_window(_: Compare, measure: Count | Distinct | Total, asked: Asked) -> Found:
    selected = asked.kernel.selected(measure.facts)
    yield from _of_window(measure.within, asked.points(selected.rows), asked)
    yield from _of_selection(selected, asked)


def _time_since(leaf: Compare, measure: TimeSince, asked: Asked) -> Found:
    selected, width = asked.kernel.selected(measure.facts), as_width(leaf.threshold)
    yield from _of_selection(selected, asked)
    rows = asked.points(selected.rows)
    yield from asked.passing(rows, width)
    if measure.pausing:
        yield from _paused(rows, width, asked)
        yield from _paused(_moved(rows, lambda at: at + 1), width, asked)


def _tenure(leaf: Compare, measure: Tenure, asked: Asked) -> Found:
    width = as_width(leaf.threshold)
    if measure.role is None:
        yield from asked.passing(asked.each(asked.kernel.histories.joined), width)
        return
    held = asked.kernel.histories.merged_roles(measure.role, measure.community)
    yield from asked.passing(asked.points(held.rows), width)
    yield asked.points(held.rows, held.end)


def _in_outcome(leaf: Compare, _: InOutcome, asked: Asked) -> Found:
    yield from asked.passing(_decided(asked), as_width(leaf.threshold))


def _decided(asked: Asked) -> Points:
    decisions = asked.kernel.decisions
    if decisions is None:
        nobody = np.zeros(0, np.int64)
        return Points(nobody, nobody)
    return asked.points(decisions.rows)


def _missed(_: Compare, measure: Missed, asked: Asked) -> Found:
    histories = asked.kernel.histories
    yield histories.columns.table("opportunity.held").at
    taken = histories.columns.table("opportunity.taken")
    yield asked.points(Rows.sorted(taken.persons["member"], taken.at, taken.order))
    if measure.role is not None:
        yield asked.points(histories.role_intervals(measure.role, None).rows)


def _share(leaf: Compare, measure: Share, asked: Asked) -> Found:
    yield from _in_window(leaf, measure.own, asked)
    body = asked.kernel.selected_body(measure.of, measure.community)
    yield from _of_window(measure.own.within, body.rows.at, asked)
    yield from _of_body(body, asked)


def _members(_: Compare, measure: Members | LargestShare, asked: Asked) -> Found:
    """Yield when people join, and when the condition that tells who counts changes of any of them."""
    kernel = asked.kernel
    everybody = np.arange(len(kernel.histories.columns.people))
    yield kernel.histories.joined
    if measure.among is not None:
        start = np.full(len(everybody), BEGINNING)
        yield truth_of(measure.among, kernel, Points(everybody, start)).points.at


def _largest_share(leaf: Compare, measure: LargestShare, asked: Asked) -> Found:
    yield from _members(leaf, measure, asked)
    held = asked.kernel.histories.intervals("affiliation.started")
    yield held.rows.at
    yield held.end


# Conditions


def _compare(leaf: Compare, asked: Asked) -> Found:
    yield from MEASURE_EDGES[type(leaf.measure)](leaf, leaf.measure, asked)


def _has_started(leaf: Leaf, asked: Asked) -> Found:
    yield asked.each(starts(leaf, asked.kernel))


def _lasts(leaf: Leaf, asked: Asked) -> Found:
    yield from _of_intervals(intervals(leaf, asked.kernel), asked)


def _of_intervals(held: Intervals, asked: Asked) -> Found:
    yield asked.points(held.rows)
    yield asked.points(held.rows, held.end)


def _has_held(leaf: Held, asked: Asked) -> Found:
    yield asked.points(asked.kernel.histories.role_intervals(leaf.role, leaf.community).rows)


def _on_or_after(leaf: OnOrAfter, asked: Asked) -> Found:
    yield np.array([asked.kernel.histories.calendar.start_of(leaf.day)], np.int64)


def _previously(_: Previously, asked: Asked) -> Found:
    yield _decided(asked)


def _with_account(leaf: WithAccount, asked: Asked) -> Found:
    histories = asked.kernel.histories
    yield from _of_intervals(histories.intervals("account.linked", provider=leaf.provider), asked)
    yield asked.each(histories.joined_with_account)


def _noticed(leaf: Noticed, asked: Asked) -> Found:
    notices = notices_of(leaf, asked.kernel)
    sent = asked.points(notices.rows)
    yield sent
    if leaf.ago is not None:
        yield asked.after(sent, leaf.ago)
    if leaf.overdue:
        yield asked.points(notices.rows, notices.deadline)
    if leaf.heard is not None:
        yield asked.points(notices.rows, notices.answered if leaf.heard else notices.acted)


CONDITION_EDGES: Final[Mapping[type[Leaf], Callable[[Any, Asked], Found]]] = MappingProxyType(
    {
        **dict.fromkeys(STARTS, _has_started),
        **dict.fromkeys(INTERVALS, _lasts),
        Compare: _compare,
        Held: _has_held,
        Noticed: _noticed,
        OnOrAfter: _on_or_after,
        Previously: _previously,
        WithAccount: _with_account,
    }
)
"""When each kind of condition may change."""

MEASURE_EDGES: Final[Mapping[type[Measure], Callable[[Compare, Any, Asked], Found]]] = MappingProxyType(
    {
        Count: _in_window,
        Distinct: _in_window,
        InOutcome: _in_outcome,
        LargestShare: _largest_share,
        Members: _members,
        Missed: _missed,
        Share: _share,
        Tenure: _tenure,
        TimeSince: _time_since,
        Total: _in_window,
    }
)
"""When the comparison of each kind of measure may change."""

WINDOW_EDGES: Final[Mapping[type[Window], Callable[[Any, Moments, Asked], Found]]] = MappingProxyType(
    {
        Always: _never,
        Between: _never,
        Following: _following,
        Preceding: _preceding,
        Rolling: _rolling,
        SinceLast: _since_last,
        This: _this,
    }
)
"""When rows may leave each kind of window, or enter it after they happened."""

SAME_FOR_ALL: Final = frozenset({OnOrAfter, Members, LargestShare})
"""The kinds of condition and measure that say the same of everybody."""


def candidates(leaf: Leaf, kernel: Kernel, members: Integers) -> Iterator[Moments]:
    """Yield every instant at which a condition may change: of members, or of everybody.

    Args:
        leaf: which condition.
        kernel: in which histories.
        members: whose candidates, as places among all people; sorted, each once.

    Raises:
        InvalidPolicy: it asks for what columns do not hold.
    """
    yield from CONDITION_EDGES[type(leaf)](leaf, Asked(kernel, members))


# True changes


@frozen(eq=False)
class TruthThroughTime:
    """Whether something held of members, through time.

    Attributes:
        points: sorted by member and time: first where each member's time starts, then where it changes.
        holds: whether it holds from each on.
    """

    points: Points
    holds: Truths


def truth_of(
    condition: Condition, kernel: Kernel, start: Points, until: Instants | int = FOREVER
) -> TruthThroughTime:
    """Return when a condition holds of members; arguments as for `changes`."""
    points, held = changes(leaves(condition), kernel, start, until)
    truth = np.asarray(fold(condition, truth_algebra(held.__getitem__)))
    kept = changing(points.member, truth)
    return TruthThroughTime(Points(points.member[kept], points.at[kept]), truth[kept])


def changes(
    conditions: Iterable[Leaf], kernel: Kernel, start: Points, until: Instants | int = FOREVER
) -> tuple[Points, Mapping[Leaf, Truths]]:
    """Return where any of some conditions changes, and what holds from there on.

    Args:
        conditions: which.
        kernel: in which histories.
        start: of which members, and from when on; sorted by member, each once.
        until: until when, not included: of each member, or of all.

    Returns:
        Points, sorted by member and time, of which the first of each member is where their time starts;
        and of each condition whether it holds from each of these points on.

    Raises:
        InvalidPolicy: a condition asks for what columns do not hold.
    """
    different = dict.fromkeys(conditions)
    found = [_changes_of(leaf, kernel, start, until) for leaf in different]
    leaf = np.repeat(np.arange(len(found)), [len(each.points) for each in found])
    member = np.concatenate([start.member, *(each.points.member for each in found)])
    at = np.concatenate([start.at, *(each.points.at for each in found)])
    place = np.lexsort((at, member))
    new = changing(member[place], at[place])
    number = np.empty(len(place), np.int64)
    number[place] = np.cumsum(new) - 1
    first = place[new]
    number = number[len(start) :]
    held = {}
    for index, (each, of_leaf) in enumerate(zip(different, found, strict=True)):
        last = np.zeros(len(first), np.int64)
        last[number[leaf == index]] = np.arange(len(of_leaf.points))
        # From each point on what was said last holds; each member's first point has a truth of every leaf.
        held[each] = of_leaf.holds[np.maximum.accumulate(last)]
    return Points(member[first], at[first]), held


def _changes_of(leaf: Leaf, kernel: Kernel, start: Points, until: Instants | int) -> TruthThroughTime:
    """Return when one condition holds of members; arguments as for `changes`."""
    if not len(start):
        return TruthThroughTime(start, np.zeros(0, bool))
    if SAME_FOR_ALL & {type(leaf), type(getattr(leaf, "measure", None))}:
        return _same_for_all(leaf, kernel, start, until)
    points = _asked_at(candidates(leaf, kernel, start.member), start, until)
    return _changed(leaf, kernel, points)


def _changed(leaf: Leaf, kernel: Kernel, points: Points) -> TruthThroughTime:
    """Keep the points at which a condition holds and did not before, or the other way round."""
    truth = Query(kernel, points, None).holds(leaf)
    kept = changing(points.member, truth)
    return TruthThroughTime(Points(points.member[kept], points.at[kept]), truth[kept])


def _same_for_all(leaf: Leaf, kernel: Kernel, start: Points, until: Instants | int) -> TruthThroughTime:
    """Ask once what is the same for all members, and say it of each."""
    someone = Points(start.member[:1], np.full(1, BEGINNING))
    points = _asked_at(candidates(leaf, kernel, someone.member), someone, FOREVER)
    found = _changed(leaf, kernel, points)
    first = np.searchsorted(found.points.at, start.at, "right") - 1
    end = np.searchsorted(found.points.at, np.broadcast_to(until, len(start)), "left")
    number, place = expand_ranges(first, np.maximum(end, first + 1))
    at = np.maximum(found.points.at[place], start.at[number])
    return TruthThroughTime(Points(start.member[number], at), found.holds[place])


def _asked_at(found: Iterable[Moments], start: Points, until: Instants | int) -> Points:
    """Return the starts, and the candidates of their members that come later: sorted, each once."""
    members, ats = [start.member], [start.at]
    ends = np.broadcast_to(until, len(start))
    for moments in found:
        if isinstance(moments, Points):
            number = np.searchsorted(start.member, moments.member)
            at = moments.at
        else:
            instants = np.unique(moments)
            number = np.repeat(np.arange(len(start)), len(instants))
            at = np.tile(instants, len(start))
        kept = (at > start.at[number]) & (at < ends[number]) & (at <= END)
        members.append(start.member[number[kept]])
        ats.append(at[kept])
    member, at = np.concatenate(members), np.concatenate(ats)
    place = np.lexsort((at, member))
    member, at = member[place], at[place]
    kept = changing(member, at)
    return Points(member[kept], at[kept])

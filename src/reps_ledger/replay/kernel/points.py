"""The kernel: conditions and measures of any members at any instants, by binary search.

This is the general lowering. It answers whatever the policy language can ask, at any query
points; `masks` answers what most conditions ask, at all review dates at once, and comes here for
the rest. Each kind of condition, of measure and of window has a function that lowers it to
arrays, in three tables at the end. The tables are kept apart from what the kinds say about
themselves on purpose: the reference evaluator runs those, and comparing two of anything is worth
something only as long as neither is made from the other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from attrs import frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition, Leaf, fold
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.facts import Facts
from reps_ledger.policies.language.measures import Compare, Measure, Tenure, TimeSince
from reps_ledger.policies.language.people import (
    Accepted,
    Affiliated,
    Completed,
    Exempt,
    Held,
    Holds,
    InCommunity,
    IsMember,
    Joined,
    OnLeave,
    OnOrAfter,
    Retired,
    WithAccount,
)
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
from reps_ledger.replay.columns.model import MISSING, Columns, Instants, Table, Truths, Value
from reps_ledger.replay.kernel.algebra import truth_algebra
from reps_ledger.replay.kernel.arrays import (
    BEGINNING,
    END,
    FOREVER,
    Integers,
    Intervals,
    Points,
    Rows,
    expand_ranges,
    next_after,
)
from reps_ledger.replay.kernel.decisions import Decisions, decisions_of, outcomes_decided
from reps_ledger.replay.kernel.histories import Histories, is_value, take_or
from reps_ledger.replay.kernel.pausing import PausedClock
from reps_ledger.replay.kernel.selections import Bounds, SelectedRows, select, select_body
from reps_ledger.replay.kernel.values import NEVER, Counts, Fractions, Shares, Since, Sums, Values


@frozen(eq=False)
class Past:
    """What the policy said of points at the review before.

    Attributes:
        outcome: the place of the outcome among the policy's; -1 where there was no review before.
        since: since when it has been that.
    """

    outcome: Integers
    since: Instants


@frozen(eq=False)
class Kernel:
    """Answers conditions and measures of a policy, of any members at any instants.

    Attributes:
        histories: of everyone.
        policy: the name of the policy: exemptions and notices are of a policy.
        outcomes: its outcomes.
        decisions: what people decided under it, where that is the previous outcome of whoever is asked
            without a `Past`; None where it is not known then.
    """

    histories: Histories
    policy: str = ""
    outcomes: tuple[str, ...] = ()
    decisions: Decisions | None = None

    @classmethod
    def of_record(cls, histories: Histories, policy: str, outcomes: tuple[str, ...]) -> Kernel:
        """Return the kernel for which the previous outcome is that of the last recorded decision.

        Args:
            histories: of everyone.
            policy: the name of the policy.
            outcomes: its outcomes; those that people decided beside them are added.
        """
        outcomes = tuple(dict.fromkeys((*outcomes, *outcomes_decided(histories.columns))))
        found = histories.once(
            ("decisions", policy, outcomes), lambda: decisions_of(histories.columns, policy, outcomes)
        )
        return cls(histories, policy, outcomes, found)

    def holds(self, condition: Condition, points: Points, past: Past | None = None) -> Truths:
        """Return, for each point, whether a condition holds.

        Args:
            condition: which.
            points: where it is asked.
            past: what the policy said of these points before; None where that is not known.

        Raises:
            InvalidPolicy: it asks for what columns do not hold, or for an unknown past.
        """
        query = Query(self, points, past)
        return fold(condition, truth_algebra(query.holds))

    def measured(self, measure: Measure, points: Points, past: Past | None = None) -> Values:
        """Return the value of a measure at each point; see `holds`."""
        return Query(self, points, past).measured(measure)

    def bounds(self, window: Window, points: Points) -> Bounds:
        """Return the window around each point."""
        return WINDOWS_LOWERED[type(window)](window, points, self)

    def selected(self, facts: Facts) -> SelectedRows:
        """Return the rows of a selection."""
        key = ("selected", facts, self.policy_in(facts))
        return self.histories.once(
            key, lambda: select(facts, self.histories.columns, self.histories.spans, self.holds)
        )

    def selected_body(self, facts: Facts, community: str | None) -> SelectedRows:
        """Return the rows of a selection of everybody's facts; of a community's, or all."""
        key = ("body", facts, community, self.policy_in(facts))
        return self.histories.once(
            key,
            lambda: select_body(facts, community, self.histories.columns, self.histories.spans, self.holds),
        )

    def policy_in(self, facts: Facts) -> Hashable:
        """Return what tells policies apart where the rows of a selection may depend on it."""
        return (self.policy, self.decisions is None) if facts.who or facts.now else None


@frozen(eq=False)
class Query:
    """What a leaf is asked: of which members at which instants, in which kernel.

    Attributes:
        kernel: of everyone's histories, and of a policy.
        points: where it is asked.
        past: what the policy said of these points before; None where that is not known.
    """

    kernel: Kernel
    points: Points
    past: Past | None

    @property
    def histories(self) -> Histories:
        """Everyone's histories."""
        return self.kernel.histories

    def holds(self, leaf: Leaf) -> Truths:
        """Return, for each point, whether a condition without conditions below it holds."""
        return CONDITIONS_LOWERED[type(leaf)](leaf, self)

    def measured(self, measure: Measure) -> Values:
        """Return the value of a measure at each point."""
        return MEASURES_LOWERED[type(measure)](measure, self)

    def known_past(self) -> Past:
        """Return what the policy said before.

        Raises:
            InvalidPolicy: of others, of whom a condition within a condition is asked, a run
                does not know it.
        """
        if self.past is not None:
            return self.past
        if self.kernel.decisions is None:
            raise InvalidPolicy(
                "a condition on the previous outcome of other people, or of a body's members, "
                "cannot be backtested; evaluate the policy at each date instead"
            )
        return Past(*self.kernel.decisions.before(self.points))


# Windows


def _always(_: Always, points: Points, __: Kernel) -> Bounds:
    return Bounds(np.full(len(points), BEGINNING), points.at)


def _rolling(window: Rolling, points: Points, kernel: Kernel) -> Bounds:
    before = _before(points, kernel.histories, pausing=window.pausing)(window.width)
    start = np.where(before < END, before + 1, END)
    if window.ahead is None:
        return Bounds(start, points.at)
    return Bounds(start, points.at, kernel.histories.calendar.after(points.at, window.ahead))


def _between(window: Between, points: Points, kernel: Kernel) -> Bounds:
    calendar = kernel.histories.calendar
    start = BEGINNING if window.since is None else calendar.start_of(window.since)
    end = END if window.until is None else calendar.end_of(window.until)
    return Bounds(np.full(len(points), start), np.minimum(points.at, end))


def _this(window: This, points: Points, kernel: Kernel) -> Bounds:
    return Bounds(kernel.histories.calendar.period_start(points.at, window.period), points.at)


def _since_last(window: SinceLast, points: Points, kernel: Kernel) -> Bounds:
    return Bounds(_anchor(kernel.selected(window.facts), points, "last"), points.at)


def _following(window: Following, points: Points, kernel: Kernel) -> Bounds:
    anchor = _anchor(kernel.selected(window.facts), points, window.which)
    there = anchor < NEVER
    ends = kernel.histories.calendar.after(np.where(there, anchor, 0), window.width) - 1
    return Bounds(anchor, np.where(there, np.minimum(points.at, ends), points.at))


def _preceding(window: Preceding, points: Points, kernel: Kernel) -> Bounds:
    anchor = _anchor(kernel.selected(window.before), points, window.which)
    there = anchor < NEVER
    end = np.where(there, anchor, 0)
    first = kernel.histories.calendar.before(end, window.width) + 1
    return Bounds(np.where(there, first, NEVER), end)


def _anchor(selected: SelectedRows, points: Points, which: str) -> Instants:
    """Return when something first or last happened, for each point; `NEVER` if it had not yet."""
    found = np.full(len(points), NEVER, np.int64)
    if selected.is_plain:
        rows = selected.plain
        low, high = rows.between(points.member, BEGINNING, points.at)
        there = high > low
        row = low if which == "first" else high - 1
        found[there] = rows.at[row[there]]
        return found
    number, row = selected.seen(points, Bounds(BEGINNING, points.at))
    if which == "first":
        number, row = number[::-1], row[::-1]
    # Of several for one point NumPy keeps the last that is assigned.
    found[number] = selected.rows.at[row]
    return found


def _before(points: Points, histories: Histories, *, pausing: bool = False) -> Callable[[Width], Instants]:
    """Return what tells the instants a width before the points.

    With ``pausing`` the clock stands still while somebody is on leave.
    """

    def before(width: Width) -> Instants:
        if pausing:
            return PausedClock.of(histories, width).before(points, width)
        return histories.calendar.before(points.at, width)

    return before


# Measures


def _count(measure: Count, query: Query) -> Counts:
    bounds = query.kernel.bounds(measure.within, query.points)
    return Counts(query.kernel.selected(measure.facts).count(query.points, bounds))


def _distinct(measure: Distinct, query: Query) -> Counts:
    points, histories = query.points, query.histories
    selected = query.kernel.selected(measure.facts)
    number, row = selected.seen(points, query.kernel.bounds(measure.within, points))
    if measure.period is not None:
        codes = histories.calendar.period_numbers(selected.rows.at, measure.period)[row]
    elif measure.name is not None:
        number, codes = _field_values(selected, measure.name, number, row, query.kernel)
    else:
        name = measure.organisation_of or ""
        number, codes = _organisations(selected, name, number, row, histories)
    if not len(number):
        return Counts(np.zeros(len(points), np.int64))
    step = int(codes.max()) + 1
    pairs = np.unique(number * step + codes)
    return Counts(np.bincount(pairs // step, minlength=len(points)))


def _field_values(
    selected: SelectedRows, name: str, number: Integers, row: Integers, kernel: Kernel
) -> tuple[Integers, Integers]:
    """Return the values that rows have in a field, as codes; of a list, each of its items."""
    histories = kernel.histories
    key = ("values", selected.facts, name, kernel.policy_in(selected.facts))
    codes, values = histories.once(key, lambda: selected.values(name, histories.columns))
    mine = codes[row]
    number, mine = number[mine >= 0], mine[mine >= 0]
    several = [value if isinstance(value, tuple) else (value,) for value in values]
    numbers: dict[tuple[bool, Value], int] = {}  # True is not 1, though they are equal
    flat = [numbers.setdefault((type(item) is bool, item), len(numbers)) for each in several for item in each]
    lengths = np.array([len(each) for each in several], np.int64)
    ends = np.cumsum(lengths, dtype=np.int64)
    if not len(mine):
        return number, mine
    which, place = expand_ranges((ends - lengths)[mine], ends[mine])
    return number[which], np.array(flat, np.int64)[place]


def _organisations(
    selected: SelectedRows, name: str, number: Integers, row: Integers, histories: Histories
) -> tuple[Integers, Integers]:
    """Return the organisations of the people whom rows name, when they happened, as codes.

    Whoever has none counts as one of their own.
    """
    who = selected.people(name, histories.columns)[row]
    there = who >= 0
    number, who, at = number[there], who[there], selected.rows.at[row][there]
    which, interval = histories.intervals("affiliation.started").containing(Points(who, at))
    alone = np.ones(len(who), bool)
    alone[which] = False
    table = histories.columns.table("affiliation.started")
    own = len(table.fields["organisation"].values)
    return (
        np.concatenate([number[which], number[alone]]),
        np.concatenate([histories.organisation_codes[interval], who[alone] + own]),
    )


def _total(measure: Total, query: Query) -> Sums:
    points = query.points
    selected = query.kernel.selected(measure.facts)
    number, row = selected.seen(points, query.kernel.bounds(measure.within, points))
    parts = [table.numbers.get(measure.name, np.full(len(table), np.nan)) for table in selected.tables]
    amounts = np.concatenate(parts)[selected.rows.index][row]
    told = ~np.isnan(amounts)
    return Sums(len(points), number[told], amounts[told])


def _time_since(measure: TimeSince, query: Query) -> Since:
    since = _anchor(query.kernel.selected(measure.facts), query.points, measure.which)
    before = _before(query.points, query.histories, pausing=measure.pausing)
    return Since(since, before, measure.endless)


def _tenure(measure: Tenure, query: Query) -> Since:
    points, histories = query.points, query.histories
    if measure.role is None:
        joined = histories.joined[points.member]
        since = np.where(joined <= points.at, joined, NEVER)
    else:
        held = histories.merged_roles(measure.role, measure.community)
        since = held.earliest_start(points, NEVER)
    return Since(since, _before(points, histories), measure.endless)


def _in_outcome(measure: InOutcome, query: Query) -> Since:
    past = query.known_past()
    since = np.where(past.outcome >= 0, past.since, NEVER)
    return Since(since, _before(query.points, query.histories), measure.endless)


def _missed(measure: Missed, query: Query) -> Counts:
    """Go through the opportunities from the last one back, all points at once."""
    points, histories = query.points, query.histories
    members, where = np.unique(points.member, return_inverse=True)
    where = where.reshape(-1)
    held = histories.columns.table("opportunity.held")
    order = np.lexsort((held.order, held.at))
    since = _missing_since(measure, points, histories)
    counting = np.ones(len(points), bool)
    found = np.zeros(len(points), np.int64)
    for row in order[::-1].tolist():
        if _value(held, "kind", row) != measure.kind:
            continue
        if measure.community not in {None, _value(held, "community", row)}:
            continue
        at = int(held.at[row])
        seen = counting & (points.at >= at)
        opportunity = _value(held, "opportunity", row)
        taken = _taken(opportunity, measure.kind, members, histories.columns)[where] <= points.at
        counting &= ~(seen & (taken | (at < since)))
        could = _could_take(measure, members, at, histories)[where]
        found += counting & seen & could
    return Counts(found)


def _value(table: Table, name: str, row: int) -> Value | None:
    coded = table.fields[name]
    code = int(coded.codes[row])
    return None if code < 0 else coded.values[code]


def _taken(opportunity: Value | None, kind: str, members: Integers, columns: Columns) -> Instants:
    """Return when each member took an opportunity of a kind, or `FOREVER`."""
    table = columns.table("opportunity.taken")
    coded = table.fields["opportunity"]
    found = np.full(len(columns.people), FOREVER, np.int64)
    if opportunity in coded.values:
        of_kind = table.fields["kind"].matching(lambda each: each == kind) | (table.fields["kind"].codes < 0)
        rows = np.flatnonzero((coded.codes == coded.values.index(opportunity)) & of_kind)
        np.minimum.at(found, table.persons["member"][rows], table.at[rows])
    return found[members]


def _could_take(measure: Missed, members: Integers, at: int, histories: Histories) -> Truths:
    """Return which members could have taken what was held then."""
    then = Points(members, np.full(len(members), at))
    could = (histories.joined[members] <= at) & ~histories.intervals("leave.started").holds_at(then)
    if measure.role is not None:
        could &= histories.role_intervals(measure.role, None).holds_at(then)
    return could


def _missing_since(measure: Missed, points: Points, histories: Histories) -> Instants:
    """Return since when each held the role, or last held it: what they missed before is past."""
    found = np.full(len(points), BEGINNING, np.int64)
    if measure.role is None:
        return found
    merged = histories.merged_roles(measure.role, None)
    low, high = merged.rows.between(points.member, BEGINNING, points.at)
    there = high > low
    found[there] = merged.rows.at[high[there] - 1]
    return found


def _share(measure: Share, query: Query) -> Shares:
    points = query.points
    bounds = query.kernel.bounds(measure.own.within, points)
    own = query.measured(measure.own)
    assert isinstance(own, Counts)  # noqa: S101 — a share's own measure counts
    # A total is the same for all members whose windows are: count it once for each window.
    ahead = np.full(len(points), -1) if bounds.ahead is None else bounds.ahead
    start = np.broadcast_to(bounds.start, len(points))
    windows = np.stack([points.at, start, bounds.end, ahead])
    different, where = np.unique(windows, axis=1, return_inverse=True)
    at, start, end, ahead = different
    body = query.kernel.selected_body(measure.of, measure.community)
    totals = body.count(
        Points(np.zeros(len(at), np.int64), at), Bounds(start, end, None if bounds.ahead is None else ahead)
    )
    return Shares(own.values, totals[where.reshape(-1)], measure.at_most)


def _members(measure: Members, query: Query) -> Counts:
    different, where = np.unique(query.points.at, return_inverse=True)
    found = [len(_among(measure.among, at, query.kernel)) for at in different.tolist()]
    return Counts(np.array(found, np.int64)[where.reshape(-1)])


def _largest_share(measure: LargestShare, query: Query) -> Fractions:
    histories = query.histories
    different, where = np.unique(query.points.at, return_inverse=True)
    parts = []
    for at in different.tolist():
        body = _among(measure.among, at, query.kernel)
        number, interval = histories.intervals("affiliation.started").containing(body)
        codes = histories.organisation_codes[interval]
        pairs = np.unique(np.stack([number, codes]), axis=1)
        largest = int(np.bincount(pairs[1]).max(initial=0)) if pairs.shape[1] else 0
        parts.append(Fraction(largest, len(body)) if len(body) else Fraction())
    return Fractions(parts, where.reshape(-1))


def _among(condition: Condition | None, at: int, kernel: Kernel) -> Points:
    """Return the members at an instant, or those of whom a condition held then."""
    members = np.flatnonzero(kernel.histories.joined <= at)
    points = Points(members, np.full(len(members), at))
    if condition is None:
        return points
    holds = kernel.holds(condition, points)
    return Points(members[holds], points.at[holds])


# Conditions


def _compare(leaf: Compare, query: Query) -> Truths:
    return query.measured(leaf.measure).compared(leaf.operator, leaf.threshold)


def _on_or_after(leaf: OnOrAfter, query: Query) -> Truths:
    return query.points.at >= query.histories.calendar.start_of(leaf.day)


def _previously(leaf: Previously, query: Query) -> Truths:
    past = query.known_past()
    outcomes = query.kernel.outcomes
    wanted = [place for place, outcome in enumerate(outcomes) if outcome in leaf.outcomes]
    return np.isin(past.outcome, wanted)


def _has_held(leaf: Held, query: Query) -> Truths:
    return query.histories.role_intervals(leaf.role, leaf.community).begun_by(query.points)


def _with_account(leaf: WithAccount, query: Query) -> Truths:
    points, histories = query.points, query.histories
    found = histories.intervals("account.linked", provider=leaf.provider).holds_at(points)
    if leaf.provider is None:  # an account of the programme itself will do
        found |= histories.joined_with_account[points.member] <= points.at
    return found


@frozen(eq=False)
class Notices:
    """The notices that a condition asks for, by member and time.

    Attributes:
        rows: whose each is, and when it was sent.
        columns: of everybody.
        acts: of everybody.
    """

    rows: Rows
    columns: Columns
    acts: Callable[[], Rows]

    @cached_property
    def deadline(self) -> Instants:
        """By when each was to be answered; `MISSING` for none."""
        return self.columns.table("notice.sent").instants["deadline"][self.rows.index]

    @cached_property
    def answered(self) -> Instants:
        """When each was first answered by whom it was sent to, or `FOREVER`."""
        return _answered(self.rows, self.columns)

    @cached_property
    def acted(self) -> Instants:
        """When each one's member next acted, or `FOREVER`."""
        return next_after(self.rows, self.acts())


def notices_of(leaf: Noticed, kernel: Kernel) -> Notices:
    """Return the notices that a condition asks for, whatever it asks of them."""
    policy, histories = leaf.policy or kernel.policy, kernel.histories

    def make() -> Notices:
        rows = _notices(histories.columns.table("notice.sent"), policy, leaf.stage)
        return Notices(rows, histories.columns, lambda: histories.acts)

    return histories.once(("notices", policy, leaf.stage), make)


def _noticed(leaf: Noticed, query: Query) -> Truths:
    points, histories = query.points, query.histories
    notices = notices_of(leaf, query.kernel)
    rows = notices.rows
    low, high = rows.between(points.member, BEGINNING, points.at)
    found = high > low
    row = np.where(found, high - 1, 0)  # the last notice by then
    if not len(rows):
        return found
    if leaf.ago is not None:
        found &= rows.at[row] <= histories.calendar.before(points.at, leaf.ago)
    if leaf.overdue:
        deadline = notices.deadline[row]
        found &= (deadline != MISSING) & (deadline <= points.at)
    if leaf.heard is True:
        found &= notices.answered[row] <= points.at
    elif leaf.heard is False:
        found &= notices.acted[row] > points.at
    return found


def _notices(table: Table, policy: str, stage: str | None) -> Rows:
    kept = is_value(table, "policy", policy)
    if stage is not None:
        kept &= is_value(table, "stage", stage)
    return Rows.sorted(np.where(kept, table.persons["member"], -1), table.at, table.order)


def _answered(rows: Rows, columns: Columns) -> Instants:
    """Return when each notice was first answered by whom it was sent to, or `FOREVER`."""
    sent = columns.table("notice.sent").fields["notice"]
    table = columns.table("notice.answered")
    answered = table.fields["notice"]
    same = {value: code for code, value in enumerate(sent.values)}
    codes = np.array([same.get(value, -1) for value in answered.values] + [-1])[answered.codes]
    step = len(sent.values) + 1
    keys = table.persons["member"].astype(np.int64) * step + codes
    place = np.lexsort((table.at, keys))
    keys, at = keys[place], table.at[place]
    wanted = rows.member * step + sent.codes[rows.index]
    first = np.searchsorted(keys, wanted, "left")
    there = np.minimum(first, max(len(keys) - 1, 0))
    found = np.full(len(rows), FOREVER, np.int64)
    if len(keys):
        mine = (first < len(keys)) & (keys[there] == wanted)
        found[mine] = at[there[mine]]
    return found


def _since_joined(leaf: Joined, kernel: Kernel) -> Instants:
    histories = kernel.histories
    table = histories.columns.table("member.joined")
    when = histories.joined
    kept = np.ones(len(when), bool)
    if leaf.kind is not None:
        kept &= take_or(is_value(table, "kind", leaf.kind), histories.joining, none=False)
    if leaf.before is not None:
        kept &= when < histories.calendar.start_of(leaf.before)
    if leaf.since is not None:
        kept &= when >= histories.calendar.start_of(leaf.since)
    return np.where(kept, when, FOREVER)


def _since_completed(leaf: Completed, kernel: Kernel) -> Instants:
    table = kernel.histories.columns.table("course.completed")
    kept = is_value(table, "course", leaf.course)
    if leaf.version is not None:
        kept &= is_value(table, "version", leaf.version)
    return kernel.histories.first_time(table, kept)


STARTS: Final[Mapping[type[Leaf], Callable[[Any, Kernel], Instants]]] = MappingProxyType(
    {Completed: _since_completed, IsMember: lambda _, kernel: kernel.histories.joined, Joined: _since_joined}
)
"""Conditions that hold from some instant on, for ever: what tells it, for each person.

`FOREVER` for those of whom it never holds.
"""

INTERVALS: Final[Mapping[type[Leaf], Callable[[Any, Kernel], Intervals]]] = MappingProxyType(
    {
        Accepted: lambda leaf, kernel: kernel.histories.intervals(
            "agreement.accepted", agreement=leaf.agreement, version=leaf.version
        ),
        Affiliated: lambda leaf, kernel: kernel.histories.intervals(
            "affiliation.started", organisation=leaf.organisation, kind=leaf.kind
        ),
        Exempt: lambda leaf, kernel: kernel.histories.intervals(
            "exemption.granted", policy=leaf.policy or kernel.policy
        ),
        Holds: lambda leaf, kernel: kernel.histories.role_intervals(leaf.role, leaf.community),
        InCommunity: lambda leaf, kernel: kernel.histories.community_intervals(leaf.community),
        OnLeave: lambda _, kernel: kernel.histories.intervals("leave.started"),
        Retired: lambda leaf, kernel: kernel.histories.intervals("member.retired", how=leaf.how),
    }
)
"""Conditions that hold while something lasts: what tells when that is, of everyone."""


def starts(leaf: Leaf, kernel: Kernel) -> Instants:
    """Return since when a condition of `STARTS` holds, of each person."""
    return kernel.histories.once(("starts", leaf), lambda: STARTS[type(leaf)](leaf, kernel))


def intervals(leaf: Leaf, kernel: Kernel) -> Intervals:
    """Return when a condition of `INTERVALS` holds, of everyone."""
    return INTERVALS[type(leaf)](leaf, kernel)


def _has_started(leaf: Leaf, query: Query) -> Truths:
    return starts(leaf, query.kernel)[query.points.member] <= query.points.at


def _lasts(leaf: Leaf, query: Query) -> Truths:
    return intervals(leaf, query.kernel).holds_at(query.points)


CONDITIONS_LOWERED: Final[Mapping[type[Leaf], Callable[[Any, Query], Truths]]] = MappingProxyType(
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
"""How each kind of condition is lowered at points."""

MEASURES_LOWERED: Final[Mapping[type[Measure], Callable[[Any, Query], Values]]] = MappingProxyType(
    {
        Count: _count,
        Distinct: _distinct,
        InOutcome: _in_outcome,
        LargestShare: _largest_share,
        Members: _members,
        Missed: _missed,
        Share: _share,
        Tenure: _tenure,
        TimeSince: _time_since,
        Total: _total,
    }
)
"""How each kind of measure is lowered at points."""

WINDOWS_LOWERED: Final[Mapping[type[Window], Callable[[Any, Points, Kernel], Bounds]]] = MappingProxyType(
    {
        Always: _always,
        Between: _between,
        Following: _following,
        Preceding: _preceding,
        Rolling: _rolling,
        SinceLast: _since_last,
        This: _this,
    }
)
"""How each kind of window is lowered at points."""

PATH_DEPENDENT: Final = frozenset({Previously, InOutcome})
"""The kinds that depend on what the policy said at the date before."""


def is_path_dependent(leaf: Leaf) -> bool:
    """Whether a condition depends on what the policy said at the date before."""
    kind = type(leaf.measure) if isinstance(leaf, Compare) else type(leaf)
    return kind in PATH_DEPENDENT

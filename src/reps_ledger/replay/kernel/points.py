"""Measures of a whole body: the same for all at one instant.

Clocks that stand still during leave, for the few members who were ever on leave.

Opportunities missed in a row, for all points at once, from the last opportunity back.

Measures at points: the general lowering, by binary search, for whatever masks cannot say.

Notices at points: the last one of a stage, how old it is, and what was heard since.

Conditions at points: each kind of leaf, asked of arrays of members and instants.

Selections of facts in columns: which rows count, and which of them are seen from a point.

The kernel: policies over columns, at any members and instants, with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from attrs import define, field, frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language import widths
from reps_ledger.policies.language.conditions import AllOf, AnyOf, AtLeast, Condition, Leaf, Not
from reps_ledger.policies.language.measures import (
    Compare,
    Count,
    Distinct,
    Measure,
    Tenure,
    TimeSince,
    Total,
    compare,
)
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
from reps_ledger.replay.columns import MISSING, Columns, Table
from reps_ledger.replay.kernel.arrays import (
    BEGINNING,
    END,
    Calendar,
    Codes,
    Instants,
    Points,
    Rows,
    Stretches,
    Truths,
    moment,
    ragged,
)
from reps_ledger.replay.kernel.spans import FOREVER, Accounts, Spans, spans_of

if TYPE_CHECKING:
    from reps_ledger.policies.language.facts import Facts, Filter
    from reps_ledger.policies.language.widths import Width

__all__ = [
    "Kernel",
    "Past",
    "Selected",
    "acts_of",
    "bounds",
    "compared",
    "counts",
    "largest_shares",
    "leaf_holds",
    "member_counts",
    "missed_counts",
    "noticed",
    "paused_before",
    "select",
    "stretches_of",
    "suffix_of",
]


def _meant(measure: LargestShare | Members, at: int, kernel: Kernel) -> Points:
    """Return the members who are meant then."""
    members = np.flatnonzero(kernel.joined <= at)
    points = Points(members, np.full(len(members), at))
    if measure.among is None:
        return points
    holds = kernel.holds(measure.among, points)
    return Points(members[holds], points.at[holds])


def member_counts(measure: Members, points: Points, kernel: Kernel) -> Codes:
    """Return how many members there are, for each point."""
    different, where = np.unique(points.at, return_inverse=True)
    found = [len(_meant(measure, at, kernel)) for at in different.tolist()]
    return np.array(found, np.int64)[where.reshape(-1)]


def largest_shares(
    measure: LargestShare, points: Points, kernel: Kernel
) -> tuple[list[Fraction], Codes]:
    """Return the part of the largest organisation at each different instant, and which is whose."""
    different, where = np.unique(points.at, return_inverse=True)
    parts = []
    for at in different.tolist():
        meant = _meant(measure, at, kernel)
        number, row = kernel.stretches("affiliation.started").standing(meant)
        codes = kernel.organisation_codes[row]
        pairs = np.unique(np.stack([number, codes]), axis=1)
        largest = int(np.bincount(pairs[1]).max(initial=0)) if pairs.shape[1] else 0
        parts.append(Fraction(largest, len(meant)) if len(meant) else Fraction())
    return parts, where.reshape(-1)


def paused_before(kernel: Kernel, points: Points, width: Width) -> Instants:
    """Return the instants such that the clock ran for just so long between them and points."""
    found = np.array(kernel.calendar.before(points.at, width))
    leave = kernel.leave
    for point in np.flatnonzero(np.isin(points.member, list(leave))).tolist():
        at = moment(points.at[point])
        own = leave[int(points.member[point])]
        reach = widths.paused_before(own, width, at, kernel.calendar.zone)
        found[point] = microseconds(reach)
    return found


def missed_counts(measure: Missed, points: Points, kernel: Kernel) -> Codes:
    """Return how many opportunities were missed in a row, for each point."""
    members, where = np.unique(points.member, return_inverse=True)
    where = where.reshape(-1)
    held = kernel.columns.table("opportunity.held")
    order = np.lexsort((held.order, held.at))
    since = _since_missed(measure, points, kernel)
    counting = np.ones(len(points), bool)
    found = np.zeros(len(points), np.int64)
    for row in order[::-1].tolist():
        if not _is_meant(measure, held, row):
            continue
        at = int(held.at[row])
        seen = counting & (points.at >= at)
        taken = _taken(_value(held, "opportunity", row), members, kernel)[where] <= points.at
        counting &= ~(seen & (taken | (at < since)))
        could = _could(measure, members, at, kernel)[where]
        found += counting & seen & could
    return found


def _is_meant(measure: Missed, held: Any, row: int) -> bool:
    if _value(held, "kind", row) != measure.kind:
        return False
    return measure.community in (None, _value(held, "community", row))


def _value(table: Any, name: str, row: int) -> Any:
    coded = table.fields[name]
    code = int(coded.codes[row])
    return None if code < 0 else coded.values[code]


def _taken(opportunity: Any, members: Codes, kernel: Kernel) -> Codes:
    """Return when each member took it, or `FOREVER`."""
    table = kernel.columns.table("opportunity.taken")
    coded = table.fields["opportunity"]
    found = np.full(len(kernel.columns.people), FOREVER, np.int64)
    if opportunity in coded.values:
        rows = np.flatnonzero(coded.codes == coded.values.index(opportunity))
        np.minimum.at(found, table.persons["member"][rows], table.at[rows])
    return found[members]


def _could(measure: Missed, members: Codes, at: int, kernel: Kernel) -> Any:
    """Return who could have taken what was held then."""
    then = Points(members, np.full(len(members), at))
    could = (kernel.joined[members] <= at) & ~kernel.stretches("leave.started").holding(then)
    if measure.role is not None:
        could &= kernel.role_spans(measure.role, None).holding(then)
    return could


def _since_missed(measure: Missed, points: Points, kernel: Kernel) -> Any:
    """Return since when each held the role, or last held it."""
    found = np.full(len(points), BEGINNING, np.int64)
    if measure.role is None:
        return found
    merged = kernel.merged_roles(measure.role)
    low, high = merged.rows.between(points.member, BEGINNING, points.at)
    there = high > low
    found[there] = merged.rows.at[high[there] - 1]
    return found


_NOTHING = END + 2
"""The start of a window in which nothing lies."""


def bounds(window: Window, points: Points, kernel: Kernel) -> tuple[Any, Any, Any]:
    """Return, for points, the first and last instant that count, and how far ahead to look."""
    at, calendar = points.at, kernel.calendar
    match window:
        case Always():
            return np.full(len(at), BEGINNING), at, None
        case Rolling(width=width, ahead=ahead, pausing=pausing):
            reach = paused_before(kernel, points, width) if pausing else calendar.before(at, width)
            return (
                np.where(reach < END, reach + 1, END),
                at,
                None if ahead is None else calendar.after(at, ahead),
            )
        case Between(since=since, until=until):
            opens = BEGINNING if since is None else calendar.start_of(since)
            closes = END if until is None else calendar.end_of(until)
            return np.full(len(at), opens), np.minimum(at, closes), None
        case This(period=period):
            return calendar.period_start(at, period), at, None
        case SinceLast(facts=facts):
            anchor = _anchor(kernel.selected(facts), points, "last")
            return anchor, at, None
        case Following(facts=facts, width=width, which=which):
            anchor = _anchor(kernel.selected(facts), points, which)
            there = anchor < _NOTHING
            ends = calendar.after(np.where(there, anchor, 0), width) - 1
            return anchor, np.where(there, np.minimum(at, ends), at), None
        case Preceding(before=facts, width=width, which=which):
            anchor = _anchor(kernel.selected(facts), points, which)
            there = anchor < _NOTHING
            known = np.where(there, anchor, 0)
            first = calendar.before(known, width) + 1
            return np.where(there, first, _NOTHING), known, None
    raise AssertionError(window)  # pragma: no cover — there is no other


def _anchor(selected: Selected, points: Points, which: str) -> Any:
    """Return when something first or last happened, or an instant after every other."""
    found = np.full(len(points), _NOTHING, np.int64)
    if selected.is_plain:
        rows = selected.plain
        low, high = rows.between(points.member, BEGINNING, points.at)
        there = high > low
        row = low if which == "first" else high - 1
        found[there] = rows.at[row[there]]
        return found
    number, row = selected.seen(points, BEGINNING, points.at)
    if which == "first":
        number, row = number[::-1], row[::-1]
    found[number] = selected.rows.at[row]  # of several for one point, the last is kept
    return found


def compared(leaf: Compare, points: Points, kernel: Kernel, past: Past | None) -> Truths:
    """Return, for points, whether a comparison holds."""
    measure, operator, threshold = leaf.measure, leaf.operator, leaf.threshold
    match measure:
        case TimeSince() | Tenure() | InOutcome():
            return _clock(measure, operator, threshold, points, kernel, past)
        case Total():
            return _totals(measure, operator, threshold, points, kernel)
        case Share(own=own):
            values = counts(own, points, kernel)
            return _shares(measure, values, operator, threshold, points, kernel)
        case LargestShare():
            parts, where = largest_shares(measure, points, kernel)
            limit = Fraction(str(threshold))
            return np.array([compare(part, operator, limit) for part in parts], bool)[where]
    return np.asarray(compare_arrays(counts(measure, points, kernel), operator, threshold))


def compare_arrays(values: Any, operator: str, threshold: Any) -> Any:
    """Compare arrays, element by element."""
    match operator:
        case "at_least":
            return values >= threshold
        case "more_than":
            return values > threshold
        case "at_most":
            return values <= threshold
        case "less_than":
            return values < threshold
    return values == threshold


def counts(measure: Measure, points: Points, kernel: Kernel) -> Codes:
    """Return the value of a measure that counts."""
    match measure:
        case Count(facts=facts, within=within):
            return kernel.selected(facts).count(points, *bounds(within, points, kernel))
        case Distinct():
            return _distinct(measure, points, kernel)
        case Missed():
            return missed_counts(measure, points, kernel)
        case Members():
            return member_counts(measure, points, kernel)
    raise AssertionError(measure)  # pragma: no cover — there is no other


def _distinct(measure: Distinct, points: Points, kernel: Kernel) -> Codes:
    selected = kernel.selected(measure.facts)
    number, row = selected.seen(points, *bounds(measure.within, points, kernel))
    if measure.period is not None:
        codes = kernel.calendar.periods(selected.rows.at, measure.period)[row]
    elif measure.name is not None:
        number, codes = kernel.field_values(selected, measure.name, number, row)
    else:
        number, codes = kernel.organisations(selected, measure.organisation_of or "", number, row)
    if not len(number):
        return np.zeros(len(points), np.int64)
    pairs = np.unique(number * (int(codes.max()) + 1) + codes)
    return np.bincount(pairs // (int(codes.max()) + 1), minlength=len(points))


def _totals(
    measure: Total, operator: str, threshold: Any, points: Points, kernel: Kernel
) -> Truths:
    """Compare sums; those too close to call in floating point are added up exactly."""
    selected = kernel.selected(measure.facts)
    number, row = selected.seen(points, *bounds(measure.within, points, kernel))
    parts = [table.numbers.get(measure.name) for table in selected.tables]
    every = np.concatenate(
        [
            np.full(len(table.at), np.nan) if part is None else part
            for part, table in zip(parts, selected.tables, strict=True)
        ]
    )
    amounts = every[selected.rows.index][row]
    told = ~np.isnan(amounts)
    number, amounts = number[told], amounts[told]
    sums = np.bincount(number, weights=amounts, minlength=len(points))
    sizes = np.bincount(number, weights=np.abs(amounts), minlength=len(points))
    found = np.asarray(compare_arrays(sums, operator, float(threshold)))
    terms = np.bincount(number, minlength=len(points))
    doubt = np.abs(sums - float(threshold)) <= sizes * (terms + 2) * 2.0**-52
    limit = Fraction(threshold)
    for point in np.flatnonzero(doubt):
        exact = sum((Fraction(x) for x in amounts[number == point].tolist()), Fraction())
        found[point] = compare(exact, operator, limit)
    return found


def _shares(  # noqa: PLR0917 — one comparison, with all that it takes
    measure: Share, values: Codes, operator: str, threshold: Any, points: Points, kernel: Kernel
) -> Truths:
    """Compare counts with a part of everyone's total, point by different point."""
    found = np.zeros(len(points), bool)
    start, end, ahead = bounds(measure.own.within, points, kernel)
    window = np.stack([np.broadcast_to(start, len(points)), np.broadcast_to(end, len(points))])
    reach = np.full(len(points), -1) if ahead is None else ahead
    different, where = np.unique(np.vstack([points.at, window, reach]), axis=1, return_inverse=True)
    where = where.reshape(-1)
    for index in range(different.shape[1]):
        at, first, last, far = different[:, index].tolist()
        total = kernel.total(measure, at, first, last, None if ahead is None else far)
        part = Fraction(str(threshold)) * total
        if measure.at_most is not None:
            part = min(part, Fraction(measure.at_most))
        here = where == index
        found[here] = _against(values[here], operator, part)
    return found


def _against(values: Codes, operator: str, part: Fraction) -> Truths:
    """Compare whole numbers with a fraction, exactly."""
    return np.asarray(compare_arrays(values * part.denominator, operator, part.numerator), bool)


def _clock(  # noqa: PLR0917 — one comparison, with all that it takes
    measure: TimeSince | Tenure | InOutcome,
    operator: str,
    width: Any,
    points: Points,
    kernel: Kernel,
    past: Past | None,
) -> Truths:
    since, endless = _since(measure, points, kernel, past)
    pausing = isinstance(measure, TimeSince) and measure.pausing
    reach = _reach(points, width, kernel, pausing=pausing)
    # The longer ago, the longer the time: the comparison of instants runs the other way.
    found = np.asarray(compare_arrays(reach, operator, since))
    none = since >= _NOTHING
    found[none] = endless == (operator in {"at_least", "more_than"})
    return found


def _reach(points: Points, width: Width, kernel: Kernel, *, pausing: bool) -> Any:
    if pausing:
        return paused_before(kernel, points, width)
    return kernel.calendar.before(points.at, width)


def _since(
    measure: TimeSince | Tenure | InOutcome, points: Points, kernel: Kernel, past: Past | None
) -> tuple[Any, bool]:
    """Return since when, or an instant after every other; and whether none is endless."""
    if isinstance(measure, TimeSince):
        return _anchor(kernel.selected(measure.facts), points, measure.which), True
    if isinstance(measure, InOutcome):
        past = kernel.must_be_own(past)
        return np.where(past.outcome >= 0, past.since, _NOTHING), False
    if measure.role is None:
        joined = kernel.joined[points.member]
        return np.where(joined <= points.at, joined, _NOTHING), False
    spans = kernel.role_spans(measure.role, measure.community)
    return spans.earliest(points, _NOTHING), False


def noticed(leaf: Noticed, points: Points, kernel: Kernel) -> Truths:
    """Return, for points, whether the last notice is as a condition says."""
    table = kernel.columns.table("notice.sent")
    kept = kernel.is_value(table, "policy", leaf.policy or kernel.policy)
    if leaf.stage is not None:
        kept &= kernel.is_value(table, "stage", leaf.stage)
    rows = Rows.sorted(np.where(kept, table.persons["member"], -1), table.at, table.order)
    low, high = rows.between(points.member, BEGINNING, points.at)
    found = high > low
    row = np.where(found, high - 1, 0)
    if not len(rows):
        return found
    if leaf.ago is not None:
        found &= rows.at[row] <= kernel.calendar.before(points.at, leaf.ago)
    if leaf.overdue:
        deadline = table.instants["deadline"][rows.index]
        found &= (deadline[row] != MISSING) & (deadline[row] <= points.at)
    if leaf.heard is True:
        found &= _answered(rows, kernel)[row] <= points.at
    elif leaf.heard is False:
        found &= _next_act(rows, kernel)[row] > points.at
    return found


def _answered(rows: Rows, kernel: Kernel) -> Codes:
    """Return when each notice was first answered by whom it was sent to, or `FOREVER`."""
    sent = kernel.columns.table("notice.sent").fields["notice"]
    table = kernel.columns.table("notice.answered")
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


def _next_act(rows: Rows, kernel: Kernel) -> Codes:
    """Return when whom each notice was sent to acted next, or `FOREVER`."""
    acts = kernel.acts
    count = len(rows)
    both = Rows.sorted(
        np.concatenate([rows.member, acts.member]),
        np.concatenate([rows.at, acts.at]),
        np.concatenate([rows.order, acts.order]),
    )
    is_act = both.index >= count
    total = len(both)
    nexts = np.where(is_act, np.arange(total), total)
    nexts = np.minimum.accumulate(nexts[::-1])[::-1]
    there = np.minimum(nexts, total - 1)
    mine = (nexts < total) & (both.member[there] == both.member)
    found = np.full(total, FOREVER, np.int64)
    found[both.index] = np.where(mine, both.at[there], FOREVER)
    return found[:count]


def acts_of(kernel: Kernel) -> Rows:
    """Return every act of every member: what is announced, or made by a system, is none."""
    members: list[Any] = []
    ats: list[Any] = []
    orders: list[Any] = []
    for name, table in kernel.columns.tables.items():
        act = kernel.act_of(name)
        if act is None:
            continue
        kept = ~(kernel.flag(table, "passive") | kernel.flag(table, "announced"))
        members.append(np.where(kept, table.persons[act], -1))
        ats.append(table.at)
        orders.append(table.order)
    if not members:
        empty = np.zeros(0, np.int64)
        return Rows.sorted(empty, empty, empty)
    return Rows.sorted(np.concatenate(members), np.concatenate(ats), np.concatenate(orders))


def leaf_holds(leaf: Leaf, points: Points, kernel: Kernel, past: Past | None) -> Truths:
    """Return, for points, whether a condition without conditions below it holds."""
    match leaf:
        case Compare():
            return np.asarray(compared(leaf, points, kernel, past), bool)
        case Noticed():
            return noticed(leaf, points, kernel)
        case OnOrAfter(day=day):
            return np.asarray(points.at >= kernel.calendar.start_of(day))
        case Previously(outcomes=outcomes):
            return _previously(outcomes, kernel, past)
        case Held(role=role, community=community):
            return kernel.role_spans(role, community).begun(points)
        case IsMember():
            return np.asarray(kernel.joined[points.member] <= points.at)
        case Joined() | Completed() | WithAccount():
            begun = suffix_of(leaf, kernel)[points.member] <= points.at
            if isinstance(leaf, WithAccount):
                begun |= stretches_of(leaf, kernel).holding(points)
            return np.asarray(begun)
    return stretches_of(leaf, kernel).holding(points)


def _previously(outcomes: tuple[str, ...], kernel: Kernel, past: Past | None) -> Truths:
    past = kernel.must_be_own(past)
    wanted = [i for i, outcome in enumerate(kernel.outcomes) if outcome in outcomes]
    return np.isin(past.outcome, wanted)


def suffix_of(leaf: Joined | Completed | WithAccount, kernel: Kernel) -> Any:
    """Return from when on a condition holds of each person; after every instant for never."""
    match leaf:
        case Joined(before=before, since=since, kind=kind):
            first = kernel.joining
            kept = np.ones(len(first), bool)
            if kind is not None:
                kept &= kernel.of_first(first, kernel.is_value(_joined(kernel), "kind", kind))
            when = kernel.joined
            if before is not None:
                kept &= when < kernel.calendar.start_of(before)
            if since is not None:
                kept &= when >= kernel.calendar.start_of(since)
            return np.where(kept, when, kernel.never)
        case Completed(course=course, version=version):
            table = kernel.columns.table("course.completed")
            kept = kernel.is_value(table, "course", course)
            if version is not None:
                kept &= kernel.is_value(table, "version", version)
            return kernel.first_time(table, kept)
        case WithAccount(provider=provider):
            kept = kernel.known_accounts.joined & (provider is None)
            return np.where(kept, kernel.joined, kernel.never)
    raise AssertionError(leaf)  # pragma: no cover — there is no other


def _joined(kernel: Kernel) -> Any:
    return kernel.columns.table("member.joined")


def stretches_of(leaf: Leaf, kernel: Kernel) -> Stretches:
    """Return when a condition on something that lasts holds, of everyone."""
    match leaf:
        case Holds(role=role, community=community):
            return kernel.role_spans(role, community)
        case OnLeave():
            return kernel.stretches("leave.started")
        case Retired(how=how):
            return kernel.stretches("member.retired", how=how)
        case Affiliated(organisation=organisation, kind=kind):
            return kernel.stretches("affiliation.started", organisation=organisation, kind=kind)
        case Accepted(agreement=agreement, version=version):
            return kernel.stretches("agreement.accepted", agreement=agreement, version=version)
        case Exempt(policy=policy):
            return kernel.stretches("exemption.granted", policy=policy or kernel.policy)
        case WithAccount(provider=provider):
            return kernel.account_stretches(provider)
        case InCommunity(community=community):
            return _in_community(community, kernel)
    raise AssertionError(leaf)  # pragma: no cover — there is no other


def _in_community(community: str | None, kernel: Kernel) -> Stretches:
    """Return when members joined a community, or held a role in it."""
    found = []
    for name in ("community.joined", "role.assigned"):
        spans = kernel.spans(name)
        if community is None:
            kept = ~kernel.is_value(spans.table, "community", None)
        else:
            kept = kernel.is_value(spans.table, "community", community)
        found.append((np.where(kept, spans.table.persons["member"], -1), spans.start, spans.end))
    member, start, end = (np.concatenate(each) for each in zip(*found, strict=True))
    return Stretches.of(member, start, end)


@frozen(eq=False)
class Selected:
    """The rows that a selection may count, whenever they happened.

    Attributes:
        facts: the selection.
        rows: its rows; ``index`` counts through the tables one after another.
        tables: the tables of its kinds.
        announced: which rows were only announced.
        shown: which rows count once their date has passed.
        verified: when each was verified, or ``MISSING``; None where that does not matter.
        end: when what each began ends; None where that does not matter.
    """

    facts: Facts
    rows: Rows
    tables: tuple[Table, ...]
    announced: Truths
    shown: Truths
    verified: Codes | None
    end: Codes | None

    @property
    def is_plain(self) -> bool:
        """Whether a row is seen from its date on, and that is all."""
        return self.verified is None and self.end is None

    @cached_property
    def plain(self) -> Rows:
        """The rows that count once their date has passed."""
        return self.rows if self.shown.all() else self.rows.only(self.shown)

    def seen(self, points: Points, start: Any, end: Any, ahead: Any = None) -> tuple[Codes, Codes]:
        """Return, for points, each one's number and the rows that count, in effective order."""
        until = end if ahead is None else np.maximum(end, ahead)
        low, high = self.rows.between(points.member, start, until)
        number, row = ragged(low, high)
        at = self.rows.at[row]
        now = points.at[number]
        past = (at <= now) & (at <= _of(end, number)) & self.shown[row]
        if ahead is not None:
            past |= (at > now) & (at <= _of(ahead, number)) & self.announced[row]
        kept = past
        if self.end is not None:
            kept &= self.end[row] > now
        if self.verified is not None:
            verified = self.verified[row]
            told = (verified != MISSING) & (verified <= now)
            kept &= told == bool(self.facts.verified)
        return number[kept], row[kept]

    def count(self, points: Points, start: Any, end: Any, ahead: Any = None) -> Codes:
        """Return how many rows count, for each point."""
        if self.is_plain and ahead is None:
            return self.plain.count(points.member, start, end)
        number, _ = self.seen(points, start, end, ahead)
        return np.bincount(number, minlength=len(points))

    def values(self, name: str, kernel: Kernel) -> tuple[Codes, tuple[Any, ...]]:
        """Return a field's codes for all rows, -1 for none, and the values that they mean."""
        numbers: dict[Any, int] = {}
        found = []
        for table in self.tables:
            values, codes = _coded(table, name, kernel.columns)
            same = [numbers.setdefault((type(v), v), len(numbers)) for v in values]
            found.append(np.array([*same, -1], np.int64)[codes])
        return self.rows.pick(_concatenated(found)), tuple(value for _, value in numbers)

    def people(self, name: str, kernel: Kernel) -> Codes:
        """Return whom each row names in a field; -1 for nobody."""
        every = _concatenated([_person(table, name, kernel.columns) for table in self.tables])
        return np.asarray(self.rows.pick(every))


def _of(value: Any, number: Codes) -> Any:
    return value[number] if isinstance(value, np.ndarray) else value


def _coded(table: Table, name: str, columns: Columns) -> tuple[tuple[Any, ...], Any]:
    """Return a field's different values, and which of them each row has; -1 for none."""
    if name in table.fields:
        coded = table.fields[name]
        return coded.values, coded.codes
    if name in table.persons:
        return columns.people, table.persons[name]
    _must_be_absent(table, name, columns)
    return (), np.full(len(table.at), -1, np.int64)


def _must_be_absent(table: Table, name: str, columns: Columns) -> None:
    """Refuse a field that facts have, but columns do not hold.

    Raises:
        InvalidPolicy: it is one.
    """
    described = columns.registry.named(table.name)
    if described is not None and name in described.names:
        raise InvalidPolicy(
            f"{name!r} of {table.name} is personal text, an instant, or names several people: "
            "columns do not hold it so, and no backtest can go by it"
        )


def select(facts: Facts, kernel: Kernel) -> Selected:
    """Find the rows of a selection."""
    columns = kernel.columns
    tables = tuple(columns.table(kind) for kind in facts.kinds)
    if len(tables) == 1 and facts.person == "member" and "member" in tables[0].persons:
        owner = tables[0].persons["member"]  # rows of a table are in its members' order
        found = _selected(facts, tables, owner, kernel, in_place=True)
    else:
        owner = np.concatenate([_person(table, facts.person, columns) for table in tables])
        found = _selected(facts, tables, owner, kernel)
    return _with_people(found, kernel)


def select_body(facts: Facts, community: str | None, kernel: Kernel) -> Selected:
    """Find the rows of a selection of everybody's facts: of a community, or of the programme.

    They are all of one body, whose number is 0.
    """
    tables = tuple(kernel.columns.table(kind) for kind in facts.kinds)
    owner = np.concatenate([_in(table, community, kernel.columns) for table in tables])
    return _with_people(_selected(facts, tables, owner, kernel), kernel)


def _in(table: Table, community: str | None, columns: Columns) -> Codes:
    """Return 0 for the rows that happened in a community, or anywhere; else -1."""
    if community is None:
        return np.zeros(len(table.at), np.int64)
    values, codes = _coded(table, "community", columns)
    here = np.array([*(value == community for value in values), False], bool)[codes]
    return np.where(here, 0, -1)


def _selected(
    facts: Facts,
    tables: tuple[Table, ...],
    owner: Any,
    kernel: Kernel,
    *,
    in_place: bool = False,
) -> Selected:
    kept = _concatenated([_passing(facts, table, kernel) for table in tables])
    at = _concatenated([table.at for table in tables])
    if in_place:
        rows = Rows.in_place(owner, at, lambda: tables[0].order, kept)
    else:
        order = _concatenated([table.order for table in tables])
        rows = Rows.sorted(np.where(kept, owner, -1), at, order)
    announced = rows.pick(_concatenated([kernel.flag(table, "announced") for table in tables]))
    asked = any(item.name == "announced" for item in facts.where)
    end = None
    if facts.lasting:
        end = rows.pick(_concatenated([kernel.spans(kind).end for kind in facts.kinds]))
    verified = None
    if facts.verified is not None:
        verified = rows.pick(_concatenated([_verified(table) for table in tables]))
    return Selected(
        facts,
        rows,
        tables,
        announced,
        np.ones(len(rows), bool) if asked else ~announced,
        verified,
        end,
    )


def _with_people(found: Selected, kernel: Kernel) -> Selected:
    """Leave only rows of whose people it was so, when they happened, that conditions hold."""
    if not found.facts.who:
        return found
    kept = np.ones(len(found.rows), bool)
    for item in found.facts.who:
        who = found.people(item.name, kernel)
        there = np.flatnonzero(who >= 0)
        truth = np.zeros(len(who), bool)
        truth[there] = kernel.holds(item.condition, Points(who[there], found.rows.at[there]))
        kept &= truth
    if kept.all():
        return found
    return Selected(
        found.facts,
        found.rows.only(kept),
        found.tables,
        found.announced[kept],
        found.shown[kept],
        None if found.verified is None else found.verified[kept],
        None if found.end is None else found.end[kept],
    )


def _person(table: Table, name: str, columns: Columns) -> Codes:
    if name in table.persons:
        return table.persons[name].astype(np.int64)
    _must_be_absent(table, name, columns)
    return np.full(len(table.at), -1, np.int64)


def _verified(table: Table) -> Codes:
    if table.verified is None:
        return np.full(len(table.at), MISSING, np.int64)
    return table.verified


def _passing(facts: Facts, table: Table, kernel: Kernel) -> Truths:
    """Return which rows pass all filters that do not depend on when one looks."""
    kept = np.ones(len(table.at), bool)
    for name, wanted in (("source", facts.sources), ("by", facts.recorded_by)):
        if wanted:
            values, codes = table.fields[name].values, table.fields[name].codes
            kept &= np.array([value in wanted for value in values] + [False])[codes]
    if not any(item.name == "passive" for item in facts.where):
        kept &= ~kernel.flag(table, "passive")
    for item in facts.where:
        kept &= _filtered(item, table, kernel.columns)
    return kept


def _filtered(item: Filter, table: Table, columns: Columns) -> Truths:
    values, codes = _coded(table, item.name, columns)
    wanted = np.array([*(item.takes(value) for value in values), False], bool)
    return np.asarray(wanted[codes])


def _concatenated(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


T = TypeVar("T")


@frozen(eq=False)
class Past:
    """What a policy said of points before.

    Attributes:
        outcome: the place of the outcome among the kernel's outcomes; -1 for none.
        since: since when it has been that.
    """

    outcome: Codes
    since: Instants


@define(eq=False)
class Kernel:
    """Answers conditions of any members at any instants.

    Attributes:
        columns: what is known.
        zone: in which dates, months and years are read.
        policy: the name of the policy that is evaluated.
        outcomes: the outcomes of that policy.
        accounts: who had an account when; None where nobody asked the log.
    """

    columns: Columns
    zone: tzinfo
    policy: str = ""
    outcomes: tuple[str, ...] = ()
    accounts: Accounts | None = None
    never: int = FOREVER
    _made: dict[Any, Any] = field(factory=dict, init=False)

    def of(self, policy: str, outcomes: tuple[str, ...]) -> Kernel:
        """Return a kernel for a policy, which uses again what this one has made."""
        other = Kernel(self.columns, self.zone, policy, outcomes, self.accounts)
        other._made = self._made
        return other

    @cached_property
    def calendar(self) -> Calendar:
        """What the zone's calendar makes of instants."""
        return Calendar(self.zone)

    def holds(self, condition: Condition, points: Points, past: Past | None = None) -> Truths:
        """Return, for points, whether a condition holds."""
        return self.combined(condition, lambda leaf: leaf_holds(leaf, points, self, past))

    @staticmethod
    def must_be_own(past: Past | None) -> Past:
        """Return what a policy said before of the members that it is asked of.

        Raises:
            InvalidPolicy: of others, of whom a condition within a condition is asked, a run
                does not know it.
        """
        if past is None:
            raise InvalidPolicy(
                "a condition on the previous outcome of other people, or of a body's members, "
                "cannot be backtested; evaluate the policy at each date instead"
            )
        return past

    @staticmethod
    def combined(condition: Condition, of_leaf: Callable[[Leaf], Truths]) -> Truths:
        """Return where a condition holds, where its leaves hold as told."""
        return _truth(condition, of_leaf)

    @cached_property
    def joining(self) -> Codes:
        """The row of ``member.joined`` by which each person joined; -1 for who never did."""
        table = self.columns.table("member.joined")
        rows = Rows.sorted(table.persons["member"], table.at, table.order)
        first = rows.first_of(len(self.columns.people))
        return np.where(first >= 0, rows.index[first] if len(rows) else -1, -1)

    @cached_property
    def joined(self) -> Instants:
        """When each person joined, or after every instant."""
        table = self.columns.table("member.joined")
        return np.asarray(self.of_first(self.joining, table.at, self.never))

    @staticmethod
    def of_first(row: Codes, values: Any, none: Any = False) -> Any:  # noqa: FBT002 — a value
        """Return the values of some rows, and ``none`` for no row."""
        if not len(values):
            return np.full(len(row), none)
        return np.where(row >= 0, values[row], none)

    def first_time(self, table: Table, kept: Truths) -> Instants:
        """Return when each person first had one of the rows; after every instant for never."""
        found = np.full(len(self.columns.people), self.never, np.int64)
        member = table.persons["member"][kept]
        there = member >= 0
        np.minimum.at(found, member[there], table.at[kept][there])
        return found

    @staticmethod
    def is_value(table: Table, name: str, value: Any) -> Truths:
        """Return which rows have a value in a field; None for those that have none."""
        if name not in table.fields:
            raise InvalidPolicy(
                f"{name!r} of {table.name} is personal text: columns do not hold it, and no "
                "backtest can go by it; evaluate the policy at each date instead"
            )
        coded = table.fields[name]
        if value is None:
            return np.asarray(coded.codes < 0)
        same = [each == value for each in coded.values]
        return np.array([*same, False], bool)[coded.codes]

    @staticmethod
    def flag(table: Table, name: str) -> Truths:
        """Return which rows have a field that is true; none where they have no such field."""
        if name not in table.fields:
            return np.zeros(len(table.at), bool)
        coded = table.fields[name]
        if not any(value is True for value in coded.values):
            return np.zeros(len(table.at), bool)
        return np.array([*(value is True for value in coded.values), False], bool)[coded.codes]

    def act_of(self, name: str) -> str | None:
        """Return the field that names who acted, in a kind of fact that is somebody's act."""
        described = self.columns.registry.named(name)
        return None if described is None else described.kind.act

    @cached_property
    def acts(self) -> Rows:
        """Every act of every member."""
        return acts_of(self)

    def spans(self, name: str) -> Spans:
        """Return the spans of a kind of beginning."""
        return self._once(("spans", name), lambda: spans_of(self.columns, name))

    def stretches(self, name: str, **wanted: Any) -> Stretches:
        """Return spans of a kind with some values, by member; None is for any value."""

        def make() -> Stretches:
            spans = self.spans(name)
            kept = np.ones(len(spans.start), bool)
            for key, value in wanted.items():
                if value is not None:
                    kept &= self.is_value(spans.table, key, value)
            return Stretches.of(spans.table.persons["member"], spans.start, spans.end, kept)

        return self._once(("stretches", name, tuple(wanted.items())), make)

    def account_stretches(self, provider: str | None) -> Stretches:
        """Return when members had a linked account; at a provider, or at any."""
        told = self.known_accounts
        return Stretches.of(told.member, told.start, told.end, told.at(provider))

    @property
    def known_accounts(self) -> Accounts:
        """Who had an account when.

        Raises:
            InvalidPolicy: nobody asked the log.
        """
        if self.accounts is None:
            raise InvalidPolicy(
                "accounts are personal: columns do not hold them, and without the ledger itself "
                "no policy can go by them"
            )
        return self.accounts

    def role_spans(self, role: str, community: str | None) -> Stretches:
        """Return when members hold a role; in a community, or "" in the whole programme."""

        def make() -> Stretches:
            spans = self.spans("role.assigned")
            kept = self.is_value(spans.table, "role", role)
            if community is not None:
                kept &= self.is_value(spans.table, "community", community or None)
            return Stretches.of(spans.table.persons["member"], spans.start, spans.end, kept)

        return self._once(("roles", role, community), make)

    def merged_roles(self, role: str) -> Stretches:
        """Return when members held a role, overlapping and touching times as one."""

        def make() -> Stretches:
            held = self.role_spans(role, None)
            joined = self._joined_up(held)
            rows = [(m, start, end) for m, times in joined.items() for start, end in times]
            columns = np.array(rows, np.int64).reshape(-1, 3)
            return Stretches.of(columns[:, 0], columns[:, 1], columns[:, 2])

        return self._once(("merged", role), make)

    @staticmethod
    def _joined_up(stretches: Stretches) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        rows = stretches.rows
        for member, start, end in zip(
            rows.member.tolist(), rows.at.tolist(), stretches.end.tolist(), strict=True
        ):
            if end <= start:
                continue
            times = found.setdefault(member, [])
            if times and start <= times[-1][1]:
                times[-1] = (times[-1][0], max(times[-1][1], end))
            else:
                times.append((start, end))
        return found

    @cached_property
    def leave(self) -> Mapping[int, list[tuple[datetime, datetime | None]]]:
        """When members were on leave, of those who ever were: disjoint times, in order."""
        times = self._joined_up(self.stretches("leave.started"))
        return {
            member: [(moment(a), None if b == self.never else moment(b)) for a, b in each]
            for member, each in times.items()
        }

    def selected(self, facts: Facts) -> Selected:
        """Return the rows of a selection."""
        return self._once(facts, lambda: select(facts, self))

    def total(self, measure: Share, at: int, first: int, last: int, ahead: int | None) -> int:
        """Return how many facts make the total of which a share is."""
        body = self._once(
            ("body", measure.of, measure.community),
            lambda: select_body(measure.of, measure.community, self),
        )
        point = Points(np.zeros(1, np.int64), np.array([at]))
        far = None if ahead is None else np.array([ahead])
        return int(body.count(point, np.array([first]), np.array([last]), far)[0])

    def field_values(
        self, selected: Selected, name: str, number: Codes, row: Codes
    ) -> tuple[Codes, Codes]:
        """Return the values that rows have in a field, as codes; a list gives each of its own."""
        codes, values = self._once(
            ("values", selected.facts, name), lambda: selected.values(name, self)
        )
        mine = codes[row]
        number, mine = number[mine >= 0], mine[mine >= 0]
        several = [value if isinstance(value, tuple) else (value,) for value in values]
        numbers: dict[Any, int] = {}
        flat = [
            numbers.setdefault((type(v) is bool, v), len(numbers)) for each in several for v in each
        ]
        ends = np.cumsum([len(each) for each in several], dtype=np.int64)
        begins = ends - np.array([len(each) for each in several], np.int64)
        if not len(mine):
            return number, mine
        which, place = ragged(begins[mine], ends[mine])
        return number[which], np.array(flat, np.int64)[place]

    @cached_property
    def organisation_codes(self) -> Codes:
        """The organisation of each stretch of affiliation."""
        held = self.stretches("affiliation.started")
        coded = self.columns.table("affiliation.started").fields["organisation"]
        return coded.codes[held.rows.index].astype(np.int64)

    def organisations(
        self, selected: Selected, name: str, number: Codes, row: Codes
    ) -> tuple[Codes, Codes]:
        """Return the organisations of the people whom rows name, when they happened, as codes.

        Whoever has none counts as one of their own.
        """
        who = selected.people(name, self)[row]
        there = who >= 0
        number, who, at = number[there], who[there], selected.rows.at[row][there]
        held = self.stretches("affiliation.started")
        which, stretch = held.standing(Points(who, at))
        codes = self.organisation_codes[stretch]
        alone = np.ones(len(who), bool)
        alone[which] = False
        own = len(self.columns.table("affiliation.started").fields["organisation"].values)
        return (
            np.concatenate([number[which], number[alone]]),
            np.concatenate([codes, who[alone] + own]),
        )

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found


def _truth(condition: Condition, of_leaf: Callable[[Leaf], Truths]) -> Truths:
    """Return where a condition holds, where its leaves hold as told."""
    match condition:
        case AllOf(conditions):
            return np.asarray(np.all([_truth(each, of_leaf) for each in conditions], axis=0))
        case AnyOf(conditions):
            return np.asarray(np.any([_truth(each, of_leaf) for each in conditions], axis=0))
        case AtLeast(number, conditions):
            held = [_truth(each, of_leaf).astype(np.int64) for each in conditions]
            return np.asarray(np.sum(held, axis=0) >= number)
        case Not(inner):
            return ~_truth(inner, of_leaf)
        case Leaf():
            return of_leaf(condition)
    raise AssertionError(condition)  # pragma: no cover — there is no other

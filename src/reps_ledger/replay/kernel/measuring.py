"""Measures at points: the general lowering, by binary search, for whatever masks cannot say."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.policies.language.anchored import Following, Preceding, SinceLast
from reps_ledger.policies.language.bodies import LargestShare, Members
from reps_ledger.policies.language.clocks import Tenure, TimeSince
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.measures import Compare, Measure, compare
from reps_ledger.policies.language.reviewed import InOutcome
from reps_ledger.policies.language.shares import Missed, Share
from reps_ledger.policies.language.windows import Always, Between, Rolling, This, Window
from reps_ledger.replay.kernel.bodies import largest_shares, member_counts
from reps_ledger.replay.kernel.instants import BEGINNING, END
from reps_ledger.replay.kernel.leaving import paused_before
from reps_ledger.replay.kernel.missing import missed_counts
from reps_ledger.replay.kernel.rows import Codes, Points, Truths

if TYPE_CHECKING:
    from reps_ledger.policies.language.widths import Width
    from reps_ledger.replay.kernel.kernel import Kernel, Past
    from reps_ledger.replay.kernel.selecting import Selected

__all__ = ["bounds", "compared", "counts"]

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

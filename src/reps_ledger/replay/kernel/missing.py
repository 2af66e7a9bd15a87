"""Opportunities missed in a row, for all points at once, from the last opportunity back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.replay.kernel.instants import BEGINNING
from reps_ledger.replay.kernel.rows import Codes, Points
from reps_ledger.replay.kernel.spanning import FOREVER

if TYPE_CHECKING:
    from reps_ledger.policies.language.shares import Missed
    from reps_ledger.replay.kernel.kernel import Kernel

__all__ = ["missed_counts"]


def missed_counts(measure: Missed, points: Points, kernel: Kernel) -> Codes:
    """Return how many opportunities were missed in a row, for each point."""
    members, where = np.unique(points.member, return_inverse=True)
    where = where.reshape(-1)
    held = kernel.columns.table("opportunity.held")
    order = np.lexsort((held.order, held.at))
    since = _since(measure, points, kernel)
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


def _since(measure: Missed, points: Points, kernel: Kernel) -> Any:
    """Return since when each held the role, or last held it."""
    found = np.full(len(points), BEGINNING, np.int64)
    if measure.role is None:
        return found
    merged = kernel.merged_roles(measure.role)
    low, high = merged.rows.between(points.member, BEGINNING, points.at)
    there = high > low
    found[there] = merged.rows.at[high[there] - 1]
    return found

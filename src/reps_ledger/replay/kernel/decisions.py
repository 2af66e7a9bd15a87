"""What people decided in reviews, in columns: the previous outcome of a policy, from the record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from reps_ledger.replay.columns.model import Columns, Instants
from reps_ledger.replay.kernel.arrays import BEGINNING, Integers, Points, Rows, changing
from reps_ledger.replay.kernel.histories import is_value


@frozen(eq=False)
class Decisions:
    """Every decision of a review that was opened under a policy, by member and time.

    The vectorised twin of ``reviews.decisions``.

    Attributes:
        rows: whose each is, and when.
        outcome: the place of its outcome among those that are asked for.
        since: since when decisions in a row have come to that outcome.
    """

    rows: Rows
    outcome: Integers
    since: Instants

    def before(self, points: Points) -> tuple[Integers, Instants]:
        """Return the outcome of the last decision by each point, -1 for none; and since when it is that."""
        outcome, since = np.full(len(points), -1, np.int64), np.zeros(len(points), np.int64)
        low, high = self.rows.between(points.member, BEGINNING, points.at)
        there = high > low
        last = high[there] - 1
        outcome[there], since[there] = self.outcome[last], self.since[last]
        return outcome, since


def decisions_of(columns: Columns, policy: str, outcomes: Sequence[str]) -> Decisions:
    """Find the decisions of reviews under a policy.

    Args:
        columns: what is known.
        policy: its name.
        outcomes: every outcome that was ever decided, and maybe others.
    """
    opened, decided = columns.table("review.opened"), columns.table("review.decided")
    review = decided.fields["review"]
    places = {value: code for code, value in enumerate(review.values)}
    same = np.array([*(places.get(value, -1) for value in opened.fields["review"].values), -1], np.int64)
    own = same[opened.fields["review"].codes]
    step = len(review.values) + 1
    ours = is_value(opened, "policy", policy) & (own >= 0)
    openings = Rows.sorted(
        np.where(ours, opened.persons["member"].astype(np.int64) * step + own, -1), opened.at, opened.order
    )
    keys = decided.persons["member"].astype(np.int64) * step + review.codes
    low, high = openings.between(keys, BEGINNING, decided.at)
    kept = high > low
    first = low[kept]
    # Of one instant, what was told first came first.
    kept[kept] = (openings.at[first] < decided.at[kept]) | (openings.order[first] < decided.order[kept])
    rows = Rows.sorted(np.where(kept, decided.persons["member"], -1), decided.at, decided.order)
    named = [outcomes.index(str(value)) for value in decided.fields["outcome"].values]
    outcome = rows.take(np.array([*named, -1], np.int64)[decided.fields["outcome"].codes])
    start = np.maximum.accumulate(np.where(changing(rows.member, outcome), np.arange(len(rows)), 0))
    return Decisions(rows, outcome, rows.at[start])


def outcomes_decided(columns: Columns) -> tuple[str, ...]:
    """Return every outcome that was ever decided."""
    return tuple(str(value) for value in columns.table("review.decided").fields["outcome"].values)

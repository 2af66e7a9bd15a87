"""What people had decided by each date, in reviews under a policy's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.domain.time import microseconds

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns

__all__ = ["decided_by"]


def decided_by(
    columns: Columns, policy: str, dates: Sequence[datetime]
) -> tuple[tuple[str, ...], Any]:
    """Return what was decided last of each person, by each date.

    Args:
        columns: what is known.
        policy: the name under which the reviews were opened.
        dates: sorted.

    Returns:
        The outcomes that were ever decided, and for each person and date the place of the last
        one among these; -1 where nothing had been decided yet.
    """
    opened, decided = columns.table("review.opened"), columns.table("review.decided")
    of_policy = [value == policy for value in opened.fields["policy"].values]
    under = np.array([*of_policy, False], bool)[opened.fields["policy"].codes]
    reviews = opened.fields["review"]
    mine = {reviews.values[code] for code in np.unique(reviews.codes[under]).tolist()}
    coded = decided.fields["outcome"]
    at = np.array([microseconds(date) for date in dates], np.int64)
    found = np.full((len(columns.people), len(dates)), -1, np.int32)
    asked = decided.fields["review"]
    for row in range(len(decided)):  # in order of member and time: the last one stays
        member = int(decided.persons["member"][row])
        if member >= 0 and asked.values[asked.codes[row]] in mine:
            first = int(np.searchsorted(at, decided.at[row], "left"))
            found[member, first:] = coded.codes[row]
    return coded.values, found

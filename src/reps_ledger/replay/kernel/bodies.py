"""Measures of a whole body: the same for all at one instant."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reps_ledger.replay.kernel.rows import Codes, Points

if TYPE_CHECKING:
    from reps_ledger.policies.language.bodies import LargestShare, Members
    from reps_ledger.replay.kernel.kernel import Kernel

__all__ = ["largest_shares", "member_counts"]


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

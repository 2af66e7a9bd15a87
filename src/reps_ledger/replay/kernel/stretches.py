"""Stretches: what members hold for a while, asked of points."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from reps_ledger.replay.kernel.instants import BEGINNING, Instants
from reps_ledger.replay.kernel.rows import Codes, Points, Rows, Truths, ragged

__all__ = ["Stretches"]


@frozen(eq=False)
class Stretches:
    """Times that something held, each ``[start, end)``, sorted by member and start.

    Attributes:
        rows: whose, and from when.
        end: until when.
    """

    rows: Rows
    end: Instants

    @classmethod
    def of(cls, member: Any, start: Any, end: Any, kept: Any = None) -> Stretches:
        """Sort stretches; those of nobody, and those not kept, are left out."""
        owner = np.asarray(member, np.int64)
        if kept is not None:
            owner = np.where(kept, owner, -1)
        rows = Rows.sorted(owner, start, np.arange(len(owner)))
        return cls(rows, np.asarray(rows.pick(np.asarray(end, np.int64))))

    def standing(self, points: Points) -> tuple[Codes, Codes]:
        """Return, for points, each one's number and the stretches that hold then."""
        low, high = self.rows.between(points.member, BEGINNING, points.at)
        number, row = ragged(low, high)
        kept = self.end[row] > points.at[number]
        return number[kept], row[kept]

    def holding(self, points: Points) -> Truths:
        """Return, for points, whether any holds then."""
        found = np.zeros(len(points), bool)
        number, _ = self.standing(points)
        found[number] = True
        return found

    def begun(self, points: Points) -> Truths:
        """Return, for points, whether any had begun by then."""
        return self.rows.count(points.member, BEGINNING, points.at) > 0

    def earliest(self, points: Points, none: int) -> Instants:
        """Return, for points, since when the first of those that hold then has held."""
        found = np.full(len(points), none, np.int64)
        number, row = self.standing(points)
        found[number[::-1]] = self.rows.at[row[::-1]]  # of several, the first is kept
        return found

"""What measures come to at points, and how that compares with a threshold.

A value is kept in whatever form compares exactly: whole numbers as they are, times as instants,
fractions as fractions, and sums of amounts in floating point with exact sums where that is in
doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Final, Protocol

import numpy as np
from attrs import frozen

from reps_ledger.policies.language.measures import Number, compare
from reps_ledger.policies.language.widths import Width
from reps_ledger.replay.columns.model import Floats, Instants, Truths
from reps_ledger.replay.kernel.arrays import END, Integers

NEVER: Final = END + 2
"""In arrays of when something happened: not by the time of the point. It is after `FOREVER`."""


class Values(Protocol):
    """The value of a measure at each point."""

    def compared(self, operator: str, threshold: Number | Width) -> Truths:
        """Return, for each point, whether the value compares so with a threshold."""


def as_number(threshold: Number | Width) -> Number:
    """Return the threshold of a measure that is compared with numbers."""
    assert not isinstance(threshold, Width)  # noqa: S101 — checked when it was built
    return threshold


def as_width(threshold: Number | Width) -> Width:
    """Return the threshold of a measure of time, which is compared with widths."""
    assert isinstance(threshold, Width)  # noqa: S101 — checked when it was built
    return threshold


_COMPARED: Final = {
    "at_least": np.greater_equal,
    "more_than": np.greater,
    "at_most": np.less_equal,
    "less_than": np.less,
    "exactly": np.equal,
}
"""The comparisons of ``measures.OPERATORS``, of arrays element by element."""


def _compared(values: Integers | Floats, operator: str, threshold: Number | Integers) -> Truths:
    found: Truths = _COMPARED[operator](values, threshold)
    return found


@frozen(eq=False)
class Counts:
    """Whole numbers.

    Attributes:
        values: one for each point.
    """

    values: Integers

    def compared(self, operator: str, threshold: Number | Width) -> Truths:
        """Return, for each point, whether the number compares so with a threshold."""
        return _compared(self.values, operator, as_number(threshold))


@frozen(eq=False)
class Since:
    """Times since an instant.

    Attributes:
        since: the instant, for each point; `NEVER` where there is none.
        before: from a width to the instants so long before the points.
        endless: whether without an instant the time is longer than any width; else it is shorter.
    """

    since: Instants
    before: Callable[[Width], Instants]
    endless: bool

    def compared(self, operator: str, threshold: Number | Width) -> Truths:
        """Return, for each point, whether the time compares so with a width."""
        # The longer ago, the longer the time: the comparison of instants runs the other way.
        found = _compared(self.before(as_width(threshold)), operator, self.since)
        found[self.since >= NEVER] = self.endless == (operator in {"at_least", "more_than"})
        return found


@frozen(eq=False)
class Sums:
    """Sums of amounts, which were recorded as floating-point numbers.

    Attributes:
        size: how many points there are.
        number: to the sum of which point each amount belongs.
        amounts: these.
    """

    size: int
    number: Integers
    amounts: Floats

    def compared(self, operator: str, threshold: Number | Width) -> Truths:
        """Compare with a number; sums too close to call in floating point are made exactly."""
        exact = Fraction(as_number(threshold))
        limit = float(exact)
        sums = np.bincount(self.number, weights=self.amounts, minlength=self.size)
        sizes = np.bincount(self.number, weights=np.abs(self.amounts), minlength=self.size)
        terms = np.bincount(self.number, minlength=self.size)
        found = _compared(sums, operator, limit)
        # Adding n numbers in floating point errs by at most n roundings of 2**-53 each, relative
        # to the sum of their sizes; twice that is in doubt, and so is the limit itself.
        in_doubt = np.abs(sums - limit) <= sizes * (terms + 2) * 2.0**-52
        for point in np.flatnonzero(in_doubt):
            mine = self.amounts[self.number == point].tolist()
            total = sum((Fraction(amount) for amount in mine), Fraction())
            found[point] = compare(total, operator, exact)
        return found


@frozen(eq=False)
class Shares:
    """A member's own counts, as parts of totals.

    Attributes:
        counts: of each point.
        totals: of which each is a part.
        at_most: what the part of a total that they are compared with is at most; None for any.
    """

    counts: Integers
    totals: Integers
    at_most: int | None

    def compared(self, operator: str, threshold: Number | Width) -> Truths:
        """Return, for each point, whether the count compares so with that part of the total."""
        part = Fraction(str(as_number(threshold)))  # 0.1 is meant, not its nearest float
        found = np.zeros(len(self.counts), bool)
        for total in np.unique(self.totals).tolist():
            limit = part * total
            if self.at_most is not None:
                limit = min(limit, Fraction(self.at_most))
            here = self.totals == total
            found[here] = _against(self.counts[here], operator, limit)
        return found


def _against(counts: Integers, operator: str, limit: Fraction) -> Truths:
    """Compare whole numbers with a fraction, exactly."""
    if operator == "exactly" and limit.denominator != 1:
        return np.zeros(len(counts), bool)
    whole = ceil(limit) if operator in {"at_least", "less_than"} else floor(limit)
    return _compared(counts, operator, whole)


@frozen(eq=False)
class Fractions:
    """Fractions of a body, the same for all points of one instant.

    Attributes:
        parts: the fraction at each different instant.
        where: which of these is each point's.
    """

    parts: list[Fraction]
    where: Integers

    def compared(self, operator: str, threshold: Number | Width) -> Truths:
        """Return, for each point, whether the fraction compares so with a threshold."""
        limit = Fraction(str(as_number(threshold)))
        return np.array([compare(part, operator, limit) for part in self.parts], bool)[self.where]

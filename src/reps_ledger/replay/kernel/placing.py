"""Placing instants among sorted cuts, by a table of buckets: most need no search at all."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from attrs import frozen

__all__ = ["Instants", "Placer", "places"]

Instants = np.ndarray[Any, np.dtype[np.int64]]
"""Microseconds since 1970, in UTC."""

_BUCKETS: Final = 1 << 16
_FEW: Final = 1 << 10


@frozen(eq=False)
class Placer:
    """Places instants among cuts, time after time.

    Time between two instants is divided into equal buckets, and only instants in buckets in
    which a cut lies are searched for. Those outside are searched for too, unless all cuts are
    inside.

    Attributes:
        cuts: sorted.
        low: where the buckets begin.
        high: what they reach.
    """

    cuts: Instants
    low: int
    high: int

    @classmethod
    def of(cls, cuts: Instants) -> Placer:
        """Return one with buckets from the first cut to the last."""
        return cls(cuts, int(cuts[0]), int(cuts[-1])) if len(cuts) else cls(cuts, 0, 0)

    @cached_property
    def _buckets(self) -> tuple[int, int, Any]:
        """Return the width of buckets as a shift, where they end, and what each holds.

        That is how many cuts lie at or before all of a bucket; -1 where that differs. The first
        is all time before the buckets, the last all time after them.
        """
        shift = max(0, (self.high - self.low).bit_length() - _BUCKETS.bit_length() + 1)
        count = ((self.high - self.low) >> shift) + 1
        begins = self.low + (np.arange(count + 1, dtype=np.int64) << shift)
        before = np.searchsorted(self.cuts, begins, "right")
        mixed = before[1:] != before[:-1]
        found = np.full(count + 2, -1, np.int64)
        found[1:-1] = np.where(mixed, -1, before[:-1])
        if not len(self.cuts) or self.cuts[0] >= self.low:
            found[0] = 0
        if not len(self.cuts) or self.cuts[-1] <= begins[-1]:
            found[-1] = len(self.cuts)
        return shift, int(begins[-1]), found

    def places(self, instants: Instants) -> Any:
        """Return, for each instant, how many cuts lie at or before it.

        The same as ``np.searchsorted(cuts, instants, "right")``.
        """
        if len(instants) < _FEW:
            return np.searchsorted(self.cuts, instants, "right")
        shift, end, before = self._buckets
        bucket = np.clip(instants, self.low - 1, end)
        bucket -= self.low
        bucket >>= shift
        bucket += 1
        found = np.take(before, bucket)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = np.searchsorted(self.cuts, instants[missing], "right")
        return found


def places(cuts: Instants, instants: Instants) -> Any:
    """Return, for each instant, how many cuts lie at or before it."""
    if len(instants) < _BUCKETS:
        return np.searchsorted(cuts, instants, "right")
    return Placer(cuts, int(instants.min()), int(instants.max())).places(instants)

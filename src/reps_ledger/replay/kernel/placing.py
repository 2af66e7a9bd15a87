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
    which a cut lies are searched for. Instants outside are placed right too, only more slowly.

    Attributes:
        cuts: sorted.
        low: what no instant, or hardly any, comes before.
        high: what none, or hardly any, comes after.
    """

    cuts: Instants
    low: int
    high: int

    @classmethod
    def of(cls, cuts: Instants, instants: Instants) -> Placer:
        """Return one for instants such as these."""
        if not len(instants):
            return cls(cuts, 0, 0)
        return cls(cuts, int(instants.min()), int(instants.max()))

    @cached_property
    def _buckets(self) -> tuple[int, Any]:
        """Return the width of buckets as a shift; and how many cuts lie before each, -1 mixed."""
        shift = max(0, (self.high - self.low).bit_length() - _BUCKETS.bit_length() + 1)
        count = ((self.high - self.low) >> shift) + 1
        begins = self.low + (np.arange(count + 1, dtype=np.int64) << shift)
        before = np.searchsorted(self.cuts, begins, "right")
        # An instant in a bucket is at its begin or later, and before that of the next.
        mixed = before[1:] != before[:-1]
        found = np.full(count + 2, -1, np.int64)  # those before the first and after the last
        found[1:-1] = np.where(mixed, -1, before[:-1])
        return shift, found

    def places(self, instants: Instants) -> Any:
        """Return, for each instant, how many cuts lie at or before it.

        The same as ``np.searchsorted(cuts, instants, "right")``.
        """
        if len(instants) < _FEW:
            return np.searchsorted(self.cuts, instants, "right")
        shift, before = self._buckets
        bucket = np.clip(instants, self.low - 1, self.high + 1)
        bucket -= self.low
        bucket >>= shift
        outside = len(before) - 2  # where `high + 1` lies may be the last bucket, or after it
        bucket += 1
        np.minimum(bucket, outside + 1, out=bucket)
        found = np.take(before, bucket)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = np.searchsorted(self.cuts, instants[missing], "right")
        return found


def places(cuts: Instants, instants: Instants) -> Any:
    """Return, for each instant, how many cuts lie at or before it."""
    if len(instants) < _BUCKETS:
        return np.searchsorted(cuts, instants, "right")
    return Placer.of(cuts, instants).places(instants)

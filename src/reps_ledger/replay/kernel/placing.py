"""Placing instants among sorted cuts, by a table of buckets: most need no search at all."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = ["Instants", "places"]

Instants = np.ndarray[Any, np.dtype[np.int64]]
"""Microseconds since 1970, in UTC."""

_BUCKETS: Final = 1 << 18
_FEW: Final = 1 << 14


def places(cuts: Instants, instants: Instants) -> Any:
    """Return, for each instant, how many cuts lie at or before it.

    The same as ``np.searchsorted(cuts, instants, "right")``: time is divided into equal buckets,
    and only instants in buckets in which a cut lies are searched for.
    """
    if len(instants) < _FEW:
        return np.searchsorted(cuts, instants, "right")
    low, high = int(instants.min()), int(instants.max())
    shift = max(0, (high - low).bit_length() - _BUCKETS.bit_length() + 1)
    count = ((high - low) >> shift) + 1
    begins = low + (np.arange(count + 1, dtype=np.int64) << shift)
    before = np.searchsorted(cuts, begins, "right").astype(np.int32)
    bucket = (instants - low) >> shift
    found = before[bucket]
    mixed = np.flatnonzero((before[1:] != before[:-1])[bucket])
    if len(mixed):
        found[mixed] = np.searchsorted(cuts, instants[mixed], "right")
    return found

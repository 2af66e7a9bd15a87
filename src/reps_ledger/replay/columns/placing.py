"""Order: where each row belongs, in the order of member, instant and position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from reps_ledger.replay.columns.model import Codes, Instants

__all__ = ["placed"]


def placed(member: Codes, at: Instants, order: Instants, *, settled: int = 0) -> Instants:
    """Return the places of rows in the order of ``(member, at, order)``.

    Args:
        member: the first key.
        at: the second.
        order: the third, which is never the same twice.
        settled: how many of the first rows are in order already.
    """
    new = settled + np.lexsort((order[settled:], at[settled:], member[settled:]))
    if not settled:
        return new
    low = np.searchsorted(member[:settled], member[new], side="left")
    high = np.searchsorted(member[:settled], member[new], side="right")
    wanted, tie = at[new], order[new]
    while (open_ := low < high).any():  # a binary search of all new rows at once
        middle = (low + high) // 2
        probe = np.minimum(middle, settled - 1)
        before = (at[probe] < wanted) | ((at[probe] == wanted) & (order[probe] < tie))
        low = np.where(open_ & before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return np.insert(np.arange(settled, dtype=np.int64), low, new)

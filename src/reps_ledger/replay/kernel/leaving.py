"""Clocks that stand still during leave, for the few members who were ever on leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reps_ledger.domain.time import microseconds
from reps_ledger.policies.language import pausing
from reps_ledger.replay.kernel.instants import Instants, moment

if TYPE_CHECKING:
    from reps_ledger.policies.language.widths import Width
    from reps_ledger.replay.kernel.kernel import Kernel
    from reps_ledger.replay.kernel.rows import Points

__all__ = ["paused_before"]


def paused_before(kernel: Kernel, points: Points, width: Width) -> Instants:
    """Return the instants such that the clock ran for just so long between them and points."""
    found = np.array(kernel.calendar.before(points.at, width))
    leave = kernel.leave
    for point in np.flatnonzero(np.isin(points.member, list(leave))).tolist():
        at = moment(points.at[point])
        own = leave[int(points.member[point])]
        reach = pausing.paused_before(own, width, at, kernel.calendar.zone)
        found[point] = microseconds(reach)
    return found

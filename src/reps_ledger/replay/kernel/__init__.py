"""The kernel: policies over columns."""

from __future__ import annotations

from reps_ledger.replay.kernel.arrays import Points
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.points import Kernel, Past
from reps_ledger.replay.kernel.standing import standing_by_default
from reps_ledger.replay.kernel.timelines import Timelines, timelines

__all__ = ["Histories", "Kernel", "Past", "Points", "Timelines", "standing_by_default", "timelines"]

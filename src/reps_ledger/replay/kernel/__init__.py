"""The kernel: policies over columns."""

from __future__ import annotations

from reps_ledger.replay.kernel.arrays import Points
from reps_ledger.replay.kernel.points import Kernel, Past

__all__ = ["Kernel", "Past", "Points"]

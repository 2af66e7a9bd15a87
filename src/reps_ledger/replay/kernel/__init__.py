"""The kernel: policies over columns."""

from __future__ import annotations

from reps_ledger.replay.kernel.kernel import Kernel, Past
from reps_ledger.replay.kernel.rows import Points

__all__ = ["Kernel", "Past", "Points"]

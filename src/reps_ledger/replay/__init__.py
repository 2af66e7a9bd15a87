"""Replay: what a policy would have said on all of history. Needs the extra ``replay``."""

from __future__ import annotations

from reps_ledger.replay.columns import Columns

__all__ = ["Columns"]

"""Replay: what a policy would have said on all of history. Needs the extra ``replay``."""

from __future__ import annotations

from reps_ledger.replay.backtest import (
    Agreement,
    Backtest,
    Compared,
    Flip,
    Survival,
    Transition,
    daily,
    monthly,
    quarterly,
    yearly,
)
from reps_ledger.replay.columns import Columns
from reps_ledger.replay.partitions import backtest_in_parts, count_in_parts, export_parts
from reps_ledger.replay.spark import backtest_on_spark
from reps_ledger.replay.sweep import Sweep, SweepRow

__all__ = [
    "Agreement",
    "Backtest",
    "Columns",
    "Compared",
    "Flip",
    "Survival",
    "Sweep",
    "SweepRow",
    "Transition",
    "backtest_in_parts",
    "backtest_on_spark",
    "count_in_parts",
    "daily",
    "export_parts",
    "monthly",
    "quarterly",
    "yearly",
]

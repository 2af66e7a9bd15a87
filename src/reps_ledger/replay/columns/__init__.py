"""Columns: all that stands as known at a position, as arrays; kept as Parquet beside the log."""

from __future__ import annotations

from reps_ledger.replay.columns.building import build
from reps_ledger.replay.columns.model import MISSING, Coded, Columns, Table

__all__ = ["MISSING", "Coded", "Columns", "Table", "build"]

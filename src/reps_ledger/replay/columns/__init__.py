"""Columns: all that stands as known at a position, as arrays; kept as Parquet beside the log."""

from __future__ import annotations

from reps_ledger.replay.columns.builder import build
from reps_ledger.replay.columns.model import MISSING, Coded, Columns, Table
from reps_ledger.replay.columns.store import check_columns, claim_columns, folder_of, load_or_build

__all__ = [
    "MISSING",
    "Coded",
    "Columns",
    "Table",
    "build",
    "check_columns",
    "claim_columns",
    "folder_of",
    "load_or_build",
]

"""The log: how entries are stored, recorded under rules, and read."""

from __future__ import annotations

from reps_ledger.log.append import Draft, Receipt, Recording
from reps_ledger.log.codec import Codec, Upcaster
from reps_ledger.log.connect import Target, is_kept, open_recorder, postgres_of, repair, restore
from reps_ledger.log.event_log import EventLog
from reps_ledger.log.history import Reading
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.storage import OPENED_TO_READ

__all__ = [
    "OPENED_TO_READ",
    "Codec",
    "Draft",
    "EventLog",
    "Reading",
    "Receipt",
    "Recording",
    "SQLiteRecorder",
    "Target",
    "Upcaster",
    "is_kept",
    "open_recorder",
    "postgres_of",
    "repair",
    "restore",
]

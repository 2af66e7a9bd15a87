"""The log: how entries are stored, recorded under rules, and read."""

from __future__ import annotations

from reps_ledger.log.codec import Codec
from reps_ledger.log.drafts import Draft, Receipt
from reps_ledger.log.eventlog import EventLog
from reps_ledger.log.opening import Target, open_recorder
from reps_ledger.log.reading import Reading
from reps_ledger.log.recording import Recording
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.upcasters import Upcaster

__all__ = [
    "Codec",
    "Draft",
    "EventLog",
    "Reading",
    "Receipt",
    "Recording",
    "SQLiteRecorder",
    "Target",
    "Upcaster",
    "open_recorder",
]

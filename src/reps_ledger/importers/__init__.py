"""Importing rows from files and other systems, and exporting in the exchange format."""

from __future__ import annotations

from reps_ledger.importers.as_recorded import import_as_recorded
from reps_ledger.importers.exporting import export_history
from reps_ledger.importers.importing import ImportReport, Quarantine, RefusedRow, import_history

__all__ = [
    "ImportReport",
    "Quarantine",
    "RefusedRow",
    "export_history",
    "import_as_recorded",
    "import_history",
]

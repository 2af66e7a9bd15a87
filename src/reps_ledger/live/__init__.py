"""Ledgers under the machinery of the ``eventsourcing`` library, for services that use it."""

from __future__ import annotations

from reps_ledger.live.application import EntryMapper, LedgerApplication

__all__ = ["EntryMapper", "LedgerApplication"]

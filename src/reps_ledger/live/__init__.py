"""Ledgers under the machinery of the ``eventsourcing`` library, for services that use it.

Also the persistence module of `StateProjection`: the library looks for exactly one factory among the
names here.
"""

from __future__ import annotations

from reps_ledger.live.application import EntryMapper, LedgerApplication
from reps_ledger.live.tables import StateFactory, StateProjection, StateTables

__all__ = ["EntryMapper", "LedgerApplication", "StateFactory", "StateProjection", "StateTables"]

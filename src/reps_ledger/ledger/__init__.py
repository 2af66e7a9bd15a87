"""The ledger: the one object that a service embeds. It composes all of the others."""

from __future__ import annotations

from reps_ledger.domain.rules.voids import StoredRow
from reps_ledger.ledger.check import CHECKS, NOTES
from reps_ledger.ledger.core import Subscription
from reps_ledger.ledger.ledger import Ledger
from reps_ledger.ledger.opening import open  # noqa: A004 — reps_ledger.open
from reps_ledger.ledger.reviews import DecisionAudit, Evidence, Replayed

__all__ = [
    "CHECKS",
    "NOTES",
    "DecisionAudit",
    "Evidence",
    "Ledger",
    "Replayed",
    "StoredRow",
    "Subscription",
    "open",
]

"""The ledger: the one object that a service embeds. It composes all of the others."""

from __future__ import annotations

from reps_ledger.ledger.decisions import DecisionAudit, Evidence
from reps_ledger.ledger.ledger import Ledger
from reps_ledger.ledger.opening import open  # noqa: A004 — reps_ledger.open
from reps_ledger.ledger.reviewing import Replayed
from reps_ledger.ledger.subscription import Subscription

__all__ = ["DecisionAudit", "Evidence", "Ledger", "Replayed", "Subscription", "open"]

"""Voiding what cannot be read: the fact that says so of a row, made of what is stored there."""

from __future__ import annotations

from datetime import date

from reps_ledger.domain.facts import EntryVoided
from reps_ledger.errors import InvalidInput
from reps_ledger.ledger.core import Attribution, Core
from reps_ledger.log import Receipt


def void(
    core: Core,
    position: int,
    reason: str,
    occurred_at: date | None,
    attribution: Attribution,
    *,
    unknown: bool,
) -> Receipt:
    """Record that what is stored at a position is voided; see `Ledger.void`."""
    row = core.row(position)
    if row.unknown and not unknown:
        raise InvalidInput(
            f"{row.problem}. It may be read elsewhere, and a void is for good: say unknown=True, or "
            "--unknown, if nobody can read it",
            field="unknown",
        )
    fact = EntryVoided(target_position=position, leaf=row.leaf, reason=reason)
    return core.record([(fact, occurred_at)], attribution)

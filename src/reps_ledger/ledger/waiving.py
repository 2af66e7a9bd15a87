"""Waivers: a clause of the charter lifted for one fact, with a reason, on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from reps_ledger.domain.facts import ExemptionGranted, Fact
from reps_ledger.errors import Refused
from reps_ledger.log import Receipt
from reps_ledger.policies.language.widths import TICK

__all__ = ["waived"]

_Pairs = Iterable[tuple[Fact, date | None]]


def waived(record: Callable[[_Pairs], Receipt], fact: Fact, at: datetime, reason: str) -> Receipt:
    """Record a fact; where the charter refuses it, with exemptions from the clauses that do.

    An exemption lasts for the instant of the fact and no longer. Nothing is waived that need
    not be.

    Args:
        record: records facts in one batch.
        fact: what happened.
        at: when.
        reason: why the charter is waived.

    Raises:
        Refused: something refuses it that cannot be waived.
    """
    try:
        return record([(fact, at)])
    except Refused as refused:
        clauses = {refusal.clause for refusal in refused.refusals}
        if None in clauses:
            raise
    about: Any = fact
    exemptions = [
        ExemptionGranted(member=about.member, policy=clause, reason=reason, expires=at + TICK)
        for clause in sorted(clause for clause in clauses if clause is not None)
    ]
    return record([(each, at) for each in (*exemptions, fact)])

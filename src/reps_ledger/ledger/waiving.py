"""Waivers: a clause of the charter lifted for one fact, with a reason, on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    ExemptionGranted,
    Fact,
)
from reps_ledger.errors import Refused
from reps_ledger.log import Receipt
from reps_ledger.policies.language.widths import TICK

__all__ = ["waived"]

_Pairs = Iterable[tuple[Fact, date | None]]


def waived(
    record: Callable[[_Pairs], Receipt],
    fact: Fact,
    occurred_at: date | None,
    reason: str,
    instant: Callable[[Fact, date | None], datetime],
) -> Receipt:
    """Record a fact; where the charter refuses it, with exemptions from the clauses that do.

    An exemption lasts for the instant of the fact and no longer. Nothing is waived that need
    not be.

    Args:
        record: records facts in one batch.
        fact: what happened.
        occurred_at: when, as it was given.
        reason: why the charter is waived.
        instant: says when a fact happens that is given so.

    Raises:
        Refused: something refuses it that cannot be waived.
    """
    # Now is one instant, for both; a correction without a date happens when its target did.
    correction = isinstance(fact, EntryCorrected | EntryRetracted)
    when = occurred_at if occurred_at or correction else instant(fact, None)
    try:
        return record([(fact, when)])
    except Refused as refused:
        clauses = {refusal.clause for refusal in refused.refusals}
        if None in clauses:
            raise
    at = instant(fact, when)
    about: Any = fact.replacement if isinstance(fact, EntryCorrected) else fact
    exemptions = [
        ExemptionGranted(member=about.member, policy=clause, reason=reason, expires=at + TICK)
        for clause in sorted(clause for clause in clauses if clause is not None)
    ]
    return record([*((each, at) for each in exemptions), (fact, when)])

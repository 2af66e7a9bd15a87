"""A small programme under a charter, for stories."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from reps_ledger.policies.charter import Charter
from scenarios import fixed_clock

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ADOPTED", "AFTER", "BEFORE", "codes", "programme", "story"]

ADOPTED: Final = date(2018, 6, 1)
BEFORE: Final = date(2018, 5, 1)
AFTER: Final = date(2018, 7, 1)


def story(*facts: tuple[rl.Fact, date], kinds: Iterable[type[rl.Fact]] = ()) -> rl.Ledger:
    """Open a ledger in which ana, ben and cleo joined in January, and these facts happened.

    ``kinds`` are a service's own.
    """
    ledger = rl.open(clock=fixed_clock, facts=kinds)
    for member in ("ana", "ben", "cleo"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
    for fact, day in facts:
        ledger.record(fact, by="council", occurred_at=day)
    return ledger


def programme(*facts: tuple[rl.Fact, date], kinds: Iterable[type[rl.Fact]] = (), **clauses: Any) -> rl.Ledger:
    """Open such a ledger, where a charter of these clauses was adopted in June."""
    ledger = story(*facts, kinds=kinds)
    ledger.adopt(Charter(name="reps", version="1", **clauses), by="council", occurred_at=ADOPTED)
    return ledger


def codes(ledger: rl.Ledger, fact: rl.Fact, at: date = AFTER, **options: Any) -> tuple[str, ...]:
    """Try to record a fact; return the codes of its refusals. Then nothing was written."""
    before = ledger.position
    try:
        ledger.record(fact, occurred_at=at, **{"by": "council", **options})
    except rl.Refused as refused:
        assert ledger.position == before
        return refused.codes
    return ()

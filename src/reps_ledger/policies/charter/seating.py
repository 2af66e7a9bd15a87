"""Seats under a charter: counted when somebody sits down, and when others did so later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from reps_ledger.domain.rules.machines import LIFE
from reps_ledger.domain.rules.seats import SEAT, seat_names, seats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import RoleAssigned
    from reps_ledger.domain.refusals import Refusal
    from reps_ledger.domain.rules.governance import Surroundings

__all__ = ["seating"]


def seating(entry: Entry, fact: RoleAssigned, limit: int, known: Surroundings) -> Iterator[Refusal]:
    """Refuse to seat one more than there are seats.

    Args:
        entry: what would be recorded, as it is to be read.
        fact: the assignment that it says.
        limit: how many seats there are.
        known: what is known around it; the parts of ``seats`` are at hand.
    """
    rule = seats(fact.role, fact.community, limit=limit)
    found = [*rule.judge(entry, *(known.state(part) for part in rule.parts(fact, known)))]
    sat = known.entries(SEAT.part(*seat_names(fact.role, fact.community))) or ()
    others = {each.fact.member for each in sat} - {fact.member}
    # Of one instant too: a correction stands where its target did, before the rest of that day.
    for moment in sorted({e.occurred_at for e in sat if e.occurred_at >= entry.occurred_at}):
        if found:
            break
        if _life(fact.member, moment, known, entry).held(fact.role, fact.community, moment):
            lives = [_life(member, moment, known) for member in sorted(others)]
            found = [*rule.judge(replace(entry, occurred_at=moment), None, *lives)]
    yield from found


def _life(member: str, at: datetime, known: Surroundings, *more: Entry) -> Any:
    """Return somebody's life up to an instant, with entries that would be recorded."""
    part = LIFE.part(member)
    state = LIFE.initial
    entries = [*(known.entries(part) or ()), *more]
    for entry in sorted(entries, key=lambda entry: entry.order):
        if entry.occurred_at <= at:
            state = LIFE.evolve(state, entry, part.key)
    return state

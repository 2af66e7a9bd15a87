"""Seats: a role that only so many people may hold at once."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reps_ledger.domain.facts import RoleAssigned
from reps_ledger.domain.rules.machines import LIFE, Life
from reps_ledger.domain.rules.parts import Known, Machine, Parts, Rule, pair_key
from reps_ledger.domain.rules.words import place, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Fact
    from reps_ledger.domain.refusals import Refusal

__all__ = ["SEAT", "seat_names", "seats"]


def seat_names(role: str, community: str | None) -> tuple[str, str]:
    """Return what names a role in a community."""
    return role, community or ""


def _occupy(state: Mapping[str, Entry], entry: Entry, key: str) -> Mapping[str, Entry]:
    fact = entry.fact
    if isinstance(fact, RoleAssigned) and pair_key(*seat_names(fact.role, fact.community)) == key:
        return {**state, fact.member: entry}
    return state


SEAT: Final[Machine[Mapping[str, Entry]]] = Machine(
    prefix="role",
    types=frozenset({"role.assigned"}),
    initial=MappingProxyType({}),
    evolve=_occupy,
)
"""Everyone who was ever given a role in a community.

Every assignment is found under its tag, also where no rule counts seats: one may come later.
"""


def seats(role: str, community: str | None = None, *, limit: int) -> Rule:
    """Make a rule: at most ``limit`` people hold a role at once.

    Pass it to ``open(…, rules=[…])``. It counts everybody who holds the role, whether or not
    it was in force when they were given it. It holds however many record at the same time.

    Args:
        role: which role.
        community: in which community, or None for a role of the whole programme.
        limit: how many seats there are, from 1.
    """
    part = SEAT.part(*seat_names(role, community))

    def applies(fact: Any) -> bool:
        return bool(fact.role == role and fact.community == community)

    def parts(fact: Fact, known: Known) -> Parts:
        if not applies(fact):
            return ()
        ever = known.state(part) or {}
        return (part, *(LIFE.part(member) for member in ever))

    def judge(entry: Entry, *states: Any) -> Iterator[Refusal]:
        fact: Any = entry.fact
        lives: tuple[Life, ...] = states[1:]
        holding = [
            held
            for life in lives
            if life.member != fact.member
            and (held := life.held(role, community, entry.occurred_at)) is not None
        ]
        if applies(fact) and len(holding) >= limit:
            yield refuse(
                "no_seat",
                f"{place(role, community)} has {limit} seat{'' if limit == 1 else 's'}, all taken",
                *holding,
            )

    return Rule(name="role.assigned", parts=parts, judge=judge, dynamic=True)

"""Roles: held now and held ever, who assigned them and why each ended."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from reps_ledger.domain.facts import MemberRetired, RoleAssigned, RoleEnded
from reps_ledger.projections.projection import Projection

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry

__all__ = ["Holding", "Roles", "roles"]


@frozen(kw_only=True)
class Holding:
    """One time that a member held a role, from ``start`` and before ``end``.

    Attributes:
        role: which.
        community: where, or None for the whole programme.
        start: from when.
        until: when its term ends by itself.
        ended: when it was ended, if it was.
        how: how it was ended.
        by: who assigned it.
        reason: why it was assigned.
        end_reason: why it ended.
        assigned_in: id of the entry that assigned it.
        ended_in: id of the entry that ended it.
    """

    role: str
    community: str | None
    start: datetime
    until: datetime | None = None
    ended: datetime | None = None
    how: str | None = None
    by: str
    reason: str = ""
    end_reason: str = ""
    assigned_in: str
    ended_in: str | None = None

    @property
    def end(self) -> datetime | None:
        """The first instant at which it was no longer held, as far as is known."""
        ends = [moment for moment in (self.until, self.ended) if moment is not None]
        return min(ends, default=None)

    def held_at(self, at: datetime) -> bool:
        """Whether it was held then."""
        end = self.end
        return self.start <= at and (end is None or at < end)


@frozen(kw_only=True)
class Roles:
    """A member's roles.

    Attributes:
        member: whose.
        ever: every holding, by when it started.
    """

    member: str
    ever: tuple[Holding, ...] = ()

    def at(self, at: datetime) -> tuple[Holding, ...]:
        """Return what they held then."""
        return tuple(holding for holding in self.ever if holding.held_at(at))


def roles(member: str) -> Projection[Roles]:
    """Make the projection of one member's roles."""
    return Projection(name="roles", version=1, initial=Roles(member=member), evolve=_evolve)


def _evolve(state: Roles, entry: Entry) -> Roles:
    match entry.fact:
        case RoleAssigned(member=member) as fact if member == state.member:
            holding = Holding(
                role=fact.role,
                community=fact.community,
                start=entry.occurred_at,
                until=fact.until,
                by=entry.by,
                reason=fact.reason,
                assigned_in=entry.id,
            )
            return evolve(state, ever=(*state.ever, holding))
        case RoleEnded(member=member) as fact if member == state.member:
            return _end(state, entry, fact, (fact.role, fact.community))
        case MemberRetired(member=member) as fact if member == state.member:
            return _end(state, entry, fact, None)
    return state


def _end(
    state: Roles,
    entry: Entry,
    fact: RoleEnded | MemberRetired,
    only: tuple[str, str | None] | None,
) -> Roles:
    """End what is held at an entry: one role, or all of them where ``only`` is None."""
    at = entry.occurred_at
    ever = tuple(
        evolve(holding, ended=at, how=fact.how, end_reason=fact.reason, ended_in=entry.id)
        if holding.held_at(at) and only in (None, (holding.role, holding.community))
        else holding
        for holding in state.ever
    )
    return evolve(state, ever=ever)

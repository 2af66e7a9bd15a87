"""Projections of one member: roles, where they belong, and vouches.

`Roles` has every time that they held a role, with who assigned it and why it ended; `Belonging`
their accounts, affiliations, communities, mentors and the areas of their reports; `Vouches` who
vouched for them and for whom they vouched, standing or withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import evolve, frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.entries import Entry
from reps_ledger.projections.projection import Projection


@frozen(kw_only=True)
class Holding:
    """One time during which a member held a role: ``[start, end)``.

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
        """The first instant at which it was no longer held; None where no end is known."""
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
    return Projection(name="roles", version=1, initial=Roles(member=member), evolve=_evolve_roles)


def _evolve_roles(state: Roles, entry: Entry) -> Roles:
    match entry.fact:
        case f.RoleAssigned(member=member) as fact if member == state.member:
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
        case f.RoleEnded(member=member) as fact if member == state.member:
            return _end(state, entry, fact, (fact.role, fact.community))
        case f.MemberRetired(member=member) as fact if member == state.member:
            return _end(state, entry, fact, None)
    return state


def _end(
    state: Roles, entry: Entry, fact: f.RoleEnded | f.MemberRetired, only: tuple[str, str | None] | None
) -> Roles:
    """End the roles held when an entry occurred: one, or all of them where ``only`` is None."""
    at = entry.occurred_at
    ever = tuple(
        evolve(holding, ended=at, how=fact.how, end_reason=fact.reason, ended_in=entry.id)
        if holding.held_at(at) and only in (None, (holding.role, holding.community))
        else holding
        for holding in state.ever
    )
    return evolve(state, ever=ever)


@frozen(kw_only=True)
class Belonging:
    """Where a member belongs.

    Attributes:
        member: who.
        accounts: provider and account; the programme's own site has the provider "".
        affiliations: organisations, now.
        communities: those joined and not left.
        mentors: who guides them.
        areas: what their reports are about, the most frequent first in `skills`.
    """

    member: str
    accounts: frozenset[tuple[str, str]] = frozenset()
    affiliations: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()
    mentors: frozenset[str] = frozenset()
    areas: tuple[tuple[str, int], ...] = ()

    @property
    def skills(self) -> tuple[str, ...]:
        """The areas of their reports, the most frequent first."""
        return tuple(area for area, _ in sorted(self.areas, key=lambda item: (-item[1], item[0])))


def belonging(member: str) -> Projection[Belonging]:
    """Make the projection of where one member belongs."""
    return Projection(name="belonging", version=1, initial=Belonging(member=member), evolve=_evolve_belonging)


def _evolve_belonging(state: Belonging, entry: Entry) -> Belonging:
    fact = entry.fact
    step = _STEPS.get(type(fact))
    return state if step is None or fact.member != state.member else step(state, fact)


def _counted(state: Belonging, fact: f.ReportFiled) -> Belonging:
    if not fact.areas or fact.announced:
        return state
    counts = dict(state.areas)
    for area in fact.areas:
        counts[area] = counts.get(area, 0) + 1
    return evolve(state, areas=tuple(counts.items()))


_STEPS: Final[Mapping[type, Callable[[Belonging, Any], Belonging]]] = {
    f.MemberJoined: lambda state, fact: (
        state if fact.account is None else evolve(state, accounts=state.accounts | {("", fact.account)})
    ),
    f.AccountLinked: lambda state, fact: evolve(
        state, accounts=state.accounts | {(fact.provider, fact.account)}
    ),
    f.AccountUnlinked: lambda state, fact: evolve(
        state, accounts=state.accounts - {(fact.provider, fact.account)}
    ),
    f.AffiliationStarted: lambda state, fact: evolve(
        state, affiliations=state.affiliations | {fact.organisation}
    ),
    f.AffiliationEnded: lambda state, fact: evolve(
        state, affiliations=state.affiliations - {fact.organisation}
    ),
    f.CommunityJoined: lambda state, fact: evolve(state, communities=state.communities | {fact.community}),
    f.CommunityLeft: lambda state, fact: evolve(state, communities=state.communities - {fact.community}),
    f.MentorAssigned: lambda state, fact: evolve(state, mentors=state.mentors | {fact.mentor}),
    f.MentorReleased: lambda state, fact: evolve(state, mentors=state.mentors - {fact.mentor}),
    f.ReportFiled: _counted,
}


@frozen(kw_only=True)
class Vouch:
    """One vouch.

    Attributes:
        member: for whom.
        voucher: by whom.
        at: when.
        reason: why.
        given_in: id of the entry that gave it.
        withdrawn: when it was taken back, if it was.
        withdrawn_in: id of the entry that took it back.
    """

    member: str
    voucher: str
    at: datetime
    reason: str
    given_in: str
    withdrawn: datetime | None = None
    withdrawn_in: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it was not taken back."""
        return self.withdrawn is None


@frozen(kw_only=True)
class Vouches:
    """The vouches that concern one member.

    Attributes:
        member: whom.
        all: every vouch for them or by them, by when it was given.
    """

    member: str
    all: tuple[Vouch, ...] = ()

    @property
    def received(self) -> tuple[Vouch, ...]:
        """The standing vouches for them, by others."""
        return tuple(v for v in self.all if v.stands and v.member == self.member and v.voucher != v.member)

    @property
    def given(self) -> tuple[Vouch, ...]:
        """The standing vouches by them, for others."""
        return tuple(v for v in self.all if v.stands and v.voucher == self.member and v.voucher != v.member)

    @property
    def withdrawn(self) -> tuple[Vouch, ...]:
        """Those taken back."""
        return tuple(v for v in self.all if not v.stands)

    @property
    def level(self) -> int:
        """How many people have a standing vouch for them."""
        return len({vouch.voucher for vouch in self.received})


def vouches(member: str) -> Projection[Vouches]:
    """Make the projection of one member's vouches, received and given."""
    return Projection(name="vouches", version=1, initial=Vouches(member=member), evolve=_evolve_vouches)


def _evolve_vouches(state: Vouches, entry: Entry) -> Vouches:
    match entry.fact:
        case f.Vouched(member=member, voucher=voucher, reason=reason) if state.member in (member, voucher):
            vouch = Vouch(
                member=member, voucher=voucher, at=entry.occurred_at, reason=reason, given_in=entry.id
            )
            return evolve(state, all=(*state.all, vouch))
        case f.VouchWithdrawn(member=member, voucher=voucher) if state.member in (member, voucher):
            withdrawn = tuple(
                evolve(v, withdrawn=entry.occurred_at, withdrawn_in=entry.id)
                if v.stands and (v.member, v.voucher) == (member, voucher)
                else v
                for v in state.all
            )
            return evolve(state, all=withdrawn)
    return state

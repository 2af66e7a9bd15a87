"""Belonging: accounts, affiliations, communities, mentors and the areas of somebody's reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from reps_ledger.domain.facts import (
    AccountLinked,
    AccountUnlinked,
    AffiliationEnded,
    AffiliationStarted,
    CommunityJoined,
    CommunityLeft,
    MemberJoined,
    MentorAssigned,
    MentorReleased,
    ReportFiled,
)
from reps_ledger.projections.projection import Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reps_ledger.domain.entries import Entry

__all__ = ["Belonging", "belonging"]


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
    return Projection(name="belonging", version=1, initial=Belonging(member=member), evolve=_evolve)


def _evolve(state: Belonging, entry: Entry) -> Belonging:
    fact: Any = entry.fact
    step = _STEPS.get(type(fact))
    return state if step is None or fact.member != state.member else step(state, fact)


def _counted(state: Belonging, fact: ReportFiled) -> Belonging:
    if not fact.areas or fact.announced:
        return state
    counts = dict(state.areas)
    for area in fact.areas:
        counts[area] = counts.get(area, 0) + 1
    return evolve(state, areas=tuple(counts.items()))


_STEPS: Final[Mapping[type, Callable[[Belonging, Any], Belonging]]] = {
    MemberJoined: lambda state, fact: (
        state
        if fact.account is None
        else evolve(state, accounts=state.accounts | {("", fact.account)})
    ),
    AccountLinked: lambda state, fact: evolve(
        state, accounts=state.accounts | {(fact.provider, fact.account)}
    ),
    AccountUnlinked: lambda state, fact: evolve(
        state, accounts=state.accounts - {(fact.provider, fact.account)}
    ),
    AffiliationStarted: lambda state, fact: evolve(
        state, affiliations=state.affiliations | {fact.organisation}
    ),
    AffiliationEnded: lambda state, fact: evolve(
        state, affiliations=state.affiliations - {fact.organisation}
    ),
    CommunityJoined: lambda state, fact: evolve(
        state, communities=state.communities | {fact.community}
    ),
    CommunityLeft: lambda state, fact: evolve(
        state, communities=state.communities - {fact.community}
    ),
    MentorAssigned: lambda state, fact: evolve(state, mentors=state.mentors | {fact.mentor}),
    MentorReleased: lambda state, fact: evolve(state, mentors=state.mentors - {fact.mentor}),
    ReportFiled: _counted,
}

"""The roster: who is in a community, or holds a role, and how they stand."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.projections.overview import Overview, Standings

__all__ = ["RosterRow", "roster"]


@frozen(kw_only=True)
class RosterRow:
    """One person on a roster.

    Attributes:
        member: who.
        roles: the roles that they hold there.
        since: since when they hold the first of them, or None for those who hold none.
        active: whether they are active.
        on_leave: whether they are on leave.
        last_activity: when they last acted.
        vouch_level: how many people stand for them.
        mentors: who guides them.
        skills: what their reports are about, the most frequent first.
    """

    member: str
    roles: tuple[str, ...]
    since: datetime | None
    active: bool
    on_leave: bool
    last_activity: datetime | None
    vouch_level: int
    mentors: tuple[str, ...]
    skills: tuple[str, ...]


def roster(
    people: Iterable[Overview],
    at: datetime,
    *,
    role: str | None = None,
    community: str | None = None,
    standing: Standings | None = None,
) -> tuple[RosterRow, ...]:
    """List who was there, by name.

    Args:
        people: everyone, folded up to ``at``.
        at: when.
        role: only those who held this role.
        community: only those in this community: they joined it, or held a role in it.
        standing: how members stand; None for the default rule.
    """
    rows = (_row(person, at, role, community, standing) for person in people)
    return tuple(sorted((row for row in rows if row is not None), key=lambda row: row.member))


def _row(
    person: Overview,
    at: datetime,
    role: str | None,
    community: str | None,
    standing: Standings | None,
) -> RosterRow | None:
    held = [
        holding
        for holding in person.roles.at(at)
        if role in (None, holding.role) and community in (None, holding.community)
    ]
    joined = person.membership.joined_at is not None and (
        community is None or community in person.belonging.communities
    )
    if not held and (role is not None or not joined):
        return None
    return RosterRow(
        member=person.member,
        roles=tuple(sorted({holding.role for holding in held})),
        since=min((holding.start for holding in held), default=None),
        active=person.stands(at, standing)[1],
        on_leave=person.membership.is_on_leave(at),
        last_activity=person.membership.last_activity,
        vouch_level=person.vouches.level,
        mentors=tuple(sorted(person.belonging.mentors)),
        skills=person.belonging.skills,
    )

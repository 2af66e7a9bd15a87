"""The census, which counts members by dimensions through time, and the roster, which lists them.

Both read an `Overview` of each member: membership, roles, vouches and belonging, folded together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import product
from operator import attrgetter
from typing import Final

import msgspec
from attrs import evolve, field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Registry
from reps_ledger.domain.spans import SPAN_FACTS, Times, joined_times
from reps_ledger.errors import InvalidInput
from reps_ledger.projections.membership import Membership, membership_by
from reps_ledger.projections.projection import Projection, project_people, projection_of
from reps_ledger.projections.roles import Belonging, Holding, Roles, Vouches, belonging_by

Standings = dict[str, tuple[str, bool]]
"""How each member stands, by name: the outcome, and whether it counts as active."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One member, as folded so far.

    Attributes:
        membership: joined, standing, spells.
        roles: held now and ever.
        vouches: received and given.
        belonging: accounts, affiliations, communities, mentors, areas.
    """

    membership: Membership
    roles: Roles
    vouches: Vouches
    belonging: Belonging

    @property
    def member(self) -> str:
        """Whose overview it is."""
        return self.membership.member

    def stands(self, at: datetime, standing: Standings | None = None) -> tuple[str, bool]:
        """Return how they stand then, and whether that counts as active.

        Args:
            at: when; it must not be before the last entry folded.
            standing: how members stand by a charter; None for the default rule.
        """
        if standing is not None and self.member in standing:
            return standing[self.member]
        active = self.membership.is_active(at)
        return "active" if active else "inactive", active

    def communities(self, at: datetime) -> set[str]:
        """Return the communities that they joined, or hold a role in."""
        held = {h.community for h in self.roles.at(at) if h.community is not None}
        return held | self.belonging.communities


def overview(member: str, zone: tzinfo) -> Projection[Overview]:
    """Make the projection of one member's overview."""

    def evolve_all(state: Overview, entries: Sequence[Entry]) -> Overview:
        # All parts read one fold, of which each by itself would fold the spans of its own kinds.
        membership = membership_by(state.membership, entries, zone=zone, names=SPAN_FACTS)
        spans = membership._spans  # noqa: SLF001 — a part of this state
        if spans is state.membership._spans:  # noqa: SLF001 — as above
            held, vouched = state.roles, state.vouches
        else:
            held, vouched = Roles(member=state.member, spans=spans), Vouches(member=state.member, spans=spans)
        return Overview(
            membership=membership,
            roles=held,
            vouches=vouched,
            belonging=belonging_by(state.belonging, entries, spans),
        )

    initial = Overview(
        membership=Membership(member=member),
        roles=Roles(member=member),
        vouches=Vouches(member=member),
        belonging=Belonging(member=member),
    )
    return projection_of("overview", 2, initial, evolve_all)


_AT_ONCE: Final = 20_000  # entries of everyone that are held in memory until they are folded

NONE: Final = "(none)"
"""The group of who is in none."""


@frozen(kw_only=True)
class CensusRow:
    """How many members were in a group at an instant.

    Attributes:
        at: when.
        group: the value of each dimension, in the order in which they were asked for.
        members: how many people. Someone in two communities is counted in both groups.
    """

    at: datetime
    group: tuple[str, ...]
    members: int


Group = tuple[str, ...]
"""A group of a census: the value of each dimension."""

_Dimension = Callable[[Overview, datetime], Iterable[str]]


@frozen(kw_only=True)
class Defined:
    """Who counts as a member, by a definition other than having joined.

    Attributes:
        members: members of the programme.
        communities: members of each community that has a definition of its own.
    """

    members: frozenset[str]
    communities: Mapping[str, Collection[str]] = field(factory=dict)

    def of(self, person: str, communities: Iterable[str]) -> set[str]:
        """Return the communities that a person counts as a member of.

        Args:
            person: who.
            communities: those that they joined or hold a role in.
        """
        other = {name for name in communities if name not in self.communities}
        return other | {name for name, people in self.communities.items() if person in people}


def _standing(person: Overview, at: datetime) -> Iterator[str]:
    yield person.stands(at)[0]


def _retired(person: Overview, _: datetime) -> Iterator[str]:
    yield "retired" if person.membership.retired_at is not None else "not retired"


def _level(person: Overview, _: datetime) -> Iterator[str]:
    yield str(person.vouches.level)


def _account(person: Overview, _: datetime) -> Iterator[str]:
    yield "with account" if person.belonging.accounts else "without account"


def _affiliation(person: Overview, _: datetime) -> Iterable[str]:
    return person.belonging.affiliations or [NONE]


def _community(person: Overview, at: datetime) -> Iterable[str]:
    return person.communities(at) or [NONE]


def _role(person: Overview, at: datetime) -> Iterable[str]:
    return {holding.role for holding in person.roles.at(at)} or [NONE]


def _kind(person: Overview, _: datetime) -> Iterator[str]:
    yield person.membership.kind or NONE


DIMENSIONS: Final[Mapping[str, _Dimension]] = {
    "account": _account,
    "affiliation": _affiliation,
    "community": _community,
    "kind": _kind,
    "retired": _retired,
    "role": _role,
    "standing": _standing,
    "vouch_level": _level,
}
"""The dimensions of a census: each returns the groups of a person at an instant."""


def overviews(
    history: Iterable[Entry], instants: Iterable[datetime], registry: Registry, zone: tzinfo
) -> Iterator[tuple[datetime, Mapping[str, Overview]]]:
    """Yield everyone's overviews at each instant, in one pass over a history.

    The mapping is changed in place between instants.

    Args:
        history: everyone's entries in effective order.
        instants: when, in any order; each is yielded once, the earliest first.
        registry: knows which fields name people.
        zone: in which months are read.
    """
    states: dict[str, Overview] = {}
    waiting = sorted(set(instants))
    entries: list[Entry] = []

    def take() -> Mapping[str, Overview]:
        project_people(lambda person: overview(person, zone), entries, registry, states)
        entries.clear()
        return states

    for entry in history:
        while waiting and waiting[0] < entry.occurred_at:
            yield waiting.pop(0), take()
        if not waiting:
            return
        entries.append(entry)
        if len(entries) == _AT_ONCE:
            take()
    while waiting:
        yield waiting.pop(0), take()


def overviews_at(
    member: str, entries: Sequence[Entry], instants: Iterable[datetime], zone: tzinfo
) -> Iterator[Overview | None]:
    """Yield one person's overview at each instant; None before anything is known of them.

    Args:
        member: whose.
        entries: their history, in effective order.
        instants: when, the earliest first.
        zone: in which months are read.
    """
    projection = overview(member, zone)
    state, before = projection.initial, 0
    for at in instants:
        upto = bisect_right(entries, at, key=attrgetter("occurred_at"))
        state, before = projection.after(state, entries[before:upto]), upto
        yield state if upto else None


def census(
    people: Iterable[Overview],
    at: datetime,
    by: tuple[str, ...] = (),
    *,
    standing: Standings | None = None,
    defined: Defined | None = None,
) -> tuple[CensusRow, ...]:
    """Count members by dimensions; whoever joined is one for ever.

    Args:
        people: everyone, folded up to ``at``.
        at: when.
        by: names of `DIMENSIONS`; none counts everyone in one group.
        standing: how members stand; None for the default rule.
        defined: who counts as a member; None for whoever had joined.

    Raises:
        InvalidInput: there is no such dimension.
    """
    check_dimensions(by)
    counts: Counter[Group] = Counter()
    for person in people:
        counts.update(groups_of(person, at, by, standing=standing, defined=defined))
    return census_rows(at, counts)


def check_dimensions(by: Iterable[str]) -> None:
    """Refuse to count by what is no dimension.

    Raises:
        InvalidInput: there is no such dimension.
    """
    for name in by:
        if name not in DIMENSIONS:
            raise InvalidInput(f"cannot count by {name!r}; choose of {', '.join(DIMENSIONS)}", field="by")


def groups_of(
    person: Overview,
    at: datetime,
    by: tuple[str, ...],
    *,
    standing: Standings | None = None,
    defined: Defined | None = None,
) -> Iterable[Group]:
    """Return the groups in which a person is counted; none where they are not. As for `census`."""
    if not _counts(person, defined):
        return ()

    def values(name: str) -> Iterable[str]:
        if name == "standing":
            return [person.stands(at, standing)[0]]
        if name == "community" and defined is not None:
            return defined.of(person.member, person.communities(at)) or [NONE]
        return DIMENSIONS[name](person, at)

    return product(*map(values, by))


def census_rows(at: datetime, counts: Mapping[Group, int]) -> tuple[CensusRow, ...]:
    """Return how many were counted in each group, in order."""
    return tuple(CensusRow(at=at, group=group, members=number) for group, number in sorted(counts.items()))


def _counts(person: Overview, defined: Defined | None) -> bool:
    if defined is not None:
        return person.member in defined.members
    return person.membership.joined_at is not None


@frozen(kw_only=True)
class RosterRow:
    """One person on a roster.

    Attributes:
        member: who.
        roles: the roles that they hold there.
        since: since when they have held the first of them without a gap, or None for those who
            hold none.
        active: whether they are active.
        on_leave: whether they are on leave.
        last_activity: when they last acted.
        vouch_level: how many people have a standing vouch for them.
        mentors: who guides them, and has not retired.
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
    retired: Collection[str] = (),
) -> tuple[RosterRow, ...]:
    """Return the people who held a role or were in a community, by name.

    Args:
        people: everyone, folded up to ``at``; or all whom the roster may list.
        at: when.
        role: only those who held this role.
        community: only those in this community: they joined it, or held a role in it.
        standing: how members stand; None for the default rule.
        retired: who of the mentors who are not among ``people`` has retired.
    """
    everyone = [*people]
    retired = {*retired, *(person.member for person in everyone if person.membership.retired_at is not None)}
    rows = []
    for person in everyone:
        row = _row(person, at, role, community, standing)
        if row is not None:
            rows.append(evolve(row, mentors=tuple(name for name in row.mentors if name not in retired)))
    return tuple(sorted(rows, key=lambda row: row.member))


def _row(
    person: Overview, at: datetime, role: str | None, community: str | None, standing: Standings | None
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
        since=_since(person, at, held),
        active=person.stands(at, standing)[1],
        on_leave=person.membership.is_on_leave(at),
        last_activity=person.membership.last_activity,
        vouch_level=person.vouches.level,
        mentors=tuple(sorted(person.belonging.mentors)),
        skills=person.belonging.skills,
    )


def _since(person: Overview, at: datetime, held: Iterable[Holding]) -> datetime | None:
    """Return since when somebody has held the first of some roles: elected again, all along."""
    seats = {(holding.role, holding.community) for holding in held}
    of_seat: dict[tuple[str, str | None], list[Times]] = {seat: [] for seat in seats}
    for each in person.roles.ever:
        if (times := of_seat.get((each.role, each.community))) is not None:
            times.append((each.start, each.end))
    found = [
        start
        for times in of_seat.values()
        for start, end in joined_times(times)
        if start <= at and (end is None or at < end)
    ]
    return min(found, default=None)

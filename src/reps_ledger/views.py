"""Views: what was true at an instant, as known at a position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.time import instant_of, last_of_day
from reps_ledger.errors import InvalidInput
from reps_ledger.log.drafts import Receipt
from reps_ledger.projections import (
    Belonging,
    CensusRow,
    Holding,
    Line,
    Membership,
    Overview,
    RosterRow,
    Spell,
    Vouch,
    Vouches,
    belonging,
    census,
    membership,
    overviews,
    project,
    roles,
    roster,
    timeline,
    vouches,
)

if TYPE_CHECKING:
    from reps_ledger.log.reading import Reading

__all__ = ["History", "MemberView", "MembershipView", "RolesView", "View", "as_instant"]


def as_instant(value: date, zone: tzinfo, what: str = "valid_at") -> datetime:
    """Read an as-of: a date means the end of that day, so that all that happened on it counts."""
    if isinstance(value, datetime):
        return instant_of(value, what)
    if isinstance(value, date):
        return last_of_day(value, zone)
    raise InvalidInput(f"{what} must be a date or a datetime, not {value!r:.80}", field=what)


@frozen(eq=False)
class History(Iterable[Entry]):
    """Entries in effective order, corrections applied, at an as-of.

    The history of everyone is read anew, in bounded memory, each time that it is gone through.
    """

    _source: Callable[[], Iterable[Entry]] = field(repr=False)
    valid_at: datetime
    known_at: int

    def __iter__(self) -> Iterator[Entry]:
        return (entry for entry in self._source() if entry.occurred_at <= self.valid_at)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of it at once."""
        return tuple(self)


@frozen(kw_only=True)
class RolesView:
    """A member's roles at an as-of.

    Attributes:
        now: what they held then.
        ever: every holding that was known, by when it started.
    """

    now: tuple[Holding, ...]
    ever: tuple[Holding, ...]

    def __contains__(self, role: object) -> bool:
        return any(holding.role == role for holding in self.now)

    def __iter__(self) -> Iterator[Holding]:
        return iter(self.now)

    def held(self, role: str, community: str | None = None) -> bool:
        """Whether they held a role in that community, or programme-wide where it is None."""
        return any((h.role, h.community) == (role, community) for h in self.now)


@frozen(kw_only=True)
class MembershipView:
    """A person's membership at an as-of.

    Attributes:
        member: whose.
        is_member: whether they had joined; once true, true for ever.
        standing: "active" or "inactive"; None for somebody who never joined.
        since: since when they stand so.
        last_activity: when they last acted.
        on_leave: whether they are on leave.
        retired_at: when they retired, unless they came back.
        spells: every time of activity and absence, in order.
        state: the projection that this is read from.
    """

    member: str
    is_member: bool
    standing: str | None
    since: datetime | None
    last_activity: datetime | None
    on_leave: bool
    retired_at: datetime | None
    spells: tuple[Spell, ...]
    state: Membership = field(repr=False)

    @property
    def joined_at(self) -> datetime | None:
        """When they joined."""
        return self.state.joined_at

    @property
    def kind(self) -> str | None:
        """As what they joined: volunteer, staff or another word."""
        return self.state.kind

    @property
    def active(self) -> bool:
        """Whether they are active."""
        return self.standing == "active"


class MemberView:
    """One member at an as-of.

    Attributes:
        member: who; after a merge, the identifier that was kept.
        history: their entries, in effective order.
    """

    def __init__(self, member: str, history: tuple[Entry, ...], at: datetime, zone: tzinfo) -> None:
        self.member = member
        self.history = history
        self._at = at
        self._zone = zone

    def __repr__(self) -> str:
        return f"MemberView({self.member!r}, {len(self.history)} entries, at {self._at})"

    @cached_property
    def roles(self) -> RolesView:
        """Their roles, now and ever."""
        state = project(roles(self.member), self.history)
        return RolesView(now=state.at(self._at), ever=state.ever)

    @cached_property
    def membership(self) -> MembershipView:
        """Their membership: for ever; with its standing and spells."""
        state = project(membership(self.member, self._zone), self.history)
        spells = state.spells(self._at)
        joined = state.joined_at is not None
        standing = "active" if state.is_active(self._at) else "inactive"
        return MembershipView(
            member=self.member,
            is_member=joined,
            standing=standing if joined else None,
            since=spells[-1].start if spells else None,
            last_activity=state.last_activity,
            on_leave=state.is_on_leave(self._at),
            retired_at=state.retired_at,
            spells=spells,
            state=state,
        )

    @cached_property
    def vouches(self) -> Vouches:
        """Who vouched for them, and for whom they vouched."""
        return project(vouches(self.member), self.history)

    @cached_property
    def belonging(self) -> Belonging:
        """Their accounts, affiliations, communities, mentors and skills."""
        return project(belonging(self.member), self.history)

    @cached_property
    def timeline(self) -> tuple[Line, ...]:
        """Their life in the programme, in words."""
        return project(timeline(self.member, self._zone), self.history)


class View:
    """What was true at ``valid_at``, as known at position ``known_at``. It never changes."""

    def __init__(self, reading: Reading, valid_at: datetime, zone: tzinfo) -> None:
        self.reading = reading
        self._zone = zone
        self.valid_at = valid_at
        self.known_at = reading.known_at

    def __repr__(self) -> str:
        return f"View(valid_at={self.valid_at.isoformat()}, known_at={self.known_at})"

    def member(self, member: str) -> MemberView:
        """Return one person; somebody unknown has an empty history."""
        kept, entries = self.reading.member(member)
        seen = tuple(entry for entry in entries if entry.occurred_at <= self.valid_at)
        return MemberView(kept, seen, self.valid_at, self._zone)

    def history(self, member: str | None = None, *, community: str | None = None) -> History:
        """Return the history of a member, of a community, or of everyone.

        Raises:
            InvalidInput: both a member and a community are named.
        """
        source: Callable[[], Iterable[Entry]]
        if member is not None and community is not None:
            raise InvalidInput("name a member or a community, not both")
        if member is not None:
            source = _kept(self.reading.member(member)[1])
        elif community is not None:
            source = _kept(self.reading.community(community))
        else:
            source = self.reading.everyone
        return History(source, self.valid_at, self.known_at)

    def roster(
        self, *, role: str | None = None, community: str | None = None
    ) -> tuple[RosterRow, ...]:
        """List who holds a role, or who is in a community, by name."""
        return roster(self._people(), self.valid_at, role=role, community=community)

    def census(
        self, *, by: str | Iterable[str] = (), at: Iterable[date] | None = None
    ) -> tuple[CensusRow, ...]:
        """Count members by dimensions, at this view's instant or through time.

        Args:
            by: one dimension or several, of ``reps_ledger.projections.DIMENSIONS``.
            at: instants or dates, all as known to this view.

        Raises:
            InvalidInput: there is no such dimension, or an instant is after this view's own.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        instants = [self.valid_at] if at is None else [as_instant(d, self._zone, "at") for d in at]
        if any(instant > self.valid_at for instant in instants):
            raise InvalidInput(f"this view ends at {self.valid_at.isoformat()}", field="at")
        registry: Any = self.reading.log.codec.registry
        counted = overviews(self.reading.everyone(), instants, registry, self._zone)
        return tuple(
            row for when, people in counted for row in census(people.values(), when, names)
        )

    def vouch_graph(self) -> tuple[Vouch, ...]:
        """Return every standing vouch, by whom and for whom: the edges of the graph."""
        standing = (v for person in self._people() for v in person.vouches.given)
        return tuple(sorted(standing, key=lambda v: (v.voucher, v.member)))

    def _people(self) -> Iterable[Overview]:
        registry = self.reading.log.codec.registry
        everyone = self.reading.everyone()
        for _, people in overviews(everyone, [self.valid_at], registry, self._zone):
            return people.values()
        raise AssertionError  # pragma: no cover — one instant is always yielded


def _kept(entries: list[Entry]) -> Callable[[], Iterable[Entry]]:
    return lambda: entries


def known_position(known_at: int | Receipt | datetime | None, reading: Reading) -> int:
    """Return the position that ``known_at`` means, no later than the log's head.

    Raises:
        InvalidInput: it is neither a position, a receipt, a datetime nor None.
    """
    if known_at is None:
        return reading.known_at
    if isinstance(known_at, Receipt):
        return min(known_at.position, reading.known_at)
    if isinstance(known_at, datetime):
        return reading.position_of(instant_of(known_at, "known_at"))
    if type(known_at) is not int or known_at < 0:
        raise InvalidInput(
            f"known_at must be a position from 0, a receipt or a datetime, not {known_at!r:.80}",
            field="known_at",
        )
    return min(known_at, reading.known_at)

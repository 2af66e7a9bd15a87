"""Membership, which lasts for ever, and its spells of activity and absence.

This is the default rule of who is active, which a programme's charter may replace. A member is
active if they acted within the last 12 calendar months (in the ledger's zone), or while they are
on leave that has not lapsed. Retiring ends a spell of activity; a later act begins another.
`reps_ledger.domain.facts.acting` says which facts are acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import MemberJoined, MemberRetired, acting
from reps_ledger.domain.spans import SpanFold, joined_spans
from reps_ledger.domain.time import LAST, Period
from reps_ledger.projections.projection import Projection, projection_of
from reps_ledger.projections.roles import NO_SPANS, concerns, reads

ACTIVE_MONTHS: Final = 12
"""Calendar months for which an act keeps a member active."""


_Stretches = tuple[tuple[datetime, datetime], ...]


@frozen(kw_only=True)
class Spell:
    """A time of activity or of absence: ``[start, end)``.

    Attributes:
        active: whether it is one of activity.
        start: its first instant.
        end: the first instant after it; None while it lasts.
    """

    active: bool
    start: datetime
    end: datetime | None


@frozen(kw_only=True)
class Membership:
    """A person's membership, as folded so far.

    Attributes:
        member: whose.
        joined_at: when they joined; None for somebody who never did.
        kind: volunteer, staff …
        inferred: whether the joining was inferred.
        last_activity: when they last acted.
        acted: times during which acts keep them active, each ``[start, until)``, disjoint and in
            order; cut where they retired. The last reaches as far as what was folded.
    """

    member: str
    joined_at: datetime | None = None
    kind: str | None = None
    inferred: bool = False
    last_activity: datetime | None = None
    acted: _Stretches = ()
    _spans: SpanFold = field(default=NO_SPANS, repr=False)

    @property
    def retired_at(self) -> datetime | None:
        """When they retired, unless they came back."""
        retirement = self._spans.retirement
        return None if retirement is None else retirement.occurred_at

    @property
    def retired_how(self) -> str | None:
        """How they retired: one of ``RETIREMENTS``."""
        retirement: Entry[MemberRetired] | None = self._spans.retirement
        return None if retirement is None else retirement.fact.how

    @property
    def stretches(self) -> _Stretches:
        """Times of activity, by acts or leave, each ``[start, until)``, disjoint and in order."""
        leave = joined_spans(self._spans.of("leave.started"))
        if not leave:
            return self.acted
        found: _Stretches = ()
        for start, until in sorted([*self.acted, *((start, until or LAST) for start, until in leave)]):
            found = _stretched(found, start, until)
        return found

    def is_active(self, at: datetime) -> bool:
        """Whether they were active then. ``at`` must not be before the last entry folded."""
        if self.acted and self.acted[-1][0] <= at < self.acted[-1][1]:
            return True
        return self.is_on_leave(at)

    def is_on_leave(self, at: datetime) -> bool:
        """Whether they were on leave that had not lapsed; as for `is_active`."""
        return self._spans.running("leave.started", at) is not None

    def spells(self, at: datetime) -> tuple[Spell, ...]:
        """Return every spell up to then, in order; the last one has no end."""
        found: list[Spell] = []
        stretches = self.stretches
        absent = stretches[0][0] if stretches else None
        for start, until in stretches:
            if start == until:
                continue  # activity that ended as it began, such as a retirement that very day
            if absent is not None and absent < start:
                found.append(Spell(active=False, start=absent, end=start))
            found.append(Spell(active=True, start=start, end=until if until <= at else None))
            absent = until
        if absent is not None and not (found and found[-1].end is None):
            found.append(Spell(active=False, start=absent, end=None))
        return tuple(found)


def membership(member: str, zone: tzinfo) -> Projection[Membership]:
    """Make the projection of one person's membership, reading months in a zone."""
    return projection_of("membership", 2, Membership(member=member), partial(membership_by, zone=zone))


_OF_MEMBERSHIP: Final = reads("leave.started", "member.retired")


def membership_by(
    state: Membership, entries: Sequence[Entry], *, zone: tzinfo, names: frozenset[str] = _OF_MEMBERSHIP
) -> Membership:
    """Return a person's membership after more entries.

    Args:
        state: before these.
        entries: the next ones.
        zone: in which months are read.
        names: the stored names of the facts whose spans are folded; these are some of them.
    """
    member, before = state.member, state._spans  # noqa: SLF001 — its own fold
    spans, acted, last, joined = before, _Acted(state.acted, zone), state.last_activity, None
    for entry in entries:
        fact, at = entry.fact, entry.occurred_at
        if concerns(entry, member, names):
            if spans is before:
                spans = spans.copy()
            spans.take(entry)
            if isinstance(fact, MemberRetired) and spans.retirement is not None:
                acted.cut(at)
            elif isinstance(fact, MemberJoined):
                joined = joined or entry
        if acting(fact) == member:
            acted.take(at)
            last = at
    if spans is before and last is state.last_activity:
        return state
    if joined is not None and state.joined_at is None:
        fact = joined.fact
        state = evolve(state, joined_at=joined.occurred_at, kind=fact.kind, inferred=fact.inferred)
    return evolve(state, spans=spans, acted=acted.stretches(), last_activity=last)


_SURELY: Final = timedelta(days=300)
"""Less than ``ACTIVE_MONTHS`` in any zone: acts no further apart are of one stretch."""


class _Acted:
    """The stretches that acts make, one act after the other.

    Args:
        stretches: so far.
        zone: in which months are read.
    """

    def __init__(self, stretches: _Stretches, zone: tzinfo) -> None:
        self._stretches = stretches
        self._zone = zone
        self._run: tuple[datetime, datetime] | None = None  # acts of one stretch: the first and the last

    def take(self, at: datetime) -> None:
        """Take the next act."""
        if self._run is not None and at - self._run[1] < _SURELY:
            self._run = self._run[0], max(self._run[1], at)
        else:
            self.stretches()
            self._run = at, at

    def cut(self, at: datetime) -> None:
        """End the last stretch, at the latest then."""
        self._stretches = _cut(self.stretches(), at)

    def stretches(self) -> _Stretches:
        """Return them, with all acts taken."""
        if self._run is not None:
            start, last = self._run
            until = Period(ACTIVE_MONTHS).after(last, self._zone) or LAST
            self._stretches, self._run = _stretched(self._stretches, start, until), None
        return self._stretches


def _stretched(stretches: _Stretches, start: datetime, until: datetime) -> _Stretches:
    """Return stretches with one more, which is joined to the last where they touch."""
    if stretches and start <= stretches[-1][1]:
        *before, (first, last) = stretches
        return (*before, (first, max(last, until)))
    return (*stretches, (start, until))


def _cut(stretches: _Stretches, at: datetime) -> _Stretches:
    """Return stretches, the last of which ends at ``at`` at the latest."""
    if not stretches or stretches[-1][1] <= at:
        return stretches
    *before, (first, _) = stretches
    return (*before, (first, at))

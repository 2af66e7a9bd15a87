"""Membership, which lasts for ever, and its spells of activity and absence.

This is the default rule of who is active, which a programme's charter may replace. A member is
active if they acted within the last 12 calendar months (in the ledger's zone), or while they are
on leave that has not lapsed. Retiring ends a spell of activity; a later act begins another.
`reps_ledger.domain.facts.acting` says which facts are acts.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import partial
from typing import Final

import msgspec
from attrs import frozen
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import (
    LeaveEnded,
    LeaveStarted,
    MemberJoined,
    MemberRetired,
    MemberReturned,
    RoleAssigned,
    acting,
)
from reps_ledger.domain.time import LAST, Period
from reps_ledger.projections.projection import Projection

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


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A person's membership, as folded so far.

    A msgspec struct, as these are made quickly, and every act of everyone makes a new one.

    Attributes:
        member: whose.
        joined_at: when they joined; None for somebody who never did.
        kind: volunteer, staff …
        inferred: whether the joining was inferred.
        retired_at: when they retired, unless they came back.
        retired_how: how they retired: one of ``RETIREMENTS``.
        last_activity: when they last acted.
        on_leave_since: when their leave started, unless it was ended.
        leave_until: when it lapses.
        stretches: times of activity, each ``[start, until)``, disjoint and in order. The last
            reaches as far as what was folded keeps them active.
        acted_until: until when their acts alone, without leave, keep them active.
    """

    member: str
    joined_at: datetime | None = None
    kind: str | None = None
    inferred: bool = False
    retired_at: datetime | None = None
    retired_how: str | None = None
    last_activity: datetime | None = None
    on_leave_since: datetime | None = None
    leave_until: datetime | None = None
    stretches: _Stretches = ()
    acted_until: datetime | None = None

    def is_active(self, at: datetime) -> bool:
        """Whether they were active then. ``at`` must not be before the last entry folded."""
        return bool(self.stretches) and self.stretches[-1][0] <= at < self.stretches[-1][1]

    def is_on_leave(self, at: datetime) -> bool:
        """Whether they were on leave that had not lapsed."""
        if self.on_leave_since is None:
            return False
        return self.leave_until is None or at < self.leave_until

    def spells(self, at: datetime) -> tuple[Spell, ...]:
        """Return every spell up to then, in order; the last one has no end."""
        found: list[Spell] = []
        absent = self.stretches[0][0] if self.stretches else None
        for start, until in self.stretches:
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
    return Projection(
        name="membership", version=1, initial=Membership(member=member), evolve=partial(_evolve, zone=zone)
    )


def _evolve(state: Membership, entry: Entry, *, zone: tzinfo) -> Membership:
    fact = entry.fact
    if getattr(fact, "member", None) == state.member:
        state = _with_own_fact(state, entry)
    if acting(fact) == state.member:
        state = _with_act(state, entry.occurred_at, zone)
    return state


def _with_own_fact(state: Membership, entry: Entry) -> Membership:
    at = entry.occurred_at
    match entry.fact:
        case MemberJoined(kind=kind, inferred=inferred) if state.joined_at is None:
            return replace(state, joined_at=at, kind=kind, inferred=inferred)
        case MemberRetired(how=how):
            state = replace(_cut(state, at), retired_at=at, retired_how=how, acted_until=None)
            return replace(state, on_leave_since=None, leave_until=None)
        case MemberReturned() | RoleAssigned():
            return replace(state, retired_at=None, retired_how=None)
        case LeaveStarted(expected_return=expected):
            stretches = _stretched(state.stretches, at, LAST if expected is None else expected)
            return replace(state, stretches=stretches, on_leave_since=at, leave_until=expected)
        case LeaveEnded() if state.on_leave_since is not None:
            state = _cut(state, max(at, state.acted_until or at))
            return replace(state, on_leave_since=None, leave_until=None)
    return state


def _with_act(state: Membership, at: datetime, zone: tzinfo) -> Membership:
    until = Period(ACTIVE_MONTHS).after(at, zone) or LAST
    return replace(
        state, stretches=_stretched(state.stretches, at, until), last_activity=at, acted_until=until
    )


def _stretched(stretches: _Stretches, start: datetime, until: datetime) -> _Stretches:
    """Return stretches with one more, which is joined to the last where they touch."""
    if stretches and start <= stretches[-1][1]:
        *before, (first, last) = stretches
        return (*before, (first, max(last, until)))
    return (*stretches, (start, until))


def _cut(state: Membership, at: datetime) -> Membership:
    """Return the state with its last stretch ending at ``at`` at the latest."""
    if not state.stretches or state.stretches[-1][1] <= at:
        return state
    *before, (first, _) = state.stretches
    return replace(state, stretches=(*before, (first, at)))

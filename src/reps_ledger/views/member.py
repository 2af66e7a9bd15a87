"""A view of one member at an as-of: roles, membership, vouches, belonging and timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from attrs import field, frozen

from reps_ledger.domain.arguments import checked_methods
from reps_ledger.domain.entries import Entry
from reps_ledger.policies.subject import Subject
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import (
    Belonging,
    Holding,
    Line,
    Membership,
    Profile,
    Spell,
    Vouches,
    belonging,
    membership,
    profile,
    project,
    roles,
    timeline,
    vouches,
)
from reps_ledger.views.evaluator import PolicyEvaluator


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
        standing: "active" or "inactive", or what the standing policy of the charter in force
            says; None for somebody who never joined.
        active: whether that counts as active.
        since: since when they have been active, or have not been.
        last_activity: when they last acted.
        on_leave: whether they are on leave.
        retired_at: when they retired, unless they came back.
        spells: every time of activity and absence, in order.
        state: the projection that this is read from.
        verdict: of the standing policy of the charter in force; None under the default rule.
    """

    member: str
    is_member: bool
    standing: str | None
    active: bool
    since: datetime | None
    last_activity: datetime | None
    on_leave: bool
    retired_at: datetime | None
    spells: tuple[Spell, ...]
    state: Membership = field(repr=False)
    verdict: Verdict | None = field(default=None, repr=False)

    @property
    def joined_at(self) -> datetime | None:
        """When they joined."""
        return self.state.joined_at

    @property
    def kind(self) -> str | None:
        """As what they joined: volunteer, staff or another word."""
        return self.state.kind


@checked_methods
class MemberView:
    """One member at an as-of.

    Attributes:
        member: who; after a merge, the identifier that was kept.
    """

    def __init__(self, subject: Subject, evaluator: PolicyEvaluator) -> None:
        self.member = subject.dossier.name
        self._subject = subject
        self._evaluator = evaluator
        self._at = subject.at
        self._zone = subject.zone

    def __repr__(self) -> str:
        return f"MemberView({self.member!r}, {len(self._seen)} entries, at {self._at})"

    @cached_property
    def _seen(self) -> tuple[Entry, ...]:
        return tuple(self._subject.seen(self._subject.dossier.entries))

    @cached_property
    def history(self) -> tuple[Entry, ...]:
        """Their entries, in effective order, with sealed texts opened as far as the keys are there."""
        opened = self._evaluator.reading.log.codec.opened_entry
        return tuple([opened(entry) for entry in self._seen])

    @cached_property
    def roles(self) -> RolesView:
        """Their roles, now and ever."""
        state = project(roles(self.member), self.history)
        return RolesView(now=state.at(self._at), ever=state.ever)

    @cached_property
    def membership(self) -> MembershipView:
        """Their membership, which lasts for ever, with their standing and spells of activity."""
        state = project(membership(self.member, self._zone), self._seen)
        joined = state.joined_at is not None
        verdict, stand = self._evaluator.stand(self._subject, state)
        spells = self._evaluator.spells(self._subject, state)
        return MembershipView(
            member=self.member,
            is_member=joined,
            standing=stand.outcome if joined else None,
            active=stand.active and joined,
            since=spells[-1].start if spells else None,
            last_activity=state.last_activity,
            on_leave=state.is_on_leave(self._at),
            retired_at=state.retired_at,
            spells=spells,
            state=state,
            verdict=verdict,
        )

    @property
    def vouch_level(self) -> str | None:
        """The name of their vouch level under the charter in force; None where it has none."""
        charter = self._evaluator.charter(self._at)
        if charter is None or charter.vouching is None:
            return None
        return charter.vouching.level(self.vouches.level)

    @cached_property
    def vouches(self) -> Vouches:
        """Who vouched for them, and for whom they vouched."""
        return project(vouches(self.member), self.history)

    @cached_property
    def belonging(self) -> Belonging:
        """Their accounts, affiliations, communities, mentors and skills."""
        return project(belonging(self.member), self.history)

    @cached_property
    def profile(self) -> Profile:
        """What is recorded of them: fields to values."""
        return project(profile(self.member), self.history)

    @property
    def name(self) -> str | None:
        """What people call them by: the field ``name`` of their profile; None where it has no value."""
        return self.profile.name

    @cached_property
    def timeline(self) -> tuple[Line, ...]:
        """Their history in words."""
        return project(timeline(self.member, self._zone), self.history)

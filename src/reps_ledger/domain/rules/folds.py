"""The folds: what rules need to remember of the past, folded from entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import (
    AccountUnlinked,
    AgreementAccepted,
    AgreementRevoked,
    ApplicationDecided,
    ApplicationFiled,
    CommunityFounded,
    CommunityJoined,
    CommunityLeft,
    CourseCompleted,
    Fact,
    LeaveEnded,
    LeaveStarted,
    MemberJoined,
    MemberRetired,
    MemberReturned,
    MentorAssigned,
    MentorReleased,
    NoticeSent,
    OpportunityHeld,
    PolicyStated,
    ReviewDecided,
    ReviewOpened,
    RoleAssigned,
    RoleEnded,
    Vouched,
    VouchWithdrawn,
    kind_of,
)
from reps_ledger.domain.rules.parts import Fold, pair_key

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


@frozen(kw_only=True)
class MemberState:
    """A member's life in the programme, as far as rules need it: the entries that hold now.

    Attributes:
        member: whose, once anything is known of them.
        joined: when they joined.
        retired: their standing retirement.
        leave: their leave, if it was not ended; it may have lapsed.
        roles: by role and community.
        communities: by name.
        courses: by course and version.
        agreements: by agreement and version.
    """

    member: str = ""
    joined: Entry | None = None
    retired: Entry | None = None
    leave: Entry | None = None
    roles: Mapping[tuple[str, str | None], Entry] = _NOTHING
    communities: Mapping[str, Entry] = _NOTHING
    courses: Mapping[tuple[str, str | None], Entry] = _NOTHING
    agreements: Mapping[tuple[str, str | None], Entry] = _NOTHING

    def held(self, role: str, community: str | None, at: datetime) -> Entry | None:
        """Return the entry by which they hold that role then, or None."""
        entry = self.roles.get((role, community))
        if entry is None or not isinstance(entry.fact, RoleAssigned):
            return None
        until = entry.fact.until
        return entry if until is None or at < until else None

    def on_leave(self, at: datetime) -> Entry | None:
        """Return the entry by which they are on leave then, or None."""
        if self.leave is None or not isinstance(self.leave.fact, LeaveStarted):
            return None
        expected = self.leave.fact.expected_return
        return self.leave if expected is None or at < expected else None


def _set(mapping: Mapping[Any, Entry], key: Any, entry: Entry) -> Mapping[Any, Entry]:
    return {**mapping, key: entry}


def _without(mapping: Mapping[Any, Entry], key: Any) -> Mapping[Any, Entry]:
    return {k: v for k, v in mapping.items() if k != key} if key in mapping else mapping


def _copy(life: MemberState, entry: Entry, **changes: Any) -> MemberState:
    # attrs.evolve, without looking the fields up each time: this runs once per imported row.
    return MemberState(
        member=entry.fact.member,
        joined=changes.get("joined", life.joined),
        retired=changes.get("retired", life.retired),
        leave=changes.get("leave", life.leave),
        roles=changes.get("roles", life.roles),
        communities=changes.get("communities", life.communities),
        courses=changes.get("courses", life.courses),
        agreements=changes.get("agreements", life.agreements),
    )


_STEPS: Final[Mapping[type, Callable[[MemberState, Entry, Any], MemberState]]] = {
    MemberJoined: lambda life, entry, _: _copy(life, entry, joined=life.joined or entry),
    MemberRetired: lambda life, entry, _: _copy(life, entry, retired=entry, roles=_NOTHING),
    MemberReturned: lambda life, entry, _: _copy(life, entry, retired=None),
    RoleAssigned: lambda life, entry, fact: _copy(
        life, entry, retired=None, roles=_set(life.roles, (fact.role, fact.community), entry)
    ),
    RoleEnded: lambda life, entry, fact: _copy(
        life, entry, roles=_without(life.roles, (fact.role, fact.community))
    ),
    CommunityJoined: lambda life, entry, fact: _copy(
        life, entry, communities=_set(life.communities, fact.community, entry)
    ),
    CommunityLeft: lambda life, entry, fact: _copy(
        life, entry, communities=_without(life.communities, fact.community)
    ),
    LeaveStarted: lambda life, entry, _: _copy(life, entry, leave=entry),
    LeaveEnded: lambda life, entry, _: _copy(life, entry, leave=None),
    CourseCompleted: lambda life, entry, fact: _copy(
        life, entry, courses=_set(life.courses, (fact.course, fact.version), entry)
    ),
    AgreementAccepted: lambda life, entry, fact: _copy(
        life, entry, agreements=_set(life.agreements, (fact.agreement, fact.version), entry)
    ),
    AgreementRevoked: lambda life, entry, fact: _copy(
        life, entry, agreements=_without(life.agreements, (fact.agreement, fact.version))
    ),
}


def _live(life: MemberState, entry: Entry, member: str) -> MemberState:
    fact: Any = entry.fact
    step = _STEPS.get(type(fact))
    return life if step is None or fact.member != member else step(life, entry, fact)


LIFE: Final[Fold[MemberState]] = Fold(
    prefix="member",
    types=frozenset(kind_of(kind).name for kind in _STEPS),
    initial=MemberState(),
    evolve=_live,
    people=True,
    merges=True,
)


def _standing(
    prefix: str,
    key: Callable[[Any], str],
    begins: type[Fact],
    ends: type[Fact] | None = None,
    *,
    people: bool = False,
) -> Fold[Entry | None]:
    """Make a fold whose state is the entry that stands for a key, or None."""

    def step(state: Entry | None, entry: Entry, wanted: str) -> Entry | None:
        if key(entry.fact) != wanted:
            return state
        return entry if isinstance(entry.fact, begins) else None

    kinds = [begins] if ends is None else [begins, ends]
    return Fold(
        prefix=prefix,
        types=frozenset(kind_of(kind).name for kind in kinds),
        initial=None,
        evolve=step,
        people=people,
    )


def account_names(fact: Any) -> tuple[str, str]:
    """Return what names an account; the programme's own site has no provider."""
    return getattr(fact, "provider", ""), fact.account or ""


VOUCH = _standing(
    "vouch", lambda fact: pair_key(fact.voucher, fact.member), Vouched, VouchWithdrawn, people=True
)
"""The standing vouch of one voucher for one member."""

MENTORING = _standing(
    "mentor",
    lambda fact: pair_key(fact.mentor, fact.member),
    MentorAssigned,
    MentorReleased,
    people=True,
)
"""The standing assignment of one mentor to one member."""

NOTICE = _standing("notice", lambda fact: fact.notice, NoticeSent)
"""A notice that was sent."""

OPPORTUNITY = _standing("opportunity", lambda fact: fact.opportunity, OpportunityHeld)
"""An opportunity that was held."""

COMMUNITY = _standing("community", lambda fact: fact.community, CommunityFounded)
"""A community that was founded."""

POLICY = _standing("policy", lambda fact: fact.digest, PolicyStated)
"""A policy whose words were stated, by their digest."""


def _link(state: Entry | None, entry: Entry, key: str) -> Entry | None:
    fact = entry.fact
    if isinstance(fact, MemberJoined) and fact.account is None:
        return state
    if pair_key(*account_names(fact)) != key:
        return state
    return None if isinstance(fact, AccountUnlinked) else entry


ACCOUNT: Final[Fold[Entry | None]] = Fold(
    prefix="account",
    types=frozenset({"member.joined", "account.linked", "account.unlinked"}),
    initial=None,
    evolve=_link,
)
"""The entry by which an account is somebody's."""


def _review(state: tuple[Entry, ...], entry: Entry, key: str) -> tuple[Entry, ...]:
    fact = entry.fact
    about = isinstance(fact, ReviewOpened | ReviewDecided) and fact.review == key
    return (*state, entry) if about else state


REVIEW: Final[Fold[tuple[Entry, ...]]] = Fold(
    prefix="review",
    types=frozenset({"review.opened", "review.decided"}),
    initial=(),
    evolve=_review,
)
"""What happened to one review: opened, then decided."""


def _apply(
    state: Mapping[tuple[str, str | None], Entry], entry: Entry, member: str
) -> Mapping[tuple[str, str | None], Entry]:
    fact = entry.fact
    if isinstance(fact, ApplicationFiled) and fact.member == member:
        return _set(state, (fact.role, fact.community), entry)
    if isinstance(fact, ApplicationDecided) and fact.member == member:
        return _without(state, (fact.role, fact.community))
    return state


APPLICATIONS: Final[Fold[Mapping[tuple[str, str | None], Entry]]] = Fold(
    prefix="member",
    types=frozenset({"application.filed", "application.decided"}),
    initial=_NOTHING,
    evolve=_apply,
    people=True,
)
"""A person's open applications, by role and community."""


def _target(state: Entry | None, entry: Entry, key: str) -> Entry | None:
    return entry if entry.id == key else state


TARGET: Final[Fold[Entry | None]] = Fold(
    prefix="entry", types=None, initial=None, evolve=_target, retractions=True
)
"""An entry by its id, as long as it stands."""

REPORT: Final[Fold[Entry | None]] = evolve(TARGET, retractions=False, follows=True)
"""What an entry's id means now: the entry itself, or the correction that stands in its place."""

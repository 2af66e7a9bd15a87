"""The states that built-in rules judge by, and the folds that make them of entries.

Each `Fold` here is folded only from the entries of one part of the log: one member's, one
account's, one review's. The largest, `MEMBER`, gives a `MemberState`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, TypeVar

from attrs import evolve, frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact, kind_of
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.rules.parts import Fold, pair_key

K = TypeVar("K")
B = TypeVar("B", bound=Fact)

ByRole = Mapping[tuple[str, str | None], Entry]
"""Entries by role and community; a role of the whole programme has no community."""

AccountLink = Entry[f.MemberJoined | f.AccountLinked]
"""An entry by which an account is somebody's."""

_NOTHING: Final[Mapping[Any, Entry]] = MappingProxyType({})


@frozen(kw_only=True)
class MemberState:
    """What rules need to know of one member: the entries by which things hold now.

    Attributes:
        member: the member's identifier; empty until their first entry.
        joined: by which they joined.
        retired: by which they retired, unless they returned since.
        leave: by which their leave started, if it was not ended; it may have lapsed.
        roles: the assignments of the roles that were not ended; a term may have run out.
        communities: by which they joined each community that they are in, by its name.
        courses: by which they completed each course, by course and version.
        agreements: by which they accepted each agreement, by agreement and version.
    """

    member: str = ""
    joined: Entry | None = None
    retired: Entry | None = None
    leave: Entry[f.LeaveStarted] | None = None
    roles: Mapping[tuple[str, str | None], Entry[f.RoleAssigned]] = _NOTHING
    communities: Mapping[str, Entry] = _NOTHING
    courses: Mapping[tuple[str, str | None], Entry] = _NOTHING
    agreements: Mapping[tuple[str, str | None], Entry] = _NOTHING

    def held(self, role: str, community: str | None, at: datetime) -> Entry | None:
        """Return the entry by which they hold that role then, or None."""
        entry = self.roles.get((role, community))
        if entry is None:
            return None
        until = entry.fact.until
        return entry if until is None or at < until else None

    def on_leave(self, at: datetime) -> Entry | None:
        """Return the entry by which they are on leave then, or None."""
        if self.leave is None:
            return None
        expected = self.leave.fact.expected_return
        return self.leave if expected is None or at < expected else None


def _without(mapping: Mapping[K, Entry], key: K) -> Mapping[K, Entry]:
    return {k: v for k, v in mapping.items() if k != key} if key in mapping else mapping


def _copy(state: MemberState, entry: Entry, **changes: Any) -> MemberState:
    # attrs.evolve, without looking the fields up each time: this runs once per imported row.
    return MemberState(
        member=entry.fact.member,
        joined=changes.get("joined", state.joined),
        retired=changes.get("retired", state.retired),
        leave=changes.get("leave", state.leave),
        roles=changes.get("roles", state.roles),
        communities=changes.get("communities", state.communities),
        courses=changes.get("courses", state.courses),
        agreements=changes.get("agreements", state.agreements),
    )


_Step = Callable[[MemberState, Entry], MemberState]


def _set_in(name: str, *keys: str) -> _Step:
    """Make a step that sets an entry in a mapping of the state, by fields of its fact."""
    key = attrgetter(*keys)
    return lambda state, entry: _copy(
        state, entry, **{name: {**getattr(state, name), key(entry.fact): entry}}
    )


def _remove_from(name: str, *keys: str) -> _Step:
    """Make a step that removes the entry of a key from a mapping of the state."""
    key = attrgetter(*keys)
    return lambda state, entry: _copy(state, entry, **{name: _without(getattr(state, name), key(entry.fact))})


_STEPS: Final[Mapping[type, _Step]] = {
    f.MemberJoined: lambda state, entry: _copy(state, entry, joined=state.joined or entry),
    f.MemberRetired: lambda state, entry: _copy(state, entry, retired=entry, roles=_NOTHING),
    f.MemberReturned: lambda state, entry: _copy(state, entry, retired=None),
    f.RoleAssigned: lambda state, entry: _copy(
        state, entry, retired=None, roles={**state.roles, (entry.fact.role, entry.fact.community): entry}
    ),
    f.RoleEnded: _remove_from("roles", "role", "community"),
    f.CommunityJoined: _set_in("communities", "community"),
    f.CommunityLeft: _remove_from("communities", "community"),
    f.LeaveStarted: lambda state, entry: _copy(state, entry, leave=entry),
    f.LeaveEnded: lambda state, entry: _copy(state, entry, leave=None),
    f.CourseCompleted: _set_in("courses", "course", "version"),
    f.AgreementAccepted: _set_in("agreements", "agreement", "version"),
    f.AgreementRevoked: _remove_from("agreements", "agreement", "version"),
}


def _evolve_member(state: MemberState, entry: Entry, member: str) -> MemberState:
    step = _STEPS.get(type(entry.fact))
    return state if step is None or entry.fact.member != member else step(state, entry)


MEMBER: Final[Fold[MemberState]] = Fold(
    prefix="member",
    types=frozenset(kind_of(kind).name for kind in _STEPS),
    initial=MemberState(),
    evolve=_evolve_member,
    people=True,
    merges=True,
)


def _standing(
    prefix: str,
    key: Callable[[Any], str],
    begins: type[B],
    ends: type[Fact] | None = None,
    *,
    people: bool = False,
) -> Fold[Entry[B] | None]:
    """Make a fold whose state is the latest beginning of a key that was not ended, or None.

    Args:
        prefix: of the tags of its parts.
        key: returns the key that a fact is about.
        begins: the facts that begin something.
        ends: the facts that end it; None where nothing does.
        people: whether keys are made of members.
    """

    def step(state: Entry[B] | None, entry: Entry, wanted: str) -> Entry[B] | None:
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


def _declare(
    state: Entry[f.LedgerDeclared] | None, entry: Entry, _key: str
) -> Entry[f.LedgerDeclared] | None:
    return entry if isinstance(entry.fact, f.LedgerDeclared) else state


DECLARATION: Final[Fold[Entry[f.LedgerDeclared] | None]] = Fold(
    prefix="ledger", types=frozenset({"ledger.declared"}), initial=None, evolve=_declare
)
"""What the ledger declared last of itself; its one key is ``ledger.declared``."""


def account_names(fact: f.MemberJoined | f.AccountLinked | f.AccountUnlinked) -> tuple[str, str]:
    """Return an account's provider and name; the programme's own site has no provider."""
    return getattr(fact, "provider", ""), fact.account or ""


VOUCH = _standing(
    "vouch", lambda fact: pair_key(fact.voucher, fact.member), f.Vouched, f.VouchWithdrawn, people=True
)
"""The standing vouch of one voucher for one member."""

MENTORING = _standing(
    "mentor", lambda fact: pair_key(fact.mentor, fact.member), f.MentorAssigned, f.MentorReleased, people=True
)
"""The standing assignment of one mentor to one member."""

NOTICE = _standing("notice", lambda fact: fact.notice, f.NoticeSent)
"""A notice that was sent."""

OPPORTUNITY = _standing("opportunity", lambda fact: fact.opportunity, f.OpportunityHeld)
"""An opportunity that was held."""

COMMUNITY = _standing("community", lambda fact: fact.community, f.CommunityFounded)
"""A community that was founded."""

POLICY = _standing("policy", lambda fact: fact.digest, f.PolicyStated)
"""A policy whose words were stated, by their digest."""


def _link_by(
    state: AccountLink | None, entry: Entry, key: str, names: Callable[[Any], Iterable[str]]
) -> AccountLink | None:
    fact = entry.fact
    if isinstance(fact, f.MemberJoined) and fact.account is None:
        return state
    if pair_key(*names(fact)) != key:
        return state
    return None if isinstance(fact, f.AccountUnlinked) else entry


def _link(state: AccountLink | None, entry: Entry, key: str) -> AccountLink | None:
    return _link_by(state, entry, key, account_names)


ACCOUNT: Final[Fold[AccountLink | None]] = Fold(
    prefix="account",
    types=frozenset({"member.joined", "account.linked", "account.unlinked"}),
    initial=None,
    evolve=_link,
)
"""By which entry an account is a member's, or None."""


def canonical_account(fact: f.MemberJoined | f.AccountLinked | f.AccountUnlinked) -> list[str]:
    """Return the canonical forms of an account's provider and name."""
    return [canonical_name(name) for name in account_names(fact)]


def _first_of(state: Entry | None, entry: Entry, _key: str) -> Entry | None:
    return state or entry


def _first(prefix: str, name: str) -> Fold[Entry | None]:
    return Fold(prefix=prefix, types=frozenset({name}), initial=None, evolve=_first_of)


MEMBER_NAME: Final = _first("member-form", "member.joined")
"""The first joining of whoever has an identifier of this canonical form."""

COMMUNITY_NAME: Final = _first("community-form", "community.founded")
"""The first founding of whatever has a name of this canonical form."""

ACCOUNT_NAME: Final[Fold[AccountLink | None]] = evolve(
    ACCOUNT,
    prefix="account-form",
    evolve=lambda state, entry, key: _link_by(state, entry, key, canonical_account),
)
"""By which entry an account of this canonical form is a member's, or None."""

# What was recorded before entries had tags of canonical forms is found where its name is its own form.
MEMBER_OF_BEFORE: Final = evolve(MEMBER, tagged=False)
COMMUNITY_OF_BEFORE: Final = evolve(COMMUNITY, tagged=False)
ACCOUNT_OF_BEFORE: Final = evolve(ACCOUNT, tagged=False)


def _review(state: tuple[Entry, ...], entry: Entry, key: str) -> tuple[Entry, ...]:
    fact = entry.fact
    about = isinstance(fact, f.ReviewOpened | f.ReviewDecided) and fact.review == key
    return (*state, entry) if about else state


REVIEW: Final[Fold[tuple[Entry, ...]]] = Fold(
    prefix="review", types=frozenset({"review.opened", "review.decided"}), initial=(), evolve=_review
)
"""What happened to one review: opened, then decided."""


def _apply(state: ByRole, entry: Entry, member: str) -> ByRole:
    fact = entry.fact
    if isinstance(fact, f.ApplicationFiled) and fact.member == member:
        return {**state, (fact.role, fact.community): entry}
    if isinstance(fact, f.ApplicationDecided) and fact.member == member:
        return _without(state, (fact.role, fact.community))
    return state


APPLICATIONS: Final[Fold[ByRole]] = Fold(
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

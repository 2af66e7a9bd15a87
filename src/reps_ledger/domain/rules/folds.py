"""The states that built-in rules judge by, and the folds that make them of entries.

Each `Fold` here is folded only from the entries of one part of the log: one member's, one
account's, one review's. The largest, `MEMBER`, gives a `MemberState`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

from attrs import evolve, frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact, kind_of
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.open_reviews import REVIEWS, OpenReviews, still_open
from reps_ledger.domain.rules.parts import Fold, pair_key
from reps_ledger.domain.spans import READS, SPAN_KINDS, SpanFold

B = TypeVar("B", bound=Fact)

ByRole = Mapping[tuple[str, str | None], Entry]
"""Entries by role and community; a role of the whole programme has no community."""

AccountLink = Entry[f.MemberJoined | f.AccountLinked]
"""An entry by which an account is somebody's."""

_NOTHING: Final[Mapping[Any, Entry]] = MappingProxyType({})
_NO_SPANS: Final[SpanFold] = SpanFold(kept=False)


@frozen(kw_only=True)
class MemberState:
    """What rules need to know of one person, whose identities are all here.

    Attributes:
        member: the identifier that merges keep; empty until their first entry.
        joined: by which they joined.
        spans: what lasts: roles, leave, retirement, communities and agreements.
        courses: by which they completed each course, by course and version.
    """

    member: str = ""
    joined: Entry | None = None
    spans: SpanFold = _NO_SPANS
    courses: Mapping[tuple[str, str | None], Entry] = _NOTHING

    @property
    def retired(self) -> Entry | None:
        """By which they are retired, under every identity of theirs; None while they are not."""
        return self.spans.retirement

    @property
    def leave(self) -> Entry[f.LeaveStarted] | None:
        """By which the latest leave started that was not ended; it may have lapsed."""
        return self.latest("leave.started")

    @property
    def roles(self) -> ByRole:
        """The assignments of the roles that were not ended; a term may have run out."""
        spans = self.spans.lasting("role.assigned")
        return {(span.entry.fact.role, span.entry.fact.community): span.entry for span in spans}

    def latest(self, name: str, *values: object) -> Entry | None:
        """Return by which the latest span of a kind and key began that was not ended, or None."""
        return latest(self.spans, name, *values)

    def running(self, name: str, at: datetime, *values: object) -> Entry | None:
        """Return by which a span of a kind and key began that holds then, or None."""
        span = self.spans.running(name, at, *values)
        return None if span is None else span.entry

    def among(self, people: Collection[str], identities: Collection[str]) -> MemberState:
        """Return the state without some identities of some people; see `SpanFold.among`."""
        spans = self.spans.among(people, identities)
        courses = {key: entry for key, entry in self.courses.items() if entry.identity in identities}
        joined = self.joined if spans.joined else None
        return MemberState(member=self.member, joined=joined, spans=spans, courses=courses)

    def held(self, role: str, community: str | None, at: datetime) -> Entry | None:
        """Return the entry by which they hold that role then, or None."""
        return self.running("role.assigned", at, role, community)


def latest(spans: SpanFold, name: str, *values: object) -> Entry | None:
    """Return by which the latest span of a kind and key began that was not ended, or None."""
    entries = (span.entry for span in spans.lasting(name, *values))
    return max(entries, key=lambda entry: entry.order, default=None)


def _evolve_member(state: MemberState, entry: Entry, member: str) -> MemberState:
    fact = entry.fact
    if fact.member != member:
        return state
    joined, spans, courses = state.joined, state.spans, state.courses
    if isinstance(fact, f.CourseCompleted):
        courses = {**courses, (fact.course, fact.version): entry}
    else:
        spans = _taken(spans, entry)
        if joined is None and isinstance(fact, f.MemberJoined):
            joined = entry
    return MemberState(member=member, joined=joined, spans=spans, courses=courses)


_OF_MEMBER: Final = (
    "agreement.accepted",
    "community.joined",
    "leave.started",
    "member.retired",
    "role.assigned",
)
"""The kinds of span that rules about a person ask for; others have parts of their own."""

MEMBER: Final[Fold[MemberState]] = Fold(
    prefix="member",
    types=frozenset({"member.joined", "course.completed"}).union(*(READS[name] for name in _OF_MEMBER)),
    initial=MemberState(),
    evolve=_evolve_member,
    people=True,
    merges=True,
)


def _standing(
    prefix: str, key: Callable[[Any], str], begins: type[B], *others: type[Fact]
) -> Fold[Entry[B] | None]:
    """Make a fold whose state is the latest fact of a kind about a key, or None.

    Args:
        prefix: of the tags of its parts.
        key: returns the key that a fact is about.
        begins: the kind.
        others: kinds whose facts are in its parts too: those that the rules let in because of it.
    """

    def step(state: Entry[B] | None, entry: Entry, wanted: str) -> Entry[B] | None:
        return entry if isinstance(entry.fact, begins) and key(entry.fact) == wanted else state

    types = frozenset(kind_of(kind).name for kind in (begins, *others))
    return Fold(prefix=prefix, types=types, initial=None, evolve=step)


def _declare(
    state: Entry[f.LedgerDeclared] | None, entry: Entry, _key: str
) -> Entry[f.LedgerDeclared] | None:
    return entry if isinstance(entry.fact, f.LedgerDeclared) else state


DECLARATION: Final[Fold[Entry[f.LedgerDeclared] | None]] = Fold(
    prefix="ledger", types=frozenset({"ledger.declared"}), initial=None, evolve=_declare
)
"""What the ledger declared last of itself; its one key is ``ledger.declared``."""


def _erase(state: Entry[f.MemberErased] | None, entry: Entry, _key: str) -> Entry[f.MemberErased] | None:
    return entry if state is None and isinstance(entry.fact, f.MemberErased) else state


ERASED: Final[Fold[Entry[f.MemberErased] | None]] = Fold(
    prefix="member",
    types=frozenset({"member.erased"}),
    initial=None,
    evolve=_erase,
    people=True,
    merges=True,
    timeless=True,
)
"""By which somebody was erased, under any identifier of theirs; whenever that was."""


def _first_applied(state: Entry | None, entry: Entry, _key: str) -> Entry | None:
    return state or (entry if isinstance(entry.fact, f.ApplicationFiled) else None)


APPLIED: Final[Fold[Entry | None]] = Fold(
    prefix="member",
    types=frozenset({"application.filed"}),
    initial=None,
    evolve=_first_applied,
    people=True,
    merges=True,
    timeless=True,
)
"""By which somebody first applied, who may not be a member; whenever that was."""


def _nothing(state: None, _entry: Entry, _key: str) -> None:
    return state


EVERYTHING: Final[Fold[None]] = Fold(
    prefix="member", types=None, initial=None, evolve=_nothing, people=True, merges=True, for_entries=True
)
"""Whatever names a person, for its entries; its state is always None."""

TAKINGS: Final[Fold[None]] = Fold(
    prefix="taking", types=frozenset({"opportunity.taken"}), initial=None, evolve=_nothing, for_entries=True
)
"""Who took an opportunity, for its entries: no rule needs them, but for a correction of when it was held."""


def _pair(prefix: str, name: str) -> Fold[SpanFold]:
    """Make a fold of the spans of a kind that two people share, which has a part for each two.

    Args:
        prefix: of the tags of its parts.
        name: the kind of span.
    """
    other = SPAN_KINDS[name].pair or ""

    def step(state: SpanFold, entry: Entry, wanted: str) -> SpanFold:
        fact = entry.fact
        return _taken(state, entry) if pair_key(getattr(fact, other), fact.member) == wanted else state

    return Fold(prefix=prefix, types=READS[name], initial=_NO_SPANS, evolve=step, people=True)


def _taken(spans: SpanFold, entry: Entry) -> SpanFold:
    after = spans.copy()
    after.take(entry)
    return after


VOUCH: Final = _pair("vouch", "vouch.given")
"""The vouches of one voucher for one member."""

MENTORING: Final = _pair("mentor", "mentor.assigned")
"""The assignments of one mentor to one member."""

NOTICE = _standing("notice", lambda fact: fact.notice, f.NoticeSent, f.NoticeAnswered)
"""A notice that was sent; its answers are in its part, and change nothing."""


def _hold(state: Mapping[str, Entry], entry: Entry, key: str) -> Mapping[str, Entry]:
    fact = entry.fact
    return {**state, fact.kind: entry} if fact.opportunity == key else state


OPPORTUNITY: Final[Fold[Mapping[str, Entry]]] = Fold(
    prefix="opportunity", types=frozenset({"opportunity.held"}), initial=_NOTHING, evolve=_hold
)
"""What was held under one identifier, by its kind."""

COMMUNITY = _standing("community", lambda fact: fact.community, f.CommunityFounded)
"""A community that was founded."""

POLICY = _standing("policy", lambda fact: fact.digest, f.PolicyStated)
"""A policy whose words were stated, by their digest."""


def account_names(fact: f.MemberJoined | f.AccountLinked | f.AccountUnlinked) -> tuple[str, str]:
    """Return an account's provider and name; the programme's own site has no provider."""
    return getattr(fact, "provider", ""), fact.account or ""


@frozen
class AccountState:
    """Whose an account is.

    Attributes:
        joining: by which somebody joined with it, which is never undone.
        links: the times during which it was linked to somebody.
        identities: every identifier that it was ever linked to.
    """

    joining: Entry[f.MemberJoined] | None = None
    links: SpanFold = _NO_SPANS
    identities: frozenset[str] = frozenset()

    def link(self, member: str) -> AccountLink | None:
        """Return by which the account is a member's; or else, by which it is somebody else's."""
        links = [span.entry for span in self.links.lasting("account.linked")]
        links += [] if self.joining is None else [self.joining]
        return max(links, key=lambda entry: (entry.fact.member == member, entry.order), default=None)


def _link_by(
    state: AccountState, entry: Entry, key: str, names: Callable[[Any], Iterable[str]]
) -> AccountState:
    fact = entry.fact
    if pair_key(*names(fact)) != key:
        return state
    if isinstance(fact, f.MemberJoined):
        return state if fact.account is None else evolve(state, joining=state.joining or entry)
    linked = {entry.identity} if isinstance(fact, f.AccountLinked) else set()
    return evolve(state, links=_taken(state.links, entry), identities=state.identities | linked)


def _link(state: AccountState, entry: Entry, key: str) -> AccountState:
    return _link_by(state, entry, key, account_names)


ACCOUNT: Final[Fold[AccountState]] = Fold(
    prefix="account", types=READS["account.linked"] | {"member.joined"}, initial=AccountState(), evolve=_link
)
"""Whose one account is."""


def canonical_account(fact: f.MemberJoined | f.AccountLinked | f.AccountUnlinked) -> list[str]:
    """Return the canonical forms of an account's provider and name."""
    return [canonical_name(name) for name in account_names(fact)]


def _first_joined(state: Entry | None, entry: Entry, key: str) -> Entry | None:
    return entry if state is None and canonical_name(entry.fact.member) == key else state


MEMBER_NAME: Final[Fold[Entry | None]] = Fold(
    prefix="member-form", types=frozenset({"member.joined"}), initial=None, evolve=_first_joined
)
"""The first joining of whoever has an identifier of this canonical form."""


def _mention(state: Mapping[str, Entry], entry: Entry, key: str) -> Mapping[str, Entry]:
    community = getattr(entry.fact, "community", None)
    if community is None or community in state or canonical_name(community) != key:
        return state
    return {**state, community: entry}


COMMUNITY_FORM: Final[Fold[Mapping[str, Entry]]] = Fold(
    prefix="community-form", types=None, initial=_NOTHING, evolve=_mention, timeless=True
)
"""The communities whose names have one canonical form, each with the entry that first named it.

Only that entry has the tag, so that what a fact depends on does not grow with the community.
"""


def _mentioned(state: Entry | None, entry: Entry, key: str) -> Entry | None:
    if state is not None or isinstance(entry.fact, f.RoleAsserted):
        return state  # a roster's claim makes no community
    return entry if getattr(entry.fact, "community", None) == key else None


COMMUNITY_MENTIONS: Final[Fold[Entry | None]] = Fold(
    prefix="community", types=None, initial=None, evolve=_mentioned, tagged=False, timeless=True
)
"""An entry that names a community, from before entries had tags of canonical forms; or None."""

ACCOUNT_NAME: Final[Fold[AccountState]] = evolve(
    ACCOUNT,
    prefix="account-form",
    evolve=lambda state, entry, key: _link_by(state, entry, key, canonical_account),
)
"""Whose the accounts of one canonical form are."""

# What was recorded before entries had tags of canonical forms is found where its name is its own form.
MEMBER_OF_BEFORE: Final = evolve(MEMBER, tagged=False)
ACCOUNT_OF_BEFORE: Final = evolve(ACCOUNT, tagged=False)
ACCOUNT_NAME_OF_BEFORE: Final = evolve(ACCOUNT_NAME, tagged=False)
"""The accounts of one canonical form that lie in the clear, for a fact that is sealed: no tag may say so."""


def _review(state: tuple[Entry, ...], entry: Entry, key: str) -> tuple[Entry, ...]:
    fact = entry.fact
    about = isinstance(fact, f.ReviewOpened | f.ReviewDecided) and fact.review == key
    return (*state, entry) if about else state


REVIEW: Final[Fold[tuple[Entry, ...]]] = Fold(
    prefix="review", types=frozenset({"review.opened", "review.decided"}), initial=(), evolve=_review
)
"""What happened to one review: opened, then decided."""


def _open_review(state: OpenReviews, entry: Entry, member: str) -> OpenReviews:
    return still_open(state, entry) if entry.fact.member == member else state


def _join(state: tuple[Entry, ...], entry: Entry, member: str) -> tuple[Entry, ...]:
    return (*state, entry) if entry.fact.member == member else state


JOINED: Final[Fold[tuple[Entry, ...]]] = Fold(
    prefix="member", types=frozenset({"member.joined"}), initial=(), evolve=_join, merges=True
)
"""By which one identifier joined, and not any that were merged into it."""

MERGED: Final[Fold[None]] = Fold(
    prefix="member", types=frozenset(), initial=None, evolve=_nothing, merges=True
)
"""Whether an identifier was merged away: the merges that name it, which are known by the amendments."""


OPEN_REVIEWS: Final[Fold[OpenReviews]] = Fold(
    prefix="member", types=REVIEWS, initial=_NOTHING, evolve=_open_review, people=True, merges=True
)
"""A person's open reviews, by review."""


def _apply(state: ByRole, entry: Entry, member: str) -> ByRole:
    fact = entry.fact
    if isinstance(fact, f.ApplicationFiled) and fact.member == member:
        return {**state, (fact.role, fact.community): entry}
    if isinstance(fact, f.ApplicationDecided) and fact.member == member:
        return {key: filed for key, filed in state.items() if key != (fact.role, fact.community)}
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
    prefix="entry", types=None, initial=None, evolve=_target, retractions=True, of_entry=True
)
"""An entry by its id, as long as it stands."""

REPORT: Final[Fold[Entry | None]] = evolve(TARGET, retractions=False, follows=True)
"""What an entry's id means now: the entry itself, or the correction that stands in its place."""

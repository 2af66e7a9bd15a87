"""Projections of one member: roles, where they belong, and vouches.

`Roles` has every time that they held a role, with who assigned it and why it ended; `Belonging`
their accounts, affiliations, communities, mentors and the areas of their reports; `Vouches` who
vouched for them and for whom they vouched, standing or withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from attrs import evolve, field, frozen

from reps_ledger.domain import facts as f
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.spans import READS, SHARED, SPAN_KINDS, Span, SpanFold, folded, in_order
from reps_ledger.projections.projection import Projection, projection_of

NO_SPANS: Final[SpanFold] = SpanFold()
"""Those of a person of whom nothing is known."""

_PAIRED: Final = {
    name: kind.pair
    for kind in (SPAN_KINDS[name] for name in SHARED)
    if kind.pair is not None
    for name in (kind.name, kind.ends)
}
"""The field that names the other person, by the stored names of facts whose spans two people share."""


def reads(*kinds: str) -> frozenset[str]:
    """Return the stored names of the facts on which the spans of some kinds depend."""
    return frozenset().union(*(READS[kind] for kind in kinds))


def taken(spans: SpanFold, entries: Iterable[Entry], member: str, names: frozenset[str]) -> SpanFold:
    """Return one person's spans with more entries; the same where these make no difference.

    Args:
        spans: so far. They are copied at most once, however many entries come.
        entries: the next ones, in effective order.
        member: whose spans they are; those that two people share are both people's.
        names: the stored names of the facts that matter.
    """
    after = spans
    for entry in entries:
        if concerns(entry, member, names):
            if after is spans:
                after = spans.copy()
            after.take(entry)
    return after


def concerns(entry: Entry, member: str, names: frozenset[str]) -> bool:
    """Whether an entry matters to one person's spans; see `taken`."""
    name = entry.name
    if name not in names:
        return False
    fact = entry.fact
    return member in (fact.member, getattr(fact, _PAIRED.get(name, "member")))


@frozen(kw_only=True)
class Holding:
    """One time during which a member held a role: ``[start, end)``.

    Attributes:
        role: which.
        community: where, or None for the whole programme.
        start: from when.
        until: when its term ends by itself.
        ended: when it was ended, if it was.
        how: how it was ended.
        by: who assigned it.
        reason: why it was assigned.
        end_reason: why it ended.
        assigned_in: id of the entry that assigned it.
        ended_in: id of the entry that ended it.
    """

    role: str
    community: str | None
    start: datetime
    until: datetime | None = None
    ended: datetime | None = None
    how: str | None = None
    by: str
    reason: str = ""
    end_reason: str = ""
    assigned_in: str
    ended_in: str | None = None

    @property
    def end(self) -> datetime | None:
        """The first instant at which it was no longer held; None where no end is known."""
        ends = [moment for moment in (self.until, self.ended) if moment is not None]
        return min(ends, default=None)

    def held_at(self, at: datetime) -> bool:
        """Whether it was held then."""
        end = self.end
        return self.start <= at and (end is None or at < end)


def _holding(span: Span) -> Holding:
    fact, ending = span.entry.fact, span.ended_in
    return Holding(
        role=fact.role,
        community=fact.community,
        start=span.start,
        until=fact.until,
        ended=None if ending is None else span.end,
        how=None if ending is None else ending.fact.how,
        by=span.entry.by,
        reason=fact.reason,
        end_reason="" if ending is None else ending.fact.reason,
        assigned_in=span.entry.id,
        ended_in=None if ending is None else ending.id,
    )


@frozen(kw_only=True)
class Roles:
    """A member's roles.

    Attributes:
        member: whose.
    """

    member: str
    _spans: SpanFold = field(default=NO_SPANS)

    @cached_property
    def ever(self) -> tuple[Holding, ...]:
        """Every holding, by when it started."""
        return tuple([_holding(span) for span in in_order(self._spans.of("role.assigned"))])

    def at(self, at: datetime) -> tuple[Holding, ...]:
        """Return what they held then."""
        return tuple(holding for holding in self.ever if holding.held_at(at))


_OF_ROLES: Final = reads("role.assigned")


def roles(member: str) -> Projection[Roles]:
    """Make the projection of one member's roles."""
    return projection_of("roles", 2, Roles(member=member), _evolve_roles)


def _evolve_roles(state: Roles, entries: Sequence[Entry]) -> Roles:
    spans = taken(state._spans, entries, state.member, _OF_ROLES)  # noqa: SLF001 — its own fold
    return state if spans is state._spans else Roles(member=state.member, spans=spans)  # noqa: SLF001 — as above


@frozen(kw_only=True)
class Belonging:
    """Where a member belongs.

    Attributes:
        member: who.
        accounts: provider and account, now; the programme's own site has the provider "".
        affiliations: organisations, now.
        communities: those joined and not left.
        mentors: who guides them; they may have retired since.
        areas: what their reports are about, the most frequent first in `skills`.
    """

    member: str
    accounts: frozenset[tuple[str, str]] = frozenset()
    affiliations: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()
    mentors: frozenset[str] = frozenset()
    areas: tuple[tuple[str, int], ...] = ()
    _spans: SpanFold = field(default=NO_SPANS, repr=False)

    @property
    def skills(self) -> tuple[str, ...]:
        """The areas of their reports, the most frequent first."""
        return tuple(area for area, _ in sorted(self.areas, key=lambda item: (-item[1], item[0])))


_OF_BELONGING: Final = reads("account.linked", "affiliation.started", "community.joined", "mentor.assigned")


def belonging(member: str) -> Projection[Belonging]:
    """Make the projection of where one member belongs."""
    return projection_of("belonging", 2, Belonging(member=member), _evolve_belonging)


def _evolve_belonging(state: Belonging, entries: Sequence[Entry]) -> Belonging:
    return belonging_by(state, entries, taken(state._spans, entries, state.member, _OF_BELONGING))  # noqa: SLF001 — its own fold


def belonging_by(state: Belonging, entries: Sequence[Entry], spans: SpanFold) -> Belonging:
    """Return where somebody belongs after more entries.

    Args:
        state: before these.
        entries: the next ones.
        spans: theirs after these; the very same as before where these make no difference.
    """
    own = [entry.fact for entry in entries if isinstance(entry.fact, f.ReportFiled | f.MemberJoined)]
    state = _noted(state, [fact for fact in own if fact.member == state.member])
    if spans is state._spans:  # noqa: SLF001 — its own fold
        return state

    def now(name: str) -> list[Any]:
        # None of these ends by itself.
        return [span.entry.fact for span in spans.lasting(name)]

    linked = {(fact.provider, fact.account) for fact in now("account.linked")}
    return evolve(
        state,
        accounts=frozenset(linked.union(account for account in state.accounts if not account[0])),
        affiliations=frozenset(fact.organisation for fact in now("affiliation.started")),
        communities=frozenset(fact.community for fact in now("community.joined")),
        mentors=frozenset(fact.mentor for fact in now("mentor.assigned") if fact.member == state.member),
        spans=spans,
    )


def _noted(state: Belonging, facts: Iterable[f.ReportFiled | f.MemberJoined]) -> Belonging:
    """Return where somebody belongs, with what they reported about and the accounts that they joined with."""
    counts, accounts = dict(state.areas), set(state.accounts)
    for fact in facts:
        if isinstance(fact, f.MemberJoined):
            if fact.account is not None:
                # On the programme's own site, for which no provider is named; nobody takes it back.
                accounts.add(("", fact.account))
        elif not fact.announced:
            for area in fact.areas:
                counts[area] = counts.get(area, 0) + 1
    areas = tuple(counts.items())
    if areas == state.areas and accounts == state.accounts:
        return state
    return evolve(state, areas=areas, accounts=frozenset(accounts))


@frozen(kw_only=True)
class Vouch:
    """One vouch.

    Attributes:
        member: for whom.
        voucher: by whom.
        at: when.
        reason: why.
        given_in: id of the entry that gave it.
        withdrawn: when it was taken back, if it was.
        withdrawn_in: id of the entry that took it back.
    """

    member: str
    voucher: str
    at: datetime
    reason: str
    given_in: str
    withdrawn: datetime | None = None
    withdrawn_in: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it was not taken back."""
        return self.withdrawn is None


def _vouch(span: Span) -> Vouch:
    fact, ending = span.entry.fact, span.ended_in
    return Vouch(
        member=fact.member,
        voucher=fact.voucher,
        at=span.start,
        reason=fact.reason,
        given_in=span.entry.id,
        withdrawn=None if ending is None else span.end,
        withdrawn_in=None if ending is None else ending.id,
    )


@frozen(kw_only=True)
class Vouches:
    """The vouches that concern one member.

    Attributes:
        member: whom.
    """

    member: str
    _spans: SpanFold = field(default=NO_SPANS)

    @cached_property
    def all(self) -> tuple[Vouch, ...]:
        """Every vouch for them or by them, by when it was given."""
        return tuple([_vouch(span) for span in in_order(self._spans.of("vouch.given"))])

    @property
    def received(self) -> tuple[Vouch, ...]:
        """The standing vouches for them, by others."""
        return tuple(v for v in self.all if v.stands and v.member == self.member and v.voucher != v.member)

    @property
    def given(self) -> tuple[Vouch, ...]:
        """The standing vouches by them, for others."""
        return tuple(v for v in self.all if v.stands and v.voucher == self.member and v.voucher != v.member)

    @property
    def withdrawn(self) -> tuple[Vouch, ...]:
        """Those taken back."""
        return tuple(v for v in self.all if not v.stands)

    @property
    def level(self) -> int:
        """How many people have a standing vouch for them."""
        standing = (span.entry.fact for span in self._spans.lasting("vouch.given"))
        return len({v.voucher for v in standing if v.member == self.member and v.voucher != v.member})


VOUCHING: Final = reads("vouch.given")
"""The stored names of the facts on which vouches depend."""


def standing_vouches(entries: Iterable[Entry]) -> Iterator[Vouch]:
    """Yield everybody's standing vouches for others, by when they were given.

    Args:
        entries: everybody's, in effective order: all of `VOUCHING`, or more.
    """
    for span in in_order(folded(entries).lasting("vouch.given")):
        if span.entry.fact.voucher != span.entry.fact.member:
            yield _vouch(span)


def vouches(member: str) -> Projection[Vouches]:
    """Make the projection of one member's vouches, received and given."""
    return projection_of("vouches", 2, Vouches(member=member), _evolve_vouches)


def _evolve_vouches(state: Vouches, entries: Sequence[Entry]) -> Vouches:
    spans = taken(state._spans, entries, state.member, VOUCHING)  # noqa: SLF001 — its own fold
    return state if spans is state._spans else Vouches(member=state.member, spans=spans)  # noqa: SLF001 — as above

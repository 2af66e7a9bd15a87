"""Conditions on who somebody is: member, roles, communities, affiliations, leave."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from reps_ledger.domain.facts.people import RETIREMENTS
from reps_ledger.domain.time import day_start
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.checks import (
    is_date_or_none,
    is_name,
    is_name_or_none,
    is_place,
    one_of,
)
from reps_ledger.policies.language.clocks import is_role, role_words
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.nouns import named
from reps_ledger.policies.subject import Found

if TYPE_CHECKING:
    from reps_ledger.policies.spans import Span
    from reps_ledger.policies.subject import Subject

__all__ = [
    "Held",
    "Holds",
    "IsMember",
    "Joined",
    "OnLeave",
    "Retired",
    "held",
    "holds",
    "is_member",
    "joined",
    "on_leave",
    "retired",
]


def from_spans(spans: Iterable[Span]) -> Found:
    """Make a finding of what holds: true where there is any."""
    entries = tuple([span.entry.id for span in spans])
    return Found(bool(entries), entries=entries)


@frozen(cache_hash=True)
class IsMember(Leaf):
    """They joined: true once, true for ever."""

    def words(self) -> str:
        return "they are a member"

    def denial(self) -> str:
        return "they never joined"

    def find(self, subject: Subject) -> Found:
        joined = subject.dossier.joined
        if joined is None or joined.occurred_at > subject.at:
            return Found(holds=False)
        return Found(holds=True, entries=(joined.id,))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [entry.occurred_at for entry in subject.dossier.of_kind("member.joined")]


@frozen(cache_hash=True)
class Joined(Leaf):
    """They joined before a day, or from a day on, or as a kind of member.

    Attributes:
        before: the first day that is too late.
        since: the first day that will do.
        kind: as what they joined.
    """

    before: date | None = field(default=None, validator=is_date_or_none)
    since: date | None = field(default=None, validator=is_date_or_none)
    kind: str | None = field(default=None, validator=is_name_or_none)

    def __attrs_post_init__(self) -> None:
        if self.before is None and self.since is None and self.kind is None:
            raise InvalidPolicy("joined before or since which day, or as what kind of member?")
        if self.before is not None and self.since is not None and self.before <= self.since:
            raise InvalidPolicy(f"nobody joined before {self.before} and since {self.since}")

    def words(self) -> str:
        said = "they joined"
        said += f" as {named(self.kind)}" if self.kind is not None else ""
        said += f" on {self.since} or later" if self.since is not None else ""
        if self.before is not None:
            said += f"{' and' if self.since is not None else ''} before {self.before}"
        return said

    def denial(self) -> str:
        return f"it is not so that {self.words()}"

    def find(self, subject: Subject) -> Found:
        joined = subject.dossier.joined
        if joined is None or joined.occurred_at > subject.at:
            return Found(holds=False)
        when = joined.occurred_at
        holds = (
            (self.before is None or when < day_start(self.before, subject.zone))
            and (self.since is None or when >= day_start(self.since, subject.zone))
            and (self.kind is None or joined.fact.kind == self.kind)
        )
        return Found(holds=holds, value=when, entries=(joined.id,))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        if self.before is not None:  # from then on it is too late to join
            yield day_start(self.before, subject.zone)
        yield from (entry.occurred_at for entry in subject.dossier.of_kind("member.joined"))


@frozen(cache_hash=True)
class Holds(Leaf):
    """They hold a role.

    Attributes:
        role: which.
        community: where; None for anywhere, an empty text for one of the whole programme.
    """

    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_place)

    def words(self) -> str:
        return f"they are {role_words(self.role, self.community)}"

    def denial(self) -> str:
        return f"they are not {role_words(self.role, self.community)}"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.standing("role.assigned")
            if is_role(span.entry.fact, self.role, self.community)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("role.assigned")


@frozen(cache_hash=True)
class Held(Leaf):
    """They hold a role, or once held it.

    Attributes:
        role: which.
        community: where; None for anywhere, an empty text for one of the whole programme.
    """

    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_place)

    def words(self) -> str:
        return f"they are or once were {role_words(self.role, self.community)}"

    def denial(self) -> str:
        return f"they never were {role_words(self.role, self.community)}"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.dossier.spans("role.assigned")
            if span.start <= subject.at and is_role(span.entry.fact, self.role, self.community)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("role.assigned")


@frozen(cache_hash=True)
class OnLeave(Leaf):
    """They are on declared leave that has neither ended nor lapsed."""

    def words(self) -> str:
        return "they are on leave"

    def denial(self) -> str:
        return "they are not on leave"

    def find(self, subject: Subject) -> Found:
        return from_spans(subject.standing("leave.started"))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("leave.started")


@frozen(cache_hash=True)
class Retired(Leaf):
    """They retired and have not come back; still a member.

    Attributes:
        how: in which way; None for any.
    """

    how: str | None = field(default=None, validator=one_of(None, *RETIREMENTS))

    def words(self) -> str:
        return "they are retired" if self.how is None else f"they are retired ({self.how})"

    def denial(self) -> str:
        return "they are not retired" if self.how is None else f"they are not retired ({self.how})"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.standing("member.retired")
            if self.how in (None, span.entry.fact.how)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("member.retired")


def is_member() -> IsMember:
    """They joined, ever."""
    return IsMember()


def joined(
    *, before: date | None = None, since: date | None = None, kind: str | None = None
) -> Joined:
    """They joined before a day, from a day on, or as a kind of member: grandfathering."""
    return Joined(before, since, kind)


def holds(role: str, *, community: str | None = None) -> Holds:
    """They hold a role: anywhere, in a community, or ("") in the whole programme."""
    return Holds(role, community)


def held(role: str, *, community: str | None = None) -> Held:
    """They hold a role or once held it."""
    return Held(role, community)


def on_leave() -> OnLeave:
    """They are on declared leave."""
    return OnLeave()


def retired(how: str | None = None) -> Retired:
    """They retired, in a certain way or in any, and have not come back."""
    return Retired(how)

"""Conditions on people: membership, roles, leave, communities, courses, agreements, exemptions.

Also on the date, which is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts.people import RETIREMENTS
from reps_ledger.domain.spans import Span
from reps_ledger.domain.time import day_start, local_day
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import is_role, role_words
from reps_ledger.policies.language.phrases import named, policy_words
from reps_ledger.policies.language.reads import NOTHING, Reads
from reps_ledger.policies.language.validators import (
    is_date_or_none,
    is_name,
    is_name_or_none,
    is_place,
    one_of,
)
from reps_ledger.policies.subject import Found, Subject


def from_spans(spans: Iterable[Span]) -> Found:
    """Return that a condition holds where there is a span, with the entries that began them."""
    entries = tuple([span.entry.id for span in spans])
    return Found(bool(entries), entries=entries)


@frozen(cache_hash=True)
class IsMember(Leaf):
    """They joined: true once, true for ever."""

    key = "is_member"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"member.joined"}))

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        return wanted

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
    """They joined before a day, on or after a day, or as a kind of member.

    Attributes:
        before: the day before which they must have joined; None for any.
        since: the first day on which they may have joined; None for any.
        kind: the kind of member as which they joined; None for any.
    """

    before: date | None = field(default=None, validator=is_date_or_none)
    since: date | None = field(default=None, validator=is_date_or_none)
    kind: str | None = field(default=None, validator=is_name_or_none)

    key = "joined"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"member.joined"}))

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        too_late = self.before is not None and local_day(subject.at, subject.zone) >= self.before
        return wanted and subject.dossier.joined is None and not too_late

    def __attrs_post_init__(self) -> None:
        if self.before is None and self.since is None and self.kind is None:
            raise InvalidPolicy("joined before or since which day, or as what kind of member?")
        if self.before is not None and self.since is not None and self.before <= self.since:
            raise InvalidPolicy(f"nobody joined before {self.before} and since {self.since}")

    def words(self) -> str:
        words = "they joined"
        words += f" as {named(self.kind)}" if self.kind is not None else ""
        words += f" on {self.since} or later" if self.since is not None else ""
        if self.before is not None:
            words += f"{' and' if self.since is not None else ''} before {self.before}"
        return words

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

    key = "holds"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"role.assigned"}))

    def words(self) -> str:
        return f"they are {role_words(self.role, self.community)}"

    def denial(self) -> str:
        return f"they are not {role_words(self.role, self.community)}"

    def lacked(self) -> str | None:
        return f"needs to be {role_words(self.role, self.community)}"

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

    key = "held"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"role.assigned"}))

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        return wanted

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

    key = "on_leave"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"leave.started"}))

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
    """They retired and have not come back. They are still a member.

    Attributes:
        how: in which way they retired; None for any.
    """

    how: str | None = field(default=None, validator=one_of(None, *RETIREMENTS))

    key = "retired"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"member.retired"}))

    def words(self) -> str:
        return "they are retired" if self.how is None else f"they are retired ({self.how})"

    def denial(self) -> str:
        return "they are not retired" if self.how is None else f"they are not retired ({self.how})"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span for span in subject.standing("member.retired") if self.how in (None, span.entry.fact.how)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("member.retired")


def is_member() -> IsMember:
    """They joined, ever."""
    return IsMember()


def joined(*, before: date | None = None, since: date | None = None, kind: str | None = None) -> Joined:
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


@frozen(cache_hash=True)
class InCommunity(Leaf):
    """They joined a community, or hold a role in it.

    Attributes:
        community: which; None for any.
    """

    community: str | None = field(default=None, validator=is_name_or_none)

    key = "in_community"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"community.joined", "role.assigned"}))

    def words(self) -> str:
        return f"they are in {named(self.community) if self.community else 'a community'}"

    def denial(self) -> str:
        return f"they are not in {named(self.community) if self.community else 'any community'}"

    def find(self, subject: Subject) -> Found:
        spans = [*subject.standing("community.joined"), *subject.standing("role.assigned")]
        return from_spans(
            span
            for span in spans
            if span.entry.fact.community is not None and self.community in (None, span.entry.fact.community)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [*subject.span_edges("community.joined"), *subject.span_edges("role.assigned")]


@frozen(cache_hash=True)
class Affiliated(Leaf):
    """They belong to an organisation.

    Attributes:
        organisation: which; None for any.
        kind: as what; None for anything.
    """

    organisation: str | None = field(default=None, validator=is_name_or_none)
    kind: str | None = field(default=None, validator=is_name_or_none)

    key = "affiliated"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"affiliation.started"}))

    def words(self) -> str:
        return f"they belong to {self._what()}"

    def denial(self) -> str:
        return f"they do not belong to {self._what()}"

    def _what(self) -> str:
        kind = f" as {named(self.kind)}" if self.kind is not None else ""
        return f"{named(self.organisation) if self.organisation else 'an organisation'}{kind}"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.standing("affiliation.started")
            if self.organisation in (None, span.entry.fact.organisation)
            and self.kind in (None, span.entry.fact.kind)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("affiliation.started")


@frozen(cache_hash=True)
class WithAccount(Leaf):
    """They have an account.

    Attributes:
        provider: where; None for anywhere.
    """

    provider: str | None = field(default=None, validator=is_name_or_none)

    key = "has_account"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"member.joined"}), spans=frozenset({"account.linked"}))

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        if self.provider is not None:
            return True
        # An account named on joining is never unlinked.
        return wanted or all(e.fact.account is None for e in subject.dossier.own("member.joined"))

    def words(self) -> str:
        return f"they have an account{self._where()}"

    def denial(self) -> str:
        return f"they have no account{self._where()}"

    def _where(self) -> str:
        return f" at {named(self.provider)}" if self.provider is not None else ""

    def find(self, subject: Subject) -> Found:
        spans = [
            span.entry.id
            for span in subject.standing("account.linked")
            if self.provider in (None, span.entry.fact.provider)
        ]
        joined = subject.seen(subject.dossier.own("member.joined"))
        own = [entry.id for entry in joined if entry.fact.account is not None]
        entries = (*spans, *own) if self.provider is None else tuple(spans)
        return Found(holds=bool(entries), entries=tuple(entries))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        joined = [entry.occurred_at for entry in subject.dossier.of_kind("member.joined")]
        return [*joined, *subject.span_edges("account.linked")]


def in_community(community: str | None = None) -> InCommunity:
    """They are in a community."""
    return InCommunity(community)


def affiliated(organisation: str | None = None, *, kind: str | None = None) -> Affiliated:
    """They belong to an organisation."""
    return Affiliated(organisation, kind)


def has_account(provider: str | None = None) -> WithAccount:
    """They have an account."""
    return WithAccount(provider)


@frozen(cache_hash=True)
class Completed(Leaf):
    """They completed a course.

    Attributes:
        course: which.
        version: in which version; None for any.
    """

    course: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)

    key = "completed"

    def reads(self) -> Reads:
        return Reads(facts=frozenset({"course.completed"}))

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        return wanted

    def words(self) -> str:
        return f"they completed the {self._what()}"

    def denial(self) -> str:
        return f"they have not completed the {self._what()}"

    def lacked(self) -> str | None:
        return f"needs the {self.course} course; has none"

    def _what(self) -> str:
        return f"{named(self.course)} course{_edition(self.version)}"

    def _all(self, subject: Subject) -> list[Entry]:
        return [
            entry
            for entry in subject.dossier.own("course.completed")
            if entry.fact.course == self.course and self.version in (None, entry.fact.version)
        ]

    def find(self, subject: Subject) -> Found:
        entries = tuple([entry.id for entry in subject.seen(self._all(subject))])
        return Found(holds=bool(entries), entries=entries)

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [entry.occurred_at for entry in self._all(subject)]


@frozen(cache_hash=True)
class Accepted(Leaf):
    """They accepted an agreement, and that was not revoked.

    Attributes:
        agreement: which.
        version: in which version; None for any.
    """

    agreement: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)

    key = "accepted"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"agreement.accepted"}))

    def words(self) -> str:
        return f"they accepted the {self._what()}"

    def denial(self) -> str:
        return f"they have not accepted the {self._what()}"

    def lacked(self) -> str | None:
        return f"needs to accept the {self.agreement} agreement"

    def _what(self) -> str:
        return f"{named(self.agreement)} agreement{_edition(self.version)}"

    def find(self, subject: Subject) -> Found:
        return from_spans(
            span
            for span in subject.standing("agreement.accepted")
            if span.entry.fact.agreement == self.agreement and self.version in (None, span.entry.fact.version)
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("agreement.accepted")


@frozen(cache_hash=True)
class Exempt(Leaf):
    """They were exempted from a policy, and that has not expired.

    Attributes:
        policy: from which; None for the one that is evaluated.
    """

    policy: str | None = field(default=None, validator=is_name_or_none)

    key = "exempt"

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"exemption.granted"}))

    def words(self) -> str:
        return f"they are exempt from {policy_words(self.policy)}"

    def denial(self) -> str:
        return f"they are not exempt from {policy_words(self.policy)}"

    def find(self, subject: Subject) -> Found:
        policy = self.policy or subject.policy
        return from_spans(
            span for span in subject.standing("exemption.granted") if span.entry.fact.policy == policy
        )

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return subject.span_edges("exemption.granted")


@frozen(cache_hash=True)
class OnOrAfter(Leaf):
    """It is that day, or later: for rules that change on a date.

    Attributes:
        day: the first day on which it holds.
    """

    day: date = field(validator=is_date_or_none)

    key = "on_or_after"

    def reads(self) -> Reads:
        return NOTHING

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        return False

    def __attrs_post_init__(self) -> None:
        if self.day is None:
            raise InvalidPolicy("on or after which day?")

    def words(self) -> str:
        return f"it is {self.day} or later"

    def denial(self) -> str:
        return f"it is before {self.day}"

    def find(self, subject: Subject) -> Found:
        return Found(holds=subject.at >= day_start(self.day, subject.zone))

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return [day_start(self.day, subject.zone)]


def _edition(version: str | None) -> str:
    return f" (version {named(version)})" if version is not None else ""


def completed(course: str, *, version: str | None = None) -> Completed:
    """They completed a course."""
    return Completed(course, version)


def accepted(agreement: str, *, version: str | None = None) -> Accepted:
    """They accepted an agreement, and that was not revoked."""
    return Accepted(agreement, version)


def exempt(policy: str | None = None) -> Exempt:
    """They were exempted from a policy: by default, from this one."""
    return Exempt(policy)


def on_or_after(day: date) -> OnOrAfter:
    """It is that day or later."""
    return OnOrAfter(day)

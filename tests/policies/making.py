"""Histories that policies are tried on, with instants on the edges of their windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.time import day_start
from reps_ledger.policies import Dossier, Previous, Subject, Width, days, months, weeks, years

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import tzinfo

    from hypothesis.strategies import SearchStrategy

__all__ = [
    "DAY",
    "FAMILIES",
    "NAME",
    "TICK",
    "ZONES",
    "Told",
    "World",
    "about",
    "entries_of",
    "histories",
    "instants",
    "moment",
    "reviewed",
    "subjects",
    "widths",
    "zones",
]

T = TypeVar("T")
Told = tuple[rl.Fact, datetime]

DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)
NAME: Final = "p"
"""What policies, and what histories say of policies, are called."""

ZONES: Final = tuple(ZoneInfo(name) for name in ("Europe/Paris", "America/Havana", "Pacific/Apia"))
_REGISTRY: Final = Registry(BUILT_IN)
_FAR: Final = timedelta(days=400)


def moment(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an instant: "2018-10-01" or "2018-10-01 12:00", in a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


class World:
    """Everybody, of plain entries: surroundings for one member's or one community's policy."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.order))
        self._by_person: dict[str, list[Entry]] = {}
        self._dossiers: dict[str, Dossier] = {}
        self._made: dict[Any, Any] = {}
        for entry in self.entries:
            for person in dict.fromkeys(people_in(entry.fact, _REGISTRY)):
                self._by_person.setdefault(person, []).append(entry)

    def member(self, member: str) -> Dossier:
        """Return what is known of a person."""
        if member not in self._dossiers:
            self._dossiers[member] = Dossier(member, self._by_person.get(member, ()))
        return self._dossiers[member]

    def everyone(self) -> list[Dossier]:
        """Return every person of whom anything is known."""
        return [self.member(name) for name in sorted(self._by_person)]

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Return what happened in a community, or of some kinds in the whole programme."""

        def entries() -> Iterable[Entry]:
            for entry in self.entries:
                if community is None:
                    if not kinds or entry.name in kinds:
                        yield entry
                elif getattr(entry.fact, "community", None) == community:
                    yield entry

        def make() -> Dossier:
            return Dossier(community or "", entries(), is_community=True)

        return self.once(("community", community, tuple(kinds)), make)

    def opportunities(self) -> Sequence[Entry]:
        """Return every opportunity that was held."""
        return [entry for entry in self.entries if entry.name == "opportunity.held"]

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return something made of all that is known, made once."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def subject(
        self,
        member: str,
        at: datetime,
        zone: tzinfo = UTC,
        *,
        policy: str = NAME,
        previous: Previous | None = None,
    ) -> Subject:
        """Return a member at an instant."""
        return Subject(self.member(member), at, zone, self, policy, previous)

    def body(self, community: str, at: datetime, zone: tzinfo = UTC) -> Subject:
        """Return a community at an instant."""
        return Subject(self.community(community), at, zone, self, NAME)


def entries_of(told: Iterable[Told], by: str = "council", source: str | None = None) -> list[Entry]:
    """Make the entries of facts and the instants at which they happened, as told in order.

    Their ids are e0, e1, e2 …
    """
    return [
        Entry(
            id=f"e{index}",
            recorded_at=when,
            occurred_at=when,
            by=by,
            source=source,
            position=index + 1,
            origin=index + 1,
            fact=fact,
        )
        for index, (fact, when) in enumerate(told)
    ]


def about(
    *told: tuple[rl.Fact, str | datetime],
    at: str | datetime,
    member: str = "ana",
    zone: tzinfo = UTC,
    previous: Previous | None = None,
) -> Subject:
    """Tell a short story, and return the member whom it is about at its end."""

    def instant(when: str | datetime) -> datetime:
        return moment(when, zone) if isinstance(when, str) else when

    world = World(entries_of([(fact, instant(when)) for fact, when in told]))
    return world.subject(member, instant(at), zone, previous=previous)


@cache
def zones() -> SearchStrategy[tzinfo]:
    """Make time zones, some with odd days."""
    return st.sampled_from([UTC, *ZONES])


_WIDTHS: Final = (days(1), days(30), weeks(1), weeks(4), months(1), months(3), months(6), years(1))


@cache
def widths() -> SearchStrategy[Width]:
    """Make widths: a few, so that edges meet."""
    return st.sampled_from(_WIDTHS)


_REVIEWED: Final = tuple(
    moment(text)
    for text in (
        "2018-10-01",  # a plain first of a month
        "2020-02-29 12:00",  # leap days, and what comes a year later
        "2021-02-28 23:59:59.999999",
        "2019-02-28 12:00",
        "2019-03-31 12:00",  # ends of long and short months
        "2019-05-30 08:00",
        "2019-10-27 01:00",  # the clocks go back in Paris
        "2019-10-27 00:30",
        "2019-03-31 01:00",  # and forward
        "2018-11-04 05:00",  # midnight comes twice in Havana
        "2019-03-10 05:00",  # and not at all
        "2011-12-30 10:00",  # Apia skips a day
        "2011-12-31 09:59:59.999999",
    )
)


@st.composite
def reviewed(draw: st.DrawFn) -> datetime:
    """Make instants of reviews, often odd ones."""
    base = draw(st.sampled_from(_REVIEWED))
    return base + draw(st.sampled_from([0, 0, 0, 1, -1])) * TICK


@st.composite
def instants(
    draw: st.DrawFn, at: datetime, zone: tzinfo, *, of: Collection[Width] = ()
) -> datetime:
    """Make instants around a review: mostly on the edges of windows, or a microsecond beside.

    Args:
        draw: as Hypothesis gives it.
        at: the review.
        zone: in which dates are read.
        of: the widths of the windows; of a few by default.
    """
    local = at.astimezone(zone).date()
    starts = [local, local.replace(day=1), local.replace(day=1, month=1), local + DAY]
    found = draw(st.sampled_from([at, at, at, *(day_start(day, zone) for day in starts)]))
    for width in draw(st.lists(st.sampled_from(sorted(of or _WIDTHS, key=str)), max_size=2)):
        way = draw(st.sampled_from([width.before, width.before, width.after]))
        found = way(found, zone)
    return found + draw(st.sampled_from([0, 0, 0, 1, -1])) * TICK


def _made(cls: Any, /, **values: Any) -> Callable[[str, str, datetime], rl.Fact]:
    """Return a maker of facts; "WHO", "OTHER" and "LATER" stand for what differs."""

    def make(who: str, other: str, later: datetime) -> rl.Fact:
        real: dict[Any, Any] = {"WHO": who, "OTHER": other, "LATER": later}
        told: rl.Fact = cls(**{name: real.get(value, value) for name, value in values.items()})
        return told

    return make


def _of_member(cls: Any, /, **values: Any) -> Callable[[str, str, datetime], rl.Fact]:
    return _made(cls, member="WHO", **values)


_JOINED: Final = _of_member(rl.MemberJoined)
_REPORTED: Final = _of_member(rl.ReportFiled, activity="event")

_MAKERS: Final[Mapping[str, Sequence[Callable[[str, str, datetime], rl.Fact]]]] = {
    "people": [
        _JOINED,
        _of_member(rl.MemberJoined, kind="staff", account="an account"),
        _of_member(rl.MemberRetired, how="resigned"),
        _of_member(rl.MemberReturned),
        _of_member(rl.AccountLinked, provider="github", account="a"),
        _of_member(rl.AccountUnlinked, provider="github", account="a"),
        _of_member(rl.AffiliationStarted, organisation="acme", kind="employee"),
        _of_member(rl.AffiliationStarted, organisation="umbrella"),
        _of_member(rl.AffiliationEnded, organisation="acme"),
    ],
    "reports": [
        _REPORTED,
        _REPORTED,
        _of_member(rl.ReportFiled, activity="talk", areas=("web", "l10n"), amount=2.5),
        _of_member(rl.ReportFiled, activity="event", community="paris", amount=1),
        _of_member(rl.ReportFiled, activity="event", announced=True),
        _of_member(rl.ReportFiled, activity="event", passive=True),
        _of_member(rl.ReportVerified, report="e1", verifier="OTHER"),
        _of_member(rl.ReportVerified, report="e2", verifier="OTHER"),
    ],
    "roles": [
        _of_member(rl.RoleAssigned, role="rep"),
        _of_member(rl.RoleAssigned, role="rep", community="paris", until="LATER"),
        _of_member(rl.RoleAssigned, role="mentor", until="LATER"),
        _of_member(rl.RoleEnded, role="rep", how="resigned"),
        _of_member(rl.RoleEnded, role="rep", community="paris", how="expired"),
        _of_member(rl.CommunityJoined, community="paris"),
        _of_member(rl.CommunityLeft, community="paris"),
        _of_member(rl.MentorAssigned, mentor="OTHER"),
        _of_member(rl.MentorReleased, mentor="OTHER"),
    ],
    "vouches": [
        _of_member(rl.Vouched, voucher="OTHER"),
        _of_member(rl.Vouched, voucher="OTHER"),
        _made(rl.Vouched, member="OTHER", voucher="WHO"),
        _of_member(rl.VouchWithdrawn, voucher="OTHER"),
    ],
    "learning": [
        _of_member(rl.CourseCompleted, course="onboarding"),
        _of_member(rl.CourseCompleted, course="onboarding", version="2"),
        _of_member(rl.AgreementAccepted, agreement="nda"),
        _of_member(rl.AgreementAccepted, agreement="nda", version="2"),
        _of_member(rl.AgreementRevoked, agreement="nda"),
    ],
    "leave": [
        _of_member(rl.LeaveStarted),
        _of_member(rl.LeaveStarted, expected_return="LATER"),
        _of_member(rl.LeaveStarted, expected_return="LATER", covered_by="OTHER"),
        _of_member(rl.LeaveEnded),
    ],
    "notices": [
        _of_member(rl.NoticeSent, notice="n1", stage="nudge", policy=NAME, deadline="LATER"),
        _of_member(rl.NoticeSent, notice="n2", stage="nudge", policy=NAME),
        _of_member(rl.NoticeSent, notice="n3", stage="warning", policy=NAME, deadline="LATER"),
        _of_member(rl.NoticeAnswered, notice="n1"),
        _of_member(rl.NoticeAnswered, notice="n2"),
    ],
    "reviews": [
        _of_member(rl.ReviewOpened, review="r1", policy=NAME),
        _of_member(rl.ReviewDecided, review="r1", outcome="good"),
        _of_member(rl.ReviewOpened, review="r2", policy=NAME),
        _of_member(rl.ReviewDecided, review="r2", outcome="bad"),
        _of_member(rl.ExemptionGranted, policy=NAME, reason="ill", expires="LATER"),
        _of_member(rl.ExemptionGranted, policy=NAME, reason="ill"),
    ],
    "opportunities": [
        _made(rl.OpportunityHeld, opportunity="o1", kind="vote"),
        _made(rl.OpportunityHeld, opportunity="o2", kind="vote"),
        _made(rl.OpportunityHeld, opportunity="o3", kind="vote", community="paris"),
        _of_member(rl.OpportunityTaken, opportunity="o1"),
        _of_member(rl.OpportunityTaken, opportunity="o3"),
    ],
}

FAMILIES: Final = tuple(sorted(_MAKERS))
"""Of what histories are made."""


@st.composite
def histories(
    draw: st.DrawFn,
    at: datetime,
    zone: tzinfo,
    *,
    max_size: int = 12,
    families: Collection[str] = (),
    of: Collection[Width] = (),
) -> list[Entry]:
    """Make what happened to ana mostly, and to a few others, around a review.

    They are raw: rules were not asked, so that leave may begin twice and end unbegun.

    Args:
        draw: as Hypothesis gives it.
        at: the review.
        zone: in which its dates are read.
        max_size: the most that happened.
        families: of what, of `FAMILIES`; a few of them by default.
        of: the widths on whose edges.
    """
    if not families:
        families = draw(st.lists(st.sampled_from(FAMILIES), min_size=1, max_size=3))
    makers = [make for family in sorted(families) for make in _MAKERS[family]]
    when = instants(at, zone, of=of)
    told: list[Told] = []
    if draw(st.integers(0, 3)):
        told.append((_JOINED("ana", "ben", at), draw(instants(at - _FAR, zone, of=of))))
    for _ in range(draw(st.integers(0, max_size - 1))):
        who = draw(st.sampled_from(["ana", "ana", "ana", "ben", "cem"]))
        other = draw(st.sampled_from([name for name in ("ana", "ben", "cem") if name != who]))
        make = draw(st.sampled_from(makers))
        told.append((make(who, other, draw(when)), draw(when)))
    return sorted(entries_of(told), key=lambda entry: entry.order)


@st.composite
def subjects(
    draw: st.DrawFn,
    *,
    max_size: int = 12,
    families: Collection[str] = (),
    of: Collection[Width] = (),
) -> Subject:
    """Make ana at a review, with a history of hers and of others around it."""
    zone = draw(zones())
    at = draw(reviewed())
    world = World(draw(histories(at, zone, max_size=max_size, families=families, of=of)))
    previous = None
    if draw(st.integers(0, 5)) == 0:
        when = min(draw(instants(at, zone)), at)
        previous = Previous(draw(st.sampled_from(["good", "fair", "bad"])), when)
    return world.subject("ana", at, zone, previous=previous)

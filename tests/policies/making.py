"""Short stories that policies are tried on, and who is judged in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from msgspec.structs import replace

import reps_ledger as rl
from reps_ledger.policies import Condition, Measure, Previous, Subject, Width
from reps_ledger.policies.language.conditions import holds
from reps_ledger.testing import moment, tell_all
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import instants, raw_histories, reviews, zones
from reps_ledger.testing.strategies.edges import ZONES
from reps_ledger.testing.strategies.policies import NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import tzinfo

__all__ = [
    "DAY",
    "NAME",
    "TICK",
    "ZONES",
    "Dated",
    "Told",
    "about",
    "entries_of",
    "everybody",
    "everything",
    "evidence",
    "joins",
    "moment",
    "report",
    "role",
    "so",
    "subjects",
    "value",
    "vouched",
    "works_for",
]

Told = tuple[rl.Fact, datetime]
Dated = tuple[rl.Fact, str | datetime]

DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)


def entries_of(told: Iterable[Told], by: str = "council", source: str | None = None) -> list[rl.Entry]:
    """Make the entries of facts and the instants at which they happened, as told in order.

    Their ids are e0, e1, e2 …
    """
    return [
        replace(entry, id=f"e{index}", by=by, source=source, recorded_at=entry.occurred_at)
        for index, entry in enumerate(tell_all(*told))
    ]


def everybody(*told: tuple[rl.Fact, str | datetime], zone: tzinfo = UTC) -> Everybody:
    """Tell a short story of any number of people; days and times are those of the zone."""

    def instant(when: str | datetime) -> datetime:
        return moment(when, zone) if isinstance(when, str) else when

    return Everybody(entries_of([(fact, instant(when)) for fact, when in told]))


def about(
    *told: tuple[rl.Fact, str | datetime],
    at: str | datetime,
    member: str = "ana",
    zone: tzinfo = UTC,
    previous: Previous | None = None,
) -> Subject:
    """Tell a short story, and return the member whom it is about at its end."""
    now = moment(at, zone) if isinstance(at, str) else at
    world = everybody(*told, zone=zone)
    return world.subject(member, now, zone, policy=NAME, previous=previous)


def joins(member: str, on: str = "2018-01-01") -> Dated:
    """Tell that somebody joined."""
    return rl.MemberJoined(member=member), on


def report(on: str, *, member: str = "ana", **fields: object) -> Dated:
    """Tell that somebody reported an event."""
    made = {"activity": "event", **fields}
    return rl.ReportFiled(member=member, **made), on  # type: ignore[arg-type]  # fields as keywords


def vouched(member: str, voucher: str, on: str = "2018-06-01") -> Dated:
    """Tell that somebody vouched."""
    return rl.Vouched(member=member, voucher=voucher), on


def role(name: str, *, member: str = "ana", on: str = "2018-06-01", **fields: object) -> Dated:
    """Tell that somebody was given a role."""
    return rl.RoleAssigned(member=member, role=name, **fields), on  # type: ignore[arg-type]  # fields as keywords


def works_for(member: str, organisation: str, on: str = "2018-01-01") -> Dated:
    """Tell that somebody began to work for an organisation."""
    return rl.AffiliationStarted(member=member, organisation=organisation), on


def value(measure: Measure, subject: Subject) -> object:
    """Return what is measured."""
    return measure.measure(subject).value


def evidence(measure: Measure, subject: Subject) -> tuple[str, ...]:
    """Return of which entries."""
    return measure.measure(subject).entries


def so(condition: Condition, subject: Subject) -> bool:
    """Return whether a condition holds."""
    return holds(condition, subject)


def everything(subject: Subject) -> tuple[rl.Entry, ...]:
    """Return all that is known around somebody, of anybody."""
    others = subject.others
    assert isinstance(others, Everybody)
    return others.entries


@st.composite
def subjects(
    draw: st.DrawFn,
    *,
    max_size: int = 12,
    families: Collection[str] = (),
    of: Collection[Width] = (),
    about: object = None,
    facts: Iterable[type[rl.Fact]] = (),
) -> Subject:
    """Make ana at a review, with a history of hers and of others around it.

    The history is of what ``about`` looks at, or of ``families``; ``facts`` are a service's own.
    """
    zone = draw(zones())
    at = draw(reviews())
    history = draw(
        raw_histories(
            max_size=max_size, about=about, facts=facts, families=families, of=of, at=at, zone=zone, odd=False
        )
    )
    previous = None
    if draw(st.integers(0, 5)) == 0:
        when = min(draw(instants(at, zone)), at)
        previous = Previous(draw(st.sampled_from(["good", "fair", "bad"])), when)
    return history.everybody().subject("ana", at, zone, policy=NAME, previous=previous)

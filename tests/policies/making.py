"""Short stories that policies are tried on, and who is judged in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from msgspec.structs import replace

from reps_ledger.policies import Previous, Subject, Width
from reps_ledger.testing import moment, tell_all
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import instants, raw_histories, reviews, zones
from reps_ledger.testing.strategies.edges import ZONES
from reps_ledger.testing.strategies.policies import NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import tzinfo

    import reps_ledger as rl

__all__ = [
    "DAY",
    "NAME",
    "TICK",
    "ZONES",
    "Told",
    "about",
    "entries_of",
    "everybody",
    "everything",
    "moment",
    "subjects",
]

Told = tuple["rl.Fact", datetime]

DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)


def entries_of(
    told: Iterable[Told], by: str = "council", source: str | None = None
) -> list[rl.Entry]:
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
            max_size=max_size,
            about=about,
            facts=facts,
            families=families,
            of=of,
            at=at,
            zone=zone,
            odd=False,
        )
    )
    previous = None
    if draw(st.integers(0, 5)) == 0:
        when = min(draw(instants(at, zone)), at)
        previous = Previous(draw(st.sampled_from(["good", "fair", "bad"])), when)
    return history.everybody().subject("ana", at, zone, policy=NAME, previous=previous)

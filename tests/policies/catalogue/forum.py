"""A forum: one member whose activity meets every requirement of trust level 3, exactly."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import reps_ledger as rl
from policies.catalogue.own_facts import (
    FlagReceived,
    LikeGiven,
    LikeReceived,
    PenaltyGiven,
    PostMade,
    PostRead,
    TopicOpened,
    TopicRead,
    TopicReplied,
    VisitMade,
)
from policies.catalogue.worked import Told, at, told

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["forum", "reviewed"]

_FIRST = at(2018, 4, 1)
_POLICY = "discourse-trust-level-3"


def _day(number: int) -> datetime:
    return _FIRST + timedelta(days=number, hours=1)


def forum(
    *,
    visits: int = 50,
    replies: int = 10,
    topics: int = 10,
    posts: int = 10,
    given: int = 30,
    received: int = 20,
    like_days: int = 7,
    givers: int = 5,
    flagged: int = 5,
    flaggers: int = 5,
    penalty: date | None = None,
) -> tuple[Told, ...]:
    """Tell what "ana" did from 1 April 2018 on, in a forum with 40 new topics and 40 new posts."""
    people = [f"p{number}" for number in range(6)]
    history = [told(rl.MemberJoined(member=name), date(2017, 1, 1)) for name in ("ana", *people)]
    history += [told(fact, _day(0)) for fact in _others()]
    history += [told(VisitMade(member="ana"), _day(number)) for number in range(visits)]
    history += [told(TopicReplied(member="ana", topic=f"t{number}"), _day(2)) for number in range(replies)]
    history += [told(TopicRead(member="ana", topic=f"t{number}"), _day(2)) for number in range(topics)]
    history += [told(PostRead(member="ana", post=f"b{number}"), _day(2)) for number in range(posts)]
    history += [told(LikeGiven(member="ana"), _day(3))] * given
    history += [
        told(LikeReceived(member="ana", giver=people[number % givers]), _day(number % like_days))
        for number in range(received)
    ]
    history += [
        told(
            FlagReceived(member="ana", post=f"f{number % flagged}", flagger=f"x{number % flaggers}"), _day(4)
        )
        for number in range(max(flagged, flaggers))
    ]
    if penalty is not None:
        history.append(told(PenaltyGiven(member="ana"), penalty))
    return tuple(history)


def _others() -> Iterator[rl.Fact]:
    for number in range(40):
        yield TopicOpened(member="p0", topic=f"t{number}")
        yield PostMade(member="p1", post=f"b{number}")


def reviewed(on: date) -> tuple[Told, ...]:
    """Tell that a review gave "ana" trust level 3."""
    opened = rl.ReviewOpened(member="ana", review="r1", policy=_POLICY)
    decided = rl.ReviewDecided(member="ana", review="r1", outcome="trust level 3")
    return (told(opened, on), told(decided, on))

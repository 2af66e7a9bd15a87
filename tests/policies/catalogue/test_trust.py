"""Discourse's trust level 3, requirement by requirement: what gains, keeps and loses it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import pytest

from policies.catalogue.forum import forum, reviewed
from policies.catalogue.own_facts import TopicOpened, TopicRead
from policies.catalogue.worked import Told, at, ledger_of, told
from reps_ledger.policies.catalogue import listed

(POLICY,) = listed("discourse-trust-level-3").policies
WHEN: Final = at(2018, 6, 1)
LONG_AGO: Final = date(2018, 5, 1)

GAIN: Final[dict[str, Any]] = {
    "visits": 50,
    "replies": 10,
    "topics": 10,
    "posts": 10,
    "given": 30,
    "received": 20,
    "like_days": 7,
    "givers": 5,
}
KEEP: Final[dict[str, int]] = {
    "visits": 45,
    "replies": 9,
    "topics": 9,
    "posts": 9,
    "given": 27,
    "received": 18,
    "like_days": 7,
    "givers": 5,
}
"""The least that will do; of 40 topics and 40 posts, 22.5 % are 9."""


def outcome(history: tuple[Told, ...]) -> str:
    """Return what becomes of "ana"."""
    return ledger_of(history).as_of(WHEN).evaluate(POLICY, "ana").outcome


@pytest.mark.parametrize("name", GAIN)
def test_each_requirement_is_needed_to_gain(name: str) -> None:
    """With everything else met, one less of a requirement does not gain the level."""
    some: dict[str, Any] = {name: GAIN[name] - 1}
    assert outcome(forum(**GAIN)) == "trust level 3"
    assert outcome(forum(**some)) == "trust level 2"


@pytest.mark.parametrize("name", KEEP)
def test_ninety_percent_keeps(name: str) -> None:
    """Who has the level keeps it with 90 % of each requirement, and loses it with less."""
    enough: dict[str, Any] = {name: KEEP[name]}
    less: dict[str, Any] = {name: KEEP[name] - 1}
    assert outcome((*forum(**enough), *reviewed(LONG_AGO))) == "trust level 3"
    assert outcome((*forum(**less), *reviewed(LONG_AGO))) == "trust level 2"


@pytest.mark.parametrize("limit", ["flagged", "flaggers"])
def test_five_flags_are_borne_and_six_are_not(limit: str) -> None:
    """Five flagged posts, or five flaggers, are borne; six neither gain nor keep."""
    more: dict[str, Any] = {limit: 6}
    assert outcome(forum()) == "trust level 3"
    assert outcome(forum(**more)) == "trust level 2"
    assert outcome((*forum(**more), *reviewed(LONG_AGO))) == "trust level 2"


def test_a_penalty_weighs_for_six_months() -> None:
    """A penalty less than 6 months ago loses the level; one exactly 6 months ago does not."""
    assert outcome(forum(penalty=at(2017, 12, 1))) == "trust level 3"
    later = at(2017, 12, 1) + timedelta(microseconds=1)
    assert outcome(forum(penalty=later)) == "trust level 2"
    assert outcome((*forum(penalty=later), *reviewed(LONG_AGO))) == "trust level 2"


def test_the_window_is_100_days() -> None:
    """What happened exactly 100 days ago no longer counts; an instant before, it did."""
    ledger = ledger_of(forum())
    last = at(2018, 4, 1, 1) + timedelta(days=100)  # of the first of 50 days
    before = ledger.as_of(last - timedelta(microseconds=1)).evaluate(POLICY, "ana")
    assert before.outcome == "trust level 3"
    assert ledger.as_of(last).evaluate(POLICY, "ana").outcome == "trust level 2"
    assert before.lapses_at == last


def test_a_large_forum_asks_for_500_topics_at_most() -> None:
    """Of 2,041 topics a quarter would be 511; 500 will do, and 499 will not."""
    opened = tuple(
        told(TopicOpened(member="p0", topic=f"u{number}"), at(2018, 4, 2)) for number in range(2001)
    )
    read = tuple(told(TopicRead(member="ana", topic=f"u{number}"), at(2018, 4, 3)) for number in range(490))
    assert outcome((*forum(), *opened, *read)) == "trust level 3"
    assert outcome((*forum(), *opened, *read[1:])) == "trust level 2"


def test_what_others_read_makes_no_difference() -> None:
    """Only one's own reading counts, and topics opened by anybody make the total."""
    others = tuple(told(TopicRead(member="p0", topic=f"t{number}"), at(2018, 4, 3)) for number in range(40))
    assert outcome((*forum(topics=9), *others)) == "trust level 2"
    more = (told(TopicOpened(member="p0", topic="t40"), at(2018, 4, 3)),)
    assert outcome((*forum(), *more)) == "trust level 2"


def test_the_verdict_says_what_is_missing() -> None:
    """Two likes short, the way to the level is two more likes, in words."""
    verdict = ledger_of(forum(given=28)).as_of(WHEN).evaluate(POLICY, "ana")
    best = verdict.shortfalls("trust level 3")[0]
    assert "2 more like.given facts in the last 100 days" in best.words()

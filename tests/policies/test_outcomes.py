"""Outcomes through time, each date being told of the outcome before it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import DAY, about, moment, subjects
from reps_ledger.policies import Policy, Previous, in_outcome, previously, reports, weeks, when
from reps_ledger.policies.outcomes import outcome_of, outcomes_through

if TYPE_CHECKING:
    from reps_ledger.policies import Subject

JOINED: Final = (rl.MemberJoined(member="ana"), "2018-01-01")
REPORTED: Final = (rl.ReportFiled(member="ana", activity="talk"), "2018-03-01")

POLICY: Final = Policy(
    "p",
    cases=[
        when(reports(within=weeks(2)) >= 1).then("good"),
        when(previously("fair") & (in_outcome() >= weeks(2))).then("bad"),
        when(previously("good", "fair")).then("fair"),
    ],
    otherwise="none",
)


def test_each_date_is_told_of_the_outcome_before_it() -> None:
    """An outcome lasts from when it was first come to; before the first date there was none."""
    start = moment("2018-03-02")
    dates = [start + number * 7 * DAY for number in (4, 0, 2, 3, 5, 2)]
    found = outcomes_through(POLICY, about(JOINED, REPORTED, at="2020-01-01"), dates)
    assert [((at - start).days // 7, outcome) for at, outcome in found] == [
        (0, "good"),
        (2, "fair"),
        (3, "fair"),
        (4, "bad"),
        (5, "none"),
    ]


def test_what_people_decided_is_not_looked_at() -> None:
    """Before the first date there was no outcome, whatever the record says."""
    given_before = Previous("fair", moment("2018-01-01"))
    subject = about(JOINED, at="2018-02-01", previous=given_before)
    assert outcome_of(POLICY, subject) == "bad"
    assert outcomes_through(POLICY, subject, [subject.at]) == [(subject.at, "none")]
    assert outcomes_through(POLICY, subject, []) == []


@given(subjects(), st.lists(st.integers(-60, 60), min_size=1, max_size=6))
def test_outcomes_through_time_fold_the_outcomes_of_dates(subject: Subject, days: list[int]) -> None:
    """Cut anywhere, the rest goes on from the last outcome, and since when it has been that."""
    dates = [subject.at + timedelta(days=day) for day in days]
    found = outcomes_through(POLICY, subject, dates)
    assert [at for at, _ in found] == sorted(set(dates))
    since = None
    for number, (at, outcome) in enumerate(found):
        before = found[number - 1][1] if number else ""
        previous = Previous(before, since or at)
        assert outcome == outcome_of(POLICY, evolve(subject, at=at, previous=previous))
        if outcome != before:
            since = at

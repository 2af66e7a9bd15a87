"""Reviews: open, notify, decide, and replay years later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given as using
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.policies import (
    Policy,
    digest,
    notice,
    noticed,
    on_leave,
    previously,
    reports,
    this,
    weeks,
    when,
)
from scale import examples
from scenarios import fixed_clock

if TYPE_CHECKING:
    from pathlib import Path

REVIEW: Final = date(2018, 7, 1)
POLICY: Final = Policy(
    "activity",
    version="7",
    cases=[
        when(on_leave()).then("active", "on leave"),
        when(reports(within=weeks(4)) >= 1).then("active"),
        when(reports(within=weeks(8)) >= 1).then("nudge", "no report for four weeks"),
    ],
    otherwise="inactive",
    scale=["active", "nudge", "inactive"],
    notices=[
        notice("active", "appreciation"),
        notice("nudge", "nudge", answer_within=weeks(4), unanswered="inactive"),
    ],
)


def programme(**options: Any) -> rl.Ledger:
    """Open a ledger in which ana is active, ben is to be nudged, and cleo is inactive."""
    ledger = rl.open(clock=fixed_clock, **options)
    for member in ("ana", "ben", "cleo"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
    for member, day in (("ana", date(2018, 6, 20)), ("ben", date(2018, 5, 20))):
        report = rl.ReportFiled(member=member, activity="workshop")
        ledger.record(report, by=member, occurred_at=day)
    return ledger


def opened(ledger: rl.Ledger, policy: Policy | str = POLICY, **options: Any) -> Any:
    """Open reviews at the review date, the day after it."""
    return ledger.open_reviews(
        policy, **{"by": "council", "at": REVIEW, "occurred_at": date(2018, 7, 2), **options}
    )


def test_the_docket_says_who_what_and_what_would_change_it() -> None:
    """All but the best are reviewed, with recommendation, findings and shortfalls."""
    docket = opened(programme(), due=date(2018, 8, 1))
    assert [(item.member, item.recommended) for item in docket] == [("ben", "nudge"), ("cleo", "inactive")]
    ben = docket.reviews[0]
    assert ben.review == "activity/2018-07-01/ben"
    assert [found.holds for found in ben.verdict.findings[:3]] == [False, False, True]
    assert [str(way) for way in ben.ways] == ["1 more report in the last 4 weeks", "they are on leave"]
    assert not ben.overdue
    assert "would be better with: 1 more report" in ben.words()


def test_opening_is_safe_to_run_again() -> None:
    """Who has an open review is left alone, and the policy is stated once."""
    ledger = programme()
    opened(ledger)
    position = ledger.position
    assert len(opened(ledger)) == 2
    assert len(opened(ledger, occurred_at=date(2018, 7, 9))) == 2
    assert ledger.position == position
    assert [e.name for e in ledger.entries()].count("policy.stated") == 1


def test_a_review_may_follow_a_decided_one() -> None:
    """Once decided, the next review date opens a new review."""
    ledger = programme()
    for item in opened(ledger):
        ledger.decide(item, "active", "seen", by="council", occurred_at=date(2018, 7, 5))
    again = opened(ledger, at=date(2018, 10, 1), occurred_at=date(2018, 10, 2))
    assert [item.review for item in again] == [
        f"activity/2018-10-01/{member}" for member in ("ana", "ben", "cleo")
    ]


def test_outcomes_may_be_chosen() -> None:
    """Only whoever has one of the outcomes named is reviewed; an unknown one is an error."""
    docket = opened(programme(), outcomes=["inactive"])
    assert [item.member for item in docket] == ["cleo"]
    with pytest.raises(rl.InvalidInput, match="no outcome 'gone'"):
        opened(programme(), outcomes=["gone"])


def test_two_who_open_at_once_open_each_review_once() -> None:
    """A review that somebody opened meanwhile is there already, and is no error."""
    ledger = programme()
    view = ledger.as_of(REVIEW)
    other = rl.ReviewOpened(member="ben", review="activity/2018-07-01/ben", policy="other")
    ledger.record(other, by="somebody", occurred_at=date(2018, 7, 2))
    assert view.known_at < ledger.position
    docket = opened(ledger)
    assert [item.member for item in docket] == ["cleo"]


def test_the_docket_lists_what_waits() -> None:
    """Open reviews by due date, overdue ones told apart; decided ones are gone."""
    ledger = programme()
    docket = opened(ledger, due=date(2018, 8, 1))
    ledger.decide(docket.reviews[1], "inactive", "no sign", by="council", occurred_at=date(2018, 7, 5))
    (item,) = ledger.as_of(date(2018, 7, 31)).docket()
    assert (item.member, item.overdue) == ("ben", False)
    (item,) = ledger.as_of(date(2018, 8, 2)).docket("activity")
    assert item.overdue
    assert len(ledger.as_of(date(2018, 8, 2)).docket("another")) == 0
    assert len(ledger.as_of(REVIEW).docket()) == 0


def test_appreciation_and_nudges() -> None:
    """Each outcome's notice is recorded once a review date, with its deadline."""
    ledger = programme()
    sent = ledger.send_notices(POLICY, by="council", at=REVIEW, channel="mail", occurred_at=date(2018, 7, 2))
    told = [(e.fact.member, e.fact.stage, e.fact.channel, e.fact.deadline) for e in sent]
    assert [row[:3] for row in told] == [("ana", "appreciation", "mail"), ("ben", "nudge", "mail")]
    assert told[0][3] is None
    assert told[1][3] - sent[1].occurred_at == timedelta(weeks=4)
    again = ledger.send_notices(POLICY, by="council", at=REVIEW, occurred_at=date(2018, 7, 3))
    assert again == ()


def test_a_deadline_is_the_start_of_a_day() -> None:
    """Four weeks from a day end with a day in the ledger's zone, over a change of its clocks."""
    with rl.open(zone="Europe/Paris", clock=lambda: datetime(2018, 10, 2, tzinfo=UTC)) as ledger:
        ledger.record(rl.MemberJoined(member="ben"), by="council", occurred_at=date(2018, 1, 1))
        report = rl.ReportFiled(member="ben", activity="workshop")
        ledger.record(report, by="ben", occurred_at=date(2018, 8, 20))
        sent = ledger.send_notices(POLICY, by="council", at=date(2018, 9, 30), occurred_at=date(2018, 10, 1))
        deadlines = {e.fact.deadline for e in sent if e.fact.deadline is not None}
        assert deadlines == {datetime(2018, 10, 28, 23, tzinfo=UTC)}  # midnight on the 29th
        assert {ledger.day(deadline) for deadline in deadlines} == {date(2018, 10, 29)}


def test_silence_comes_to_what_the_policy_says() -> None:
    """Past the deadline unheard of, the outcome is that of silence, and the finding says why."""
    ledger = programme()
    later = rl.ReportFiled(member="ben", activity="talk")
    ledger.record(later, by="ben", occurred_at=date(2018, 6, 2))
    ledger.send_notices(POLICY, by="council", at=REVIEW, occurred_at=date(2018, 7, 1))
    before = ledger.as_of(date(2018, 7, 26)).evaluate(POLICY, "ben")
    assert (before.outcome, before.lapses_to) == ("nudge", "inactive")
    quick = Policy(
        "activity",
        cases=[when(reports(within=weeks(20)) >= 1).then("nudge")],
        otherwise="inactive",
        notices=[notice("nudge", "nudge", answer_within=weeks(4), unanswered="inactive")],
    )
    deadline = ledger.as_of(date(2018, 7, 28)).evaluate(quick, "ben")
    silent = ledger.as_of(date(2018, 7, 29)).evaluate(quick, "ben")
    assert (deadline.outcome, silent.outcome) == ("nudge", "inactive")
    assert silent.reason == "nothing was heard after the nudge"


@pytest.mark.parametrize("answer", ["answer", "act"])
def test_an_answer_clears_a_notice(answer: str) -> None:
    """An answer, or any act of theirs, is a sign of life: nothing is outstanding any more."""
    ledger = programme()
    sent = ledger.send_notices(POLICY, by="council", at=REVIEW, occurred_at=date(2018, 7, 1))
    name = sent[1].fact.notice
    assert [n.member for n in ledger.as_of(date(2018, 7, 2)).docket().notices] == ["ben", "ana"]
    fact: rl.Fact = rl.NoticeAnswered(member="ben", notice=name, answer="still here")
    if answer == "act":
        fact = rl.Vouched(member="ana", voucher="ben")
    ledger.record(fact, by="ben", occurred_at=date(2018, 7, 10))
    assert [n.member for n in ledger.as_of(date(2018, 7, 11)).docket().notices] == ["ana"]
    silent = noticed("nudge", policy="activity", heard=False)
    check = Policy("check", cases=[when(silent).then("silent")], otherwise="heard")
    assert ledger.as_of(date(2018, 7, 9)).evaluate(check, "ben").outcome == "silent"
    assert ledger.as_of(date(2018, 7, 11)).evaluate(check, "ben").outcome == "heard"


def test_a_decision_records_what_it_went_by() -> None:
    """Basis, version, digest, recommendation, evidence, review date and zone."""
    ledger = programme(zone="Europe/Paris")
    docket = opened(ledger)
    basis = ledger.position
    ledger.record(rl.ReportFiled(member="ben", activity="talk"), by="ben", occurred_at=REVIEW)
    item = docket.reviews[0]
    fact = ledger.decide(item, "active", "we met", by="council", occurred_at=date(2018, 7, 9)).entry.fact
    assert (fact.basis, fact.policy_version, fact.digest) == (basis, "7", digest(POLICY))
    assert (fact.recommended, fact.evidence) == ("nudge", item.verdict.evidence)
    assert (fact.as_of, fact.zone) == (item.verdict.at, "Europe/Paris")


def test_what_cannot_be_decided() -> None:
    """No such review or outcome, no reason, decided before: each says so; nothing is written."""
    ledger = programme()
    opened(ledger)
    position = ledger.position
    name = "activity/2018-07-01/ben"
    with pytest.raises(rl.NotFound, match="no review nothing was opened"):
        ledger.decide("nothing", "active", "r", by="council")
    with pytest.raises(rl.InvalidInput, match="no outcome 'gone'"):
        ledger.decide(name, "gone", "r", by="council")
    with pytest.raises(rl.InvalidInput, match="reason"):
        ledger.decide(name, "active", " ", by="council")
    assert ledger.position == position
    ledger.decide(name, "active", "r", by="council", occurred_at=date(2018, 7, 9))
    with pytest.raises(rl.Refused):
        ledger.decide(name, "active", "again", by="council")
    with pytest.raises(rl.NotFound, match="was decided"):
        ledger.replay_decision("activity/2018-07-01/cleo")


def test_a_replay_says_plainly_who_decided_otherwise() -> None:
    """It tells the recommendation, that it is reproduced, and what people made of it."""
    ledger = programme()
    item = opened(ledger).reviews[0]
    ledger.decide(item, "active", "we met", by="council", occurred_at=date(2018, 7, 9))
    replayed = ledger.replay_decision(item.review)
    assert (replayed.reproduced, replayed.followed) == (True, False)
    assert str(replayed) == (
        "activity/2018-07-01/ben: activity, version 7, recommended nudge, and does so again. "
        "council decided otherwise: active (we met)."
    )


def test_a_replay_needs_the_policys_words() -> None:
    """A decision that was imported without them says what is missing."""
    ledger = programme()
    opening = rl.ReviewOpened(member="ben", review="r1", policy="lost", digest="0" * 64)
    ledger.record(opening, by="x", occurred_at=REVIEW)
    (item,) = ledger.as_of(date(2018, 7, 2)).docket()
    assert (item.recommended, item.ways) == (None, ())
    assert "not known here" in item.words()
    fact = ledger.decide("r1", "active", "by hand", by="council", occurred_at=date(2018, 7, 9)).entry.fact
    assert (fact.basis, fact.digest) == (None, None)
    with pytest.raises(rl.NotFound, match="by which policy"):
        ledger.replay_decision("r1")


def test_a_replay_in_another_zone_reads_dates_as_then(tmp_path: Path) -> None:
    """The zone of the decision is recorded, and its replay goes by it, whoever opens the ledger."""
    target = tmp_path / "reps.db"
    months_ago = Policy(
        "monthly", cases=[when(reports(within=this("month")) >= 1).then("yes")], otherwise="no"
    )
    noon = datetime(2018, 6, 30, 12, tzinfo=UTC)  # July in Auckland
    with rl.open(target, zone="Pacific/Auckland", clock=fixed_clock) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2018, 1, 1))
        ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana", occurred_at=noon)
        (item,) = opened(ledger, months_ago)
        assert item.recommended == "yes"
        ledger.decide(item, "yes", "seen", by="council", occurred_at=date(2018, 7, 9))
    with rl.open(target, clock=fixed_clock) as ledger:
        ledger.declare(zone="UTC", by="council")
        assert ledger.as_of(item.verdict.at).evaluate(months_ago, "ana").outcome == "no"
        assert ledger.replay_decision(item.review).reproduced


def test_outcomes_before_are_what_people_decided() -> None:
    """The previous outcome of a policy is that of the last decision under it."""
    keep = Policy(
        "activity",
        cases=[
            when(previously("active") & (reports(within=weeks(12)) >= 1)).then("active", "kept"),
            when(reports(within=weeks(12)) >= 2).then("active", "gained"),
        ],
        otherwise="inactive",
        scale=["active", "inactive"],
    )
    ledger = programme()
    at = date(2018, 7, 9)
    assert ledger.as_of(at).evaluate(keep, "ben").outcome == "inactive"
    item = opened(ledger, keep).reviews[1]
    assert item.member == "ben"
    ledger.decide(item, "active", "we met", by="council", occurred_at=at)
    assert ledger.as_of(at).evaluate(keep, "ben").reason == "kept"
    assert ledger.as_of(date(2018, 7, 8)).evaluate(keep, "ben").outcome == "inactive"
    other = Policy("other", cases=keep.cases, otherwise="inactive")
    assert ledger.as_of(at).evaluate(other, "ben").outcome == "inactive"


LATER: Final = st.lists(
    st.tuples(
        st.sampled_from(["report", "leave", "retract", "correct", "merge", "retire"]),
        st.dates(date(2018, 1, 2), date(2019, 12, 31)),
    ),
    max_size=6,
)


@examples(0.8)
@using(later=LATER)
def test_a_replay_is_exact_after_whatever_came_later(later: list[tuple[str, date]]) -> None:
    """Later facts, corrections, retractions and merges change no replayed recommendation."""
    ledger = programme()
    docket = opened(ledger)
    for item in docket:
        ledger.decide(item, "active", "seen", by="council", occurred_at=date(2018, 7, 9))
    before = [ledger.replay_decision(item.review) for item in docket]
    targets = [e.id for e in ledger.entries() if e.name == "report.filed"]
    for number, (what, day) in enumerate(later):
        report = rl.ReportFiled(member="ben", activity=f"a{number}")
        facts: dict[str, rl.Fact] = {
            "report": report,
            "leave": rl.LeaveStarted(member="ben"),
            "retract": rl.EntryRetracted(target=targets[number % 2], reason="r"),
            "correct": rl.EntryCorrected(target=targets[number % 2], replacement=report, reason="r"),
            "merge": rl.MembersMerged(member="ana", duplicate="ben"),
            "retire": rl.MemberRetired(member="ben", how="resigned"),
        }
        try:
            ledger.record(facts[what], by="x", occurred_at=day)
        except rl.Refused:
            continue
    after = [ledger.replay_decision(item.review) for item in docket]
    assert [r.verdict for r in after] == [r.verdict for r in before]
    assert all(r.reproduced for r in after)

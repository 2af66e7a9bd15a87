"""What a verdict tells of itself: of whom, when, by which case, what was measured."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest

import reps_ledger as rl
from policies.making import about, moment
from reps_ledger.domain.validation import MAX_ITEMS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import (
    Policy,
    completed,
    evaluate,
    is_member,
    notice,
    on_leave,
    reports,
    share,
    tenure,
    time_since,
    weeks,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SAMOA: Final = ZoneInfo("Pacific/Apia")
"""Where a day begins ten hours or more before it does in Greenwich."""

JOINED: Final[rl.Fact] = rl.MemberJoined(member="ana")
REPORT: Final[rl.Fact] = rl.ReportFiled(member="ana", activity="talk")
NEW: Final = when(tenure() < weeks(4)).then("new", "joined lately")
LIVELY: Final = when(reports(within=weeks(4)) >= 2).then("lively")
POLICY: Final = Policy("p", cases=[NEW, LIVELY], otherwise="quiet", because="few reports")


def test_a_verdict_tells_of_whom_when_and_by_what() -> None:
    """Member, instant, position, case and reason are told, and what each condition measured."""
    told = [(JOINED, "2018-01-01"), (REPORT, "2018-03-01"), (REPORT, "2018-03-02")]
    subject = about(*told, at="2018-03-10")
    verdict = evaluate(POLICY, subject, known_at=7)
    assert (verdict.member, verdict.at, verdict.known_at) == ("ana", subject.at, 7)
    assert (verdict.outcome, verdict.reason, verdict.case) == ("lively", "", 1)
    clock, number = verdict.findings
    assert (clock.holds, clock.value, clock.threshold) == (False, moment("2018-01-01"), weeks(4))
    assert (number.holds, number.value, number.threshold) == (True, 2, 2)
    assert verdict.evidence == ("e0", "e1", "e2")
    first = evaluate(POLICY, subject.moved(moment("2018-01-02")))
    assert (first.outcome, first.reason, first.case) == ("new", "joined lately", 0)
    assert first.known_at is None
    last = evaluate(POLICY, subject.moved(moment("2018-08-01")))
    assert (last.outcome, last.reason, last.case) == ("quiet", "few reports", None)
    assert "by no case of p" in str(last)


def test_a_verdict_is_told_in_days_where_the_community_is() -> None:
    """The day it is about, since when things are, and from when it changes: all in that zone."""
    told = [(JOINED, moment("2018-01-01", SAMOA)), (REPORT, moment("2018-03-01", SAMOA))]
    again = (REPORT, moment("2018-03-02", SAMOA))
    verdict = evaluate(POLICY, about(*told, again, at="2018-03-10", zone=SAMOA))
    first, *found, last = str(verdict).splitlines()
    assert first == "ana on 2018-03-10: lively (by case 2 of p)"
    assert "(since 2018-01-01)" in found[0]
    assert found[1].endswith("(2)")
    assert last.endswith("quiet from 2018-03-29")
    early = evaluate(POLICY, about(*told, at="2018-01-02", zone=SAMOA))
    assert str(early).startswith("ana on 2018-01-02: new: joined lately (by case 1 of p)\n")


def test_a_finding_alone_is_told_in_the_zone_in_which_it_was_recorded() -> None:
    """Without a zone to tell it in, a day is the day of the instant as it is written."""
    (found,) = evaluate(
        Policy("p", cases=[when(tenure() > weeks(1)).then("old")], otherwise="new"),
        about((JOINED, moment("2018-01-01", SAMOA)), at="2018-03-01", zone=SAMOA),
    ).findings
    assert isinstance(found.value, datetime)
    assert str(found).endswith(f"(since {found.value.date()})")
    assert found.words(SAMOA).endswith("(since 2018-01-01)")


def test_what_was_never_begun_is_told_as_such() -> None:
    """A clock of what never happened says never; one of what has not begun, not yet."""
    policy = Policy(
        "p",
        cases=[when((time_since("report.filed") < weeks(1)) | (tenure() > weeks(1))).then("a")],
        otherwise="b",
    )
    first, second = evaluate(policy, about(at="2018-03-01")).findings
    assert str(first).endswith("(never)")
    assert str(second).endswith("(not yet)")
    part = Policy("p", cases=[when(share(reports(), "report.filed") > 0.5).then("a")], otherwise="b")
    (told,) = evaluate(part, about((REPORT, "2018-01-01"), at="2018-03-01")).findings
    assert str(told).endswith("(1 of 0.5 asked for)")
    assert str(told).startswith("yes: ")


def test_a_way_tells_days_and_minutes_where_the_community_is() -> None:
    """What comes by itself has its day there, and a way that closes amid a day its minute."""
    told = [(JOINED, moment("2018-01-01", SAMOA))]
    subject = about(*told, at="2018-01-02", zone=SAMOA)
    (waiting,) = evaluate(
        Policy("p", cases=[when(tenure() >= weeks(4)).then("old")], otherwise="new"), subject
    ).shortfalls("old")
    assert waiting.outcome == "old"
    assert str(waiting).endswith("(by itself on 2018-01-29), before 2018-01-29")
    (need,) = waiting.needs
    assert need.on == moment("2018-01-29", SAMOA)
    assert need.words(SAMOA) in str(waiting)
    noon = moment("2018-03-01", SAMOA) + timedelta(hours=12, minutes=30, seconds=5)
    lively = Policy("p", cases=[LIVELY], otherwise="quiet")
    (closing,) = evaluate(lively, about((REPORT, noon), at="2018-03-10", zone=SAMOA)).shortfalls("lively")
    assert str(closing) == "1 more report in the last 4 weeks, before 2018-03-29 12:30"
    night = about((REPORT, moment("2018-03-01", SAMOA)), at="2018-03-10", zone=SAMOA)
    (day,) = evaluate(lively, night).shortfalls("lively")
    assert str(day).endswith(", before 2018-03-29")


def test_a_way_of_two_needs_names_both() -> None:
    """All that is needed is told, one after the other, as the policy has them."""
    both = when(completed("a") & (reports() >= 1)).then("good")
    policy = Policy("p", cases=[both], otherwise="bad")
    (way,) = evaluate(policy, about(at="2018-03-01")).shortfalls("good")
    first, second = (need.words() for need in way.needs)
    assert str(way) == f"{first}, and {second}"


def test_what_holds_already_is_not_among_the_needs() -> None:
    """Who has the course needs the report alone; who should not have it has no way."""
    both = when(completed("a") & (reports() >= 1)).then("good")
    policy = Policy("p", cases=[both], otherwise="bad")
    course = (rl.CourseCompleted(member="ana", course="a"), "2018-01-01")
    (way,) = evaluate(policy, about(course, at="2018-03-01")).shortfalls("good")
    assert [need.missing for need in way.needs] == [1]


def test_silence_after_another_notice_is_no_silence_after_this_one() -> None:
    """An unanswered warning of some other stage does not bring what an unanswered nudge does."""
    policy = Policy(
        "p",
        cases=[when(is_member()).then("quiet")],
        otherwise="none",
        notices=[notice("quiet", "nudge", answer_within=weeks(4), unanswered="out")],
    )
    assert policy.outcomes == ("quiet", "none", "out")
    for stage, outcome in (("nudge", "out"), ("appreciation", "quiet")):
        sent = rl.NoticeSent(member="ana", notice="n", stage=stage, policy="p", deadline=moment("2018-02-01"))
        subject = about((JOINED, "2018-01-01"), (sent, "2018-01-02"), at="2018-03-01")
        assert evaluate(policy, subject).outcome == outcome


CASE: Final = when(on_leave()).then("good")
WRONG: Final[list[tuple[str, str, Callable[[], object]]]] = [
    ("cases", "needs a case", lambda: Policy("p", cases=[], otherwise="bad")),
    ("", "cases holds Case", lambda: Policy("p", cases=["good"], otherwise="bad")),
    ("scale", "twice", lambda: Policy("p", cases=[CASE], otherwise="bad", scale=["good", "bad", "good"])),
    ("scale", "'bad', 'good'", lambda: Policy("p", cases=[CASE], otherwise="bad", scale=["fair"])),
    (
        "notices",
        "two notices for one outcome",
        lambda: Policy("p", cases=[CASE], otherwise="bad", notices=[notice("bad", "a"), notice("bad", "b")]),
    ),
    (
        "notices",
        "never comes: fair, poor",
        lambda: Policy(
            "p", cases=[CASE], otherwise="bad", notices=[notice("poor", "a"), notice("fair", "b")]
        ),
    ),
    ("unanswered", "answer_within", lambda: notice("bad", "nudge", unanswered="out")),
]


@pytest.mark.parametrize(("key", "words", "make"), WRONG, ids=[words for _, words, _ in WRONG])
def test_a_policy_that_makes_no_sense_is_refused_with_the_field_to_look_at(
    key: str, words: str, make: Callable[[], object]
) -> None:
    """The error says what is wrong, and which field of what was built it is in."""
    with pytest.raises(InvalidPolicy, match=words) as refused:
        make()
    assert refused.value.key == key


def test_a_policy_has_no_more_cases_than_the_limit() -> None:
    """As many as the limit are taken, and one more is refused."""
    assert len(Policy("p", cases=[CASE] * MAX_ITEMS, otherwise="bad").cases) == MAX_ITEMS
    with pytest.raises(InvalidPolicy, match="cases is a list of at most"):
        Policy("p", cases=[CASE] * (MAX_ITEMS + 1), otherwise="bad")

"""When measures and windows change: in the ledger's zone, and by facts still to come."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest

import reps_ledger as rl
from policies.making import TICK, about, everybody, evidence, joins, moment, report, value, works_for
from reps_ledger.policies import *

if TYPE_CHECKING:
    from policies.making import Dated
    from reps_ledger.policies import Condition, Subject

PARIS: Final = ZoneInfo("Europe/Paris")
COURSE: Final = facts("course.completed")
REPORTED: Final = facts("report.filed")


def course(on: str) -> Dated:
    """Tell that ana completed a course."""
    return rl.CourseCompleted(member="ana", course="a"), on


def policy(condition: Condition) -> Policy:
    """Make the policy that asks for just that."""
    return Policy("p", cases=[when(condition).then("good")], otherwise="bad")


def lapse(condition: Condition, subject: Subject) -> datetime | None:
    """Return when a condition changes by itself."""
    return evaluate(policy(condition), subject).lapses_at


def test_a_month_around_a_course_is_one_of_the_zone() -> None:
    """The clocks change in between: by the clocks of Paris, a month ends an hour earlier."""
    following_month = count(REPORTED, within=following(COURSE, months(1)))
    late, early = "2018-04-10 00:00", "2018-04-09 23:59:59.999999"
    told = [course("2018-03-10"), report(early), report(late)]
    subject = about(*told, at="2018-10-01", zone=PARIS)
    assert evidence(following_month, subject) == ("e1",)

    preceding_month = count(REPORTED, within=preceding(COURSE, months(1)))
    outside, inside = "2018-03-10 00:00", "2018-03-10 00:00:00.000001"
    told = [report(outside), report(inside), course("2018-04-10")]
    subject = about(*told, at="2018-10-01", zone=PARIS)
    assert evidence(preceding_month, subject) == ("e1",)


@pytest.mark.parametrize("zone", [UTC, PARIS], ids=str)
def test_a_way_is_open_until_the_window_after_a_course_ends(zone: tzinfo) -> None:
    """A report is in time until a month after the course, by the clocks of the zone."""
    asked = policy(count(REPORTED, within=following(COURSE, months(1))) >= 1)
    subject = about(course("2018-03-10"), at="2018-03-20", zone=zone)
    (way,) = evaluate(asked, subject).shortfalls("good")
    assert way.by == moment("2018-04-10", zone)


def test_a_way_is_open_until_the_instant_of_a_course_still_to_come() -> None:
    """What happens at that very instant is before it still; a microsecond later is too late."""
    asked = policy(count(REPORTED, within=preceding(COURSE, months(1), "first")) >= 1)
    subject = about(course("2018-11-01"), at="2018-10-01")
    (way,) = evaluate(asked, subject).shortfalls("good")
    assert way.by == moment("2018-11-01") + TICK


def test_days_are_those_of_the_zone() -> None:
    """Before and after midnight in Paris are two days there, though one day elsewhere."""
    told = [report("2018-06-01 23:30"), report("2018-06-02 00:30")]
    subject = about(*told, at="2018-10-01", zone=PARIS)
    assert value(distinct("day", "report.filed"), subject) == 2
    together = [report("2018-06-02 00:30"), report("2018-06-02 03:30")]
    subject = about(*together, at="2018-10-01", zone=PARIS)
    assert value(distinct("day", "report.filed"), subject) == 1


@pytest.mark.parametrize("zone", [UTC, PARIS], ids=str)
def test_clocks_of_months_are_those_of_the_zone(zone: tzinfo) -> None:
    """Of at least a month at its end; of more than a month, a microsecond later."""
    told = [joins("ana", "2018-03-10"), report("2018-03-10")]
    subject = about(*told, at="2018-03-20", zone=zone)
    end = moment("2018-04-10", zone)
    for measure in (tenure(), time_since(REPORTED), time_since(REPORTED, pausing=True)):
        assert lapse(measure >= months(1), subject) == end
        assert lapse(measure > months(1), subject) == end + TICK


def test_a_paused_clock_is_late_by_the_leave() -> None:
    """Leave that is still to end is among what a clock is asked of."""
    told = [
        report("2018-09-03"),
        (rl.LeaveStarted(member="ana", expected_return=moment("2018-09-17")), "2018-09-10"),
    ]
    waiting = time_since(REPORTED, pausing=True) >= weeks(4)
    subject = about(*told, at="2018-09-12")
    assert lapse(waiting, subject) == moment("2018-10-08")
    assert subject.dossier.leave[0][1] in set(waiting.edges(subject))
    endless = about(told[0], (rl.LeaveStarted(member="ana"), "2018-09-10"), at="2018-09-12")
    assert lapse(waiting, endless) is None


def test_an_account_comes_with_a_joining_still_to_come() -> None:
    """Who will join with an account will have one then."""
    later = rl.MemberJoined(member="ana", account="a"), "2018-11-01"
    assert lapse(has_account(), about(later, at="2018-10-01")) == moment("2018-11-01")


def test_a_body_changes_with_whoever_joins_or_is_asked_about() -> None:
    """Members count from when they join; of a condition, from when it holds of them."""
    ben = joins("ben", "2018-11-01")
    told = [joins("ana"), ben]
    assert lapse(members() >= 2, about(*told, at="2018-10-01")) == moment("2018-11-01")

    in_paris = rl.CommunityJoined(member="ana", community="paris"), "2018-12-01"
    paris = everybody(joins("ana"), in_paris).body("paris", moment("2018-10-01"))
    assert moment("2018-12-01") in set((members() >= 1).edges(paris))

    away = rl.LeaveStarted(member="ana"), "2018-12-01"
    subject = about(joins("ana"), works_for("ana", "acme"), away, at="2018-10-01")
    assert lapse(largest_share(on_leave()) >= 0.5, subject) == moment("2018-12-01")


def test_windows_of_reports_are_those_of_the_zone_too() -> None:
    """The last month, by the clocks of Paris."""
    subject = about(report("2018-03-10"), at="2018-03-20", zone=PARIS)
    assert lapse(reports(within=months(1)) >= 1, subject) == moment("2018-04-10", PARIS)

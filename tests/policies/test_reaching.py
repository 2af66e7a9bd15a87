"""What may still come to be: by an act that somebody records, within windows, and not too late."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

import reps_ledger as rl
from policies.making import TICK, about, moment
from policies.test_shortfalls import DECIDED, the_need, ways
from reps_ledger.policies import *
from reps_ledger.policies.language.windows import Between

Told = tuple[rl.Fact, str]

AT: Final = "2018-10-01 12:00"
JOINED: Final[Told] = (rl.MemberJoined(member="ana", account="ana@example.org"), "2018-05-01")
REPORT: Final[Told] = (rl.ReportFiled(member="ana", activity="event", amount=1.0), "2018-09-20")
VOUCH: Final[Told] = (rl.Vouched(member="ana", voucher="ben"), "2018-06-01")
COURSE: Final[Told] = (rl.CourseCompleted(member="ana", course="a"), "2018-06-01")
LINKED: Final[Told] = (rl.AccountLinked(member="ana", provider="github", account="a"), "2018-06-01")
OVER: Final = Between(until=date(2018, 9, 30))
STANDING: Final = facts("vouch.given", lasting=True)
AFTER_COURSES: Final[dict[str, Any]] = {"within": following(facts("course.completed"), weeks(52), "last")}
BEFORE_COURSES: Final[dict[str, Any]] = {"within": preceding(facts("course.completed"), weeks(52), "last")}
EARLIER: Final[Told] = (rl.ReportFiled(member="ana", activity="event"), "2018-05-20")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (reports().exactly(2), [REPORT]),
        (~reports().exactly(1), [REPORT]),
        (~count(STANDING, within=OVER).exactly(1), [VOUCH]),
        (reports(within=since(date(2018, 6, 1), date(2018, 10, 1))).exactly(2), [REPORT]),
        (distinct("month", "report.filed") >= 3, [REPORT]),
        (total("amount", "report.filed") >= 3, [REPORT]),
        (tenure() >= weeks(4), []),
        (~(tenure() < weeks(4)), []),
        (tenure("rep") >= weeks(4), [JOINED]),
        (time_since("report.filed") < weeks(1), [REPORT]),
        (~(time_since("report.filed") >= weeks(1)), []),
        (time_since("report.filed", which="first") < weeks(1), []),
        (~has_account(), [LINKED]),
        (~has_account(), [(rl.MemberJoined(member="ana"), "2018-05-01"), LINKED]),
        (has_account(), [(rl.MemberJoined(member="ana"), "2018-05-01")]),
        (has_account(), []),
        (joined(before=date(2018, 10, 2)), []),
        (joined(kind="staff"), []),
        (in_outcome() < weeks(1), DECIDED),
        (vouches() < 1, [VOUCH]),
        (distinct("voucher", STANDING, within=OVER) < 1, [VOUCH]),
        (reports(**AFTER_COURSES) < 1, [COURSE, REPORT]),
        (reports(**BEFORE_COURSES) < 1, [EARLIER, COURSE]),
        (share(count(STANDING, within=OVER), "vouch.given") < 0.5, [VOUCH]),
        (share(reports(), "report.filed") <= 0.5, [REPORT]),
        (reports(within=preceding(facts("course.completed"), weeks(52), "first")) >= 1, []),
        (reports(within=preceding(facts("course.completed"), weeks(52), "first")) >= 1, [(COURSE[0], AT)]),
    ],
    ids=str,
)
def test_what_somebody_may_record_is_a_way(condition: Condition, told: list[Told]) -> None:
    """One more, one that ends, a first of its kind, or what others do, which adds to the total."""
    assert ways(condition, about(*told, at=AT))


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (reports(within=OVER).exactly(2), [REPORT]),
        (~reports(within=OVER).exactly(1), [REPORT]),
        (distinct("month", "report.filed", within=OVER) >= 3, [REPORT]),
        (distinct("month", "report.filed") < 1, [REPORT]),
        (total("amount", "report.filed", within=OVER) >= 3, [REPORT]),
        (share(reports(within=OVER), "report.filed") <= 0.5, [REPORT]),
        (~(tenure() >= weeks(4)), [JOINED]),
        (~(time_since("report.filed", which="first") >= days(1)), [REPORT]),
        (tenure() >= years(9_000), [JOINED]),
        (~has_account(), [JOINED]),
        (~has_account(), [JOINED, LINKED]),
        (joined(before=date(2018, 10, 1)), []),
        (~joined(before=date(2018, 6, 1)), [JOINED]),
        (reports(within=following(facts("course.completed"), weeks(52), "first")) < 1, [COURSE, REPORT]),
        (reports(within=preceding(facts("course.completed"), weeks(52), "first")) < 1, [EARLIER, COURSE]),
        (reports(within=preceding(facts("course.completed"), weeks(52), "first")) >= 2, [EARLIER, COURSE]),
        (
            reports(verified=True) < 1,
            [REPORT, (rl.ReportVerified(member="ana", report="e0", verifier="ben"), "2018-09-21")],
        ),
    ],
    ids=str,
)
def test_what_nobody_can_record_any_more_is_none(condition: Condition, told: list[Told]) -> None:
    """What a window that closed holds, what is first and what began stay; calendars end."""
    assert ways(condition, about(*told, at=AT)) == ()


def test_a_window_is_open_to_the_end_of_its_last_day() -> None:
    """What happens on that day, where the community is, may still count; the next day not."""
    zone = ZoneInfo("America/Los_Angeles")
    asked = reports(within=since(date(2018, 9, 1), date(2018, 9, 30))) >= 1
    closing = moment("2018-10-01", zone)
    assert ways(asked, about(at=closing - TICK, zone=zone))
    assert ways(asked, about(at=closing, zone=zone)) == ()


def test_a_day_to_join_before_is_a_day_where_the_community_is() -> None:
    """Who is there on the evening before may join still, whatever day it is elsewhere."""
    zone = ZoneInfo("America/Los_Angeles")
    asked = joined(before=date(2018, 10, 1))
    late = moment("2018-10-01", zone)
    assert ways(asked, about(at=late - TICK, zone=zone))
    assert ways(asked, about(at=late, zone=zone)) == ()


MANY: Final[list[tuple[Condition, list[Told], int | Fraction, str]]] = [
    (reports() >= 1, [], 1, "1 more report"),
    (reports() > 2, [], 3, "3 more reports"),
    (vouches() < 1, [VOUCH], -1, "1 fewer vouch"),
    (vouches() <= 0, [VOUCH, (rl.Vouched(member="ana", voucher="cem"), "2018-06-02")], -2, "2 fewer vouches"),
    (reports().exactly(3), [REPORT], 2, "2 more reports"),
    (~(vouches() >= 1), [VOUCH], -1, "1 fewer vouch"),
    (~(reports() <= 1), [REPORT], 1, "1 more report"),
    (~(reports() < 2), [REPORT], 1, "1 more report"),
    (~(vouches() > 1), [VOUCH, (rl.Vouched(member="ana", voucher="cem"), "2018-06-02")], -1, "1 fewer vouch"),
    (total("amount", "report.filed") >= 3, [REPORT], Fraction(2), "2 more in "),
    (total("amount", "report.filed") >= 1.5, [REPORT], Fraction(1, 2), "0.5 more in "),
    (
        total("amount", "report.filed", within=since_last(facts("course.completed"))) <= 0.5,
        [COURSE, REPORT],
        Fraction(-1, 2),
        "0.5 less in ",
    ),
]


@pytest.mark.parametrize(("condition", "told", "missing", "words"), MANY, ids=str)
def test_how_much_is_missing_is_said_as_people_count(
    condition: Condition, told: list[Told], missing: int | Fraction, words: str
) -> None:
    """So many more or fewer, in the singular for one; of an amount, so much more or less."""
    need = the_need(condition, about(*told, at=AT))
    assert need.missing == missing
    assert type(need.missing) is type(missing)
    assert f"{need.words()} ".startswith(words if words.endswith(" ") else f"{words} ")


def test_what_has_no_number_is_said_as_the_condition_or_its_denial() -> None:
    """What would have to hold is said as it is; what would have to hold no longer, denied."""
    missing = the_need(has_account("github"), about(at=AT))
    assert (missing.wanted, missing.missing) == (True, None)
    assert missing.words() == has_account("github").words()
    too_much = the_need(~has_account("github"), about(LINKED, at=AT))
    assert (too_much.wanted, too_much.missing) == (False, None)
    assert too_much.words() == has_account("github").denial()
    differently = the_need(~reports().exactly(1), about(REPORT, at=AT))
    assert (differently.wanted, differently.missing) == (False, None)
    assert differently.words() == reports().exactly(1).denial()

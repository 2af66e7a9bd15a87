"""Windows, quickly: where each begins, ends and may change, in a zone far from UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest

import reps_ledger as rl
from policies.making import TICK, about, entries_of, moment
from reps_ledger.domain.time import FIRST, LAST
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import Width, days, hours, months, reports, since, this, weeks
from reps_ledger.policies.language.widths import Bounds
from reps_ledger.policies.language.windows import Between, as_window, period_end, period_of, period_start

ZONE: Final = ZoneInfo("Pacific/Auckland")
LAST_OF_2018: Final = moment("2018-12-31 23:30", ZONE)  # in UTC it is noon of that day


def here(day: str) -> datetime:
    """Return the first instant of a day in the zone."""
    return moment(day, ZONE)


@pytest.mark.parametrize(
    ("period", "at", "start", "end"),
    [
        ("day", LAST_OF_2018, "2018-12-31", "2019-01-01"),
        ("week", LAST_OF_2018, "2018-12-31", "2019-01-07"),
        ("week", here("2018-12-30"), "2018-12-24", "2018-12-31"),
        ("month", LAST_OF_2018, "2018-12-01", "2019-01-01"),
        ("month", here("2018-02-15"), "2018-02-01", "2018-03-01"),
        ("quarter", LAST_OF_2018, "2018-10-01", "2019-01-01"),
        ("quarter", here("2018-05-31"), "2018-04-01", "2018-07-01"),
        ("quarter", here("2018-01-01"), "2018-01-01", "2018-04-01"),
        ("year", LAST_OF_2018, "2018-01-01", "2019-01-01"),
        ("year", here("2016-02-29"), "2016-01-01", "2017-01-01"),
    ],
)
def test_periods_are_those_of_the_calendar_in_the_zone(
    period: str, at: datetime, start: str, end: str
) -> None:
    """From their first instant up to the first of the next, and named by their first day."""
    assert period_start(at, period, ZONE) == here(start)
    assert period_end(at, period, ZONE) == here(end)
    first = date.fromisoformat(start)
    assert period_of(at, period, ZONE) == (first.year, first.month, first.day)
    subject = about(at=at, zone=ZONE)
    assert this(period).bounds(subject) == Bounds(here(start), at)
    assert period_end(here(end) - TICK, period, ZONE) == here(end)


def test_the_last_period_ends_with_the_calendar() -> None:
    """And the first week begins with it."""
    for period in ("day", "week", "month", "quarter", "year"):
        assert period_end(LAST, period) == LAST
    assert period_start(datetime(1, 1, 2, tzinfo=UTC), "week") == datetime(1, 1, 1, tzinfo=UTC)
    # There the first day began before it, in UTC.
    assert period_start(FIRST, "day", ZONE) == FIRST


def test_windows_begin_and_end_in_the_zone() -> None:
    """Months and dates are those of the zone; what has not begun is empty."""
    at = here("2018-04-01")
    subject = about(at=at, zone=ZONE)
    assert as_window(months(1)).bounds(subject) == Bounds(here("2018-03-01") + TICK, at)
    assert as_window(months(1), ahead=months(1)).bounds(subject) == Bounds(
        here("2018-03-01") + TICK, at, here("2018-05-01")
    )
    assert as_window(months(1), pausing=True).bounds(subject) == as_window(months(1)).bounds(subject)
    assert as_window(None).bounds(subject) == Bounds(FIRST, at)
    assert since(date(2018, 4, 1)).bounds(subject) == Bounds(at, at)
    assert since(date(2018, 4, 2)).bounds(subject) is None
    assert Between(until=date(2018, 3, 1)).bounds(subject) == Bounds(FIRST, here("2018-03-02") - TICK)


def test_windows_may_change_where_something_comes_or_goes() -> None:
    """In the zone too: a month after a report, and from when it is announced of the next month."""
    leave = rl.LeaveStarted(member="ana"), "2018-02-01"
    back = rl.LeaveEnded(member="ana"), "2018-02-03"
    subject = about(leave, back, at=here("2018-01-01"), zone=ZONE)
    report = entries_of([(rl.ReportFiled(member="ana", activity="talk"), here("2018-03-31"))])
    plain = {*as_window(months(1)).edges(report, subject)}
    assert plain == {here("2018-03-31"), here("2018-05-01")}
    ahead = {*as_window(months(1), ahead=months(1)).edges(report, subject)}
    assert ahead == plain | {here("2018-03-01")}  # no day of February reaches it
    on_leave = {here("2018-02-01"), here("2018-02-03")}
    assert {*as_window(months(1), pausing=True).edges(report, subject)} == plain | on_leave
    assert {*this("month").edges(report, subject)} == {here("2018-03-31"), here("2018-04-01")}
    dated = since(date(2018, 1, 1), date(2018, 6, 30))
    assert {*dated.edges(report, subject)} == {here("2018-03-31"), here("2018-07-01")}
    assert {*since(date(2018, 1, 1)).edges(report, subject)} == {here("2018-03-31")}


def test_a_leave_that_lasts_is_an_edge_at_its_beginning() -> None:
    """It has no end yet."""
    subject = about((rl.LeaveStarted(member="ana"), "2018-02-01"), at="2018-01-01")
    assert {*as_window(weeks(1), pausing=True).edges([], subject)} == {moment("2018-02-01")}


@pytest.mark.parametrize("width", [hours(30), days(3), weeks(1)])
def test_fixed_widths_end_with_the_calendar(width: Width) -> None:
    """To the microsecond: what would reach further stops there, or never leaves."""
    fixed = width.fixed_in(UTC)
    assert fixed is not None
    assert width.before(FIRST + fixed) == FIRST
    assert width.before(FIRST + fixed + TICK) == FIRST + TICK
    assert width.before(FIRST + TICK) == FIRST
    assert width.after(LAST - fixed - TICK) == LAST - TICK
    assert width.after(LAST - TICK) == LAST
    assert width.leaving(LAST - fixed) == LAST
    assert width.leaving(LAST - fixed + TICK) is None


def test_windows_are_said_and_refused_in_words() -> None:
    """Each reads as one would say it."""
    assert (reports(within=this("day")) >= 1).words() == "they have at least 1 report today"
    assert this("quarter").words() == "this quarter"
    assert since(date(2018, 1, 1), date(2018, 2, 1)).words() == "from 2018-01-01 to 2018-02-01"
    assert Between(until=date(2018, 2, 1)).words() == "up to 2018-02-01"
    with pytest.raises(InvalidPolicy, match="only a rolling window"):
        as_window(this("day"), pausing=True)
    with pytest.raises(InvalidPolicy, match="a first day, a last day or both"):
        Between()

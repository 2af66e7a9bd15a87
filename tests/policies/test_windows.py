"""Windows: which facts count, by definitions a reader can check, on every edge."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import TICK, about, entries_of, moment
from reps_ledger.domain.time import day_end, earliest_local, local_day, local_time
from reps_ledger.policies import *
from reps_ledger.policies.language.conditions import holds as is_so
from reps_ledger.policies.language.widths import paused_before
from reps_ledger.policies.language.windows import Between
from reps_ledger.policies.policy import Policy
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import instants, reviews, widths, zones
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import tzinfo

    from reps_ledger.domain.entries import Entry

JOINED: Final = rl.MemberJoined(member="ana")
REPORT: Final = rl.ReportFiled(member="ana", activity="event")
ANNOUNCED: Final = rl.ReportFiled(member="ana", activity="event", announced=True)
COURSE: Final = rl.CourseCompleted(member="ana", course="a")
HAVANA: Final = ZoneInfo("America/Havana")
PARIS: Final = ZoneInfo("Europe/Paris")
APIA: Final = ZoneInfo("Pacific/Apia")


DAYS: Final = st.sampled_from([days(1), weeks(1), weeks(4), days(30)])
HOURS: Final = st.sampled_from([hours(1), hours(24), hours(36), hours(720)])
FIXED: Final = DAYS | HOURS
"""In UTC, that is; elsewhere hours alone."""


@st.composite
def stories(draw: st.DrawFn, *others: rl.Fact, utc: bool = False, of: Collection[Width] = ()) -> Subject:
    """Make ana's reports, and other facts of hers, on and beside every edge of a review."""
    zone: tzinfo = UTC if utc else draw(zones())
    at = draw(reviews())
    kinds = st.sampled_from([REPORT, REPORT, REPORT, *others])
    told = draw(st.lists(st.tuples(kinds, instants(at, zone, of=of)), max_size=10))
    return Everybody(entries_of(told)).subject("ana", at, zone)


def with_width(
    width: st.SearchStrategy[Width], *others: rl.Fact, utc: bool = False
) -> st.SearchStrategy[tuple[Subject, Width]]:
    """Make such stories on the edges of one width, with it."""
    return width.flatmap(lambda one: st.tuples(stories(*others, utc=utc, of=[one]), st.just(one)))


def counted(window: dict[str, Any], subject: Subject) -> list[str]:
    """Return which reports the language counts."""
    return list(count("report.filed", **window).measure(subject).entries)


def expected(subject: Subject, inside: Callable[[Entry], bool]) -> list[str]:
    """Return which reports count by definition: done by now, and inside."""
    return [
        entry.id
        for entry in subject.dossier.entries
        if entry.name == "report.filed"
        and not entry.fact.announced
        and entry.occurred_at <= subject.at
        and inside(entry)
    ]


def times_of(name: str, subject: Subject) -> list[datetime]:
    """Return when such facts happened by now."""
    entries = [entry for entry in subject.dossier.entries if entry.name == name]
    return [entry.occurred_at for entry in entries if entry.occurred_at <= subject.at]


def months_before(at: datetime, number: int) -> datetime:
    """Go back so many months in UTC; to the very end of a month that is too short."""
    year, month = divmod(at.year * 12 + at.month - 1 - number, 12)
    last = monthrange(year, month + 1)[1]
    if at.day <= last:
        return at.replace(year=year, month=month + 1)
    end = at.replace(year=year, month=month + 1, day=last, hour=23, minute=59, second=59)
    return end.replace(microsecond=999_999)


def before(at: datetime, width: Width) -> datetime:
    """Go back by a width, in UTC."""
    match width.unit:
        case "hours":
            return at - timedelta(hours=width.number)
        case "days":
            return at - timedelta(days=width.number)
        case "weeks":
            return at - timedelta(weeks=width.number)
        case "months":
            return months_before(at, width.number)
    return months_before(at, 12 * width.number)


@given(with_width(widths(), utc=True))
@examples(0.8)
def test_a_rolling_window_is_open_at_its_start_and_closed_at_its_end(story: tuple[Subject, Width]) -> None:
    """``(at - width, at]``: what happened just so long ago counts no longer; now does."""
    subject, width = story
    start = before(subject.at, width)
    assert counted({"within": width}, subject) == expected(subject, lambda entry: entry.occurred_at > start)


@given(with_width(HOURS))
def test_hours_are_as_long_in_every_zone(story: tuple[Subject, Width]) -> None:
    """Also where the clocks change or a date is left out."""
    subject, width = story
    start = before(subject.at, width)
    assert counted({"within": width}, subject) == expected(subject, lambda entry: entry.occurred_at > start)


@given(with_width(DAYS))
def test_days_and_weeks_are_days_on_the_wall(story: tuple[Subject, Width]) -> None:
    """At the end of a day, what counts are the local dates of so many days, in every zone."""
    subject, width = story
    zone = subject.zone
    last = local_day(subject.at, zone)
    subject = subject.moved(day_end(last, zone) - TICK)
    first = last - timedelta(days=width.size - 1)
    assert counted({"within": width}, subject) == expected(
        subject, lambda entry: first <= local_day(entry.occurred_at, zone) <= last
    )


def period_key(day: date, period: str) -> object:
    """Tell the periods of the calendar apart."""
    match period:
        case "day":
            return day
        case "week":
            return day.isocalendar()[:2]
        case "month":
            return day.year, day.month
        case "quarter":
            return day.year, (day.month + 2) // 3
    return day.year


@given(stories(), st.sampled_from(["day", "week", "month", "quarter", "year"]))
@examples(0.8)
def test_this_period_is_the_one_of_the_same_local_date(subject: Subject, period: str) -> None:
    """A fact counts when its local date lies in the period of the review's local date."""
    now = period_key(subject.at.astimezone(subject.zone).date(), period)
    assert counted({"within": this(period)}, subject) == expected(
        subject, lambda e: period_key(e.occurred_at.astimezone(subject.zone).date(), period) == now
    )


@given(stories(), st.integers(-3, 3), st.integers(0, 40), st.sampled_from("sub"))
@examples(0.8)
def test_dates_include_their_whole_days(subject: Subject, offset: int, length: int, kind: str) -> None:
    """From the start of the first day to the end of the last, as local dates say."""
    first = subject.at.astimezone(subject.zone).date() - timedelta(days=length + offset)
    last = first + timedelta(days=length)
    window = {"s": since(first), "u": Between(until=last), "b": since(first, last)}[kind]

    def inside(entry: Entry) -> bool:
        day = entry.occurred_at.astimezone(subject.zone).date()
        return (kind == "u" or day >= first) and (kind == "s" or day <= last)

    assert counted({"within": window}, subject) == expected(subject, inside)


@given(stories(COURSE))
def test_since_the_last_includes_that_instant(subject: Subject) -> None:
    """From the last time on, that very instant included; nothing where there was none."""
    anchors = times_of("course.completed", subject)
    window = {"within": since_last(facts("course.completed"))}
    assert counted(window, subject) == expected(
        subject, lambda entry: bool(anchors) and entry.occurred_at >= anchors[-1]
    )


def after(at: datetime, width: Width) -> datetime:
    """Go on by hours, days or weeks, in UTC."""
    return at + timedelta(**{width.basis: width.size})


@given(with_width(FIXED, COURSE, utc=True), st.sampled_from(["first", "last"]))
def test_following_is_closed_at_its_start_and_open_at_its_end(
    story: tuple[Subject, Width], which: str
) -> None:
    """``[then, then + width)`` from the first or the last time."""
    subject, width = story
    anchors = times_of("course.completed", subject)
    window = {"within": following(facts("course.completed"), width, which)}

    def inside(entry: Entry) -> bool:
        if not anchors:
            return False
        then = anchors[0 if which == "first" else -1]
        return then <= entry.occurred_at < after(then, width)

    assert counted(window, subject) == expected(subject, inside)


@given(with_width(widths(), COURSE, utc=True), st.sampled_from(["first", "last"]))
def test_preceding_is_open_at_its_start_and_closed_at_its_end(
    story: tuple[Subject, Width], which: str
) -> None:
    """``(then - width, then]`` up to the first or the last time."""
    subject, width = story
    anchors = times_of("course.completed", subject)
    window = {"within": preceding(facts("course.completed"), width, which)}

    def inside(entry: Entry) -> bool:
        if not anchors:
            return False
        then = anchors[0 if which == "first" else -1]
        return before(then, width) < entry.occurred_at <= then

    assert counted(window, subject) == expected(subject, inside)


@given(with_width(FIXED, ANNOUNCED, ANNOUNCED, utc=True), widths())
@examples(0.8)
def test_looking_ahead_sees_announcements_alone(story: tuple[Subject, Width], width: Width) -> None:
    """Ahead count reports announced for ``(at, at + ahead]``; once past, none does."""
    subject, ahead = story
    behind = set(counted({"within": width}, subject))
    until = after(subject.at, ahead)
    coming = {
        entry.id
        for entry in subject.dossier.entries
        if getattr(entry.fact, "announced", False) and subject.at < entry.occurred_at <= until
    }
    assert set(counted({"within": width, "ahead": ahead}, subject)) == behind | coming


@given(stories(ANNOUNCED))
def test_intent_is_no_activity(subject: Subject) -> None:
    """What was announced never counts for having been, nor tells the time since a report."""
    done = expected(subject, lambda _: True)
    assert counted({}, subject) == done
    assert list(time_since("report.filed").measure(subject).entries) == done[-1:]
    told = count(facts("report.filed", announced=True)).measure(subject).entries
    assert not set(told) & set(done)


LEAVE: Final = rl.LeaveStarted(member="ana")
BACK: Final = rl.LeaveEnded(member="ana")


def leaves(subject: Subject) -> list[tuple[datetime, datetime]]:
    """Return the times of leave: from each start to its end, or to the far future."""
    return [(start, end or moment("2100-01-01")) for start, end in subject.dossier.leave]


def running(since_: datetime, at: datetime, leave: Iterable[tuple[datetime, ...]]) -> timedelta:
    """Return for how long the clock ran between two instants."""
    return (at - since_) - sum(
        (max(min(end, at) - max(start, since_), timedelta()) for start, end in leave), timedelta()
    )


@given(with_width(FIXED, LEAVE, BACK, LEAVE, BACK))
@examples(1.6)
def test_leave_that_pauses_stops_the_clock(story: tuple[Subject, Width]) -> None:
    """A report counts while the clock has run for less than the width since; so for clocks.

    Days are counted as clocks on the wall count them, hours as those of UTC do.
    """
    subject, width = story
    clock = UTC if width.basis == "hours" else subject.zone
    now = local_time(subject.at, clock)
    leave = [tuple(earliest_local(at, clock) for at in each) for each in leaves(subject)]
    length = after(subject.at, width) - subject.at

    def inside(entry: Entry) -> bool:
        return running(earliest_local(entry.occurred_at, clock), now, leave) < length

    assert counted({"within": width, "pausing": True}, subject) == expected(subject, inside)
    done = expected(subject, lambda _: True)
    recent = expected(subject, inside)[-1:] == done[-1:] != []
    assert is_so(time_since("report.filed", pausing=True) < width, subject) == recent


def test_a_leave_that_begins_now_takes_nothing_away() -> None:
    """Also in an hour that the clocks repeat: the window is the one that it was without leave."""
    zone, at = ZoneInfo("America/Sao_Paulo"), datetime(2018, 2, 18, 2, 30, tzinfo=UTC)
    for begins in (at, at + TICK):
        assert paused_before([(begins, None)], days(1), at, zone) == days(1).before(at, zone)


@given(st.data(), widths(), zones())
def test_without_leave_pausing_changes_nothing(data: st.DataObject, width: Width, zone: tzinfo) -> None:
    """A clock that nothing stops runs as the calendar does."""
    at = data.draw(reviews())
    told = data.draw(st.lists(st.tuples(st.just(REPORT), instants(at, zone)), max_size=8))
    subject = Everybody(entries_of(told)).subject("ana", at, zone)
    assert counted({"within": width, "pausing": True}, subject) == counted({"within": width}, subject)


@pytest.mark.parametrize(
    ("started", "ended", "still"),
    [
        ("2018-09-10", "2018-09-20", True),  # ten days on leave
        ("2018-08-24", "2018-09-03", False),  # leave that ends where the window would begin
        ("2018-08-20", "2018-08-30", False),  # leave before the report
        ("2018-09-02", "2018-09-04", True),  # leave around it
        ("2018-09-21", None, True),  # leave to this day
        ("2018-10-01", None, False),  # leave from now on
    ],
)
def test_leave_and_the_edge_of_four_weeks(started: str, ended: str | None, still: bool) -> None:
    """A report of four weeks ago counts again by as much as was spent on leave since."""
    told: list[tuple[rl.Fact, str | datetime]] = [(REPORT, "2018-09-03"), (LEAVE, started)]
    told += [(BACK, ended)] if ended is not None else []
    subject = about(*told, at="2018-10-01")
    assert is_so(reports(within=weeks(4), pausing=True) >= 1, subject) == still


def test_leave_that_skips_is_a_case_of_its_own() -> None:
    """Who is on leave may be passed over; at the expected return that ends by itself."""
    policy = Policy(
        "p",
        cases=(
            when(on_leave()).then("active", "on leave"),
            when(reports(within=weeks(4)) >= 1).then("active"),
        ),
        otherwise="inactive",
    )
    back = moment("2018-09-20")
    subject = about((rl.LeaveStarted(member="ana", expected_return=back), "2018-06-01"), at="2018-09-01")
    assert evaluate(policy, subject).reason == "on leave"
    assert evaluate(policy, subject).lapses_at == back
    assert evaluate(policy, subject.moved(back - TICK)).outcome == "active"
    assert evaluate(policy, subject.moved(back)).outcome == "inactive"


@pytest.mark.parametrize(
    ("width", "at", "first_that_counts"),
    [
        (months(1), "2019-03-31 12:00", "2019-03-01 00:00"),  # February has no 31st
        (months(1), "2020-03-30 12:00", "2020-03-01 00:00"),  # nor a 30th
        (years(1), "2021-02-28 12:00", "2020-02-28 12:00:00.000001"),
        (years(1), "2020-02-29 12:00", "2019-03-01 00:00"),  # 2019 has no 29th
        (months(12), "2020-02-29 12:00", "2019-03-01 00:00"),
        (months(1), "2019-05-30 12:00", "2019-04-30 12:00:00.000001"),
        (months(6), "2018-08-31 00:00", "2018-03-01 00:00"),
    ],
    ids=str,
)
def test_months_end_where_months_do(width: Width, at: str, first_that_counts: str) -> None:
    """At the ends of months and on leap days, the first instant that counts is this one."""
    edge = moment(first_that_counts)
    for told, counts in ((edge, True), (edge - TICK, False)):
        assert is_so(reports(within=width) >= 1, about((REPORT, told), at=at)) == counts


@pytest.mark.parametrize(
    ("zone", "window", "at", "first_that_counts"),
    [
        (PARIS, days(1), "2019-03-31 12:00", "2019-03-30 12:00:00.000001"),  # of 23 hours
        (PARIS, hours(24), "2019-03-31 12:00", "2019-03-30 11:00:00.000001"),
        (PARIS, months(1), "2019-04-30 02:30", "2019-03-30 02:30:00.000001"),
        (PARIS, this("day"), "2019-10-27 12:00", "2019-10-27 00:00"),
        (HAVANA, this("day"), "2019-03-10 12:00", "2019-03-10 01:00"),  # no midnight
        (APIA, this("day"), "2011-12-31 12:00", "2011-12-31 00:00"),  # no day before
        (APIA, days(1), "2011-12-31 12:00", "2011-12-31 00:00"),
        (APIA, days(2), "2011-12-31 12:00", "2011-12-29 12:00:00.000001"),
        (APIA, since(date(2011, 12, 30)), "2012-01-31 12:00", "2011-12-31 00:00"),
    ],
    ids=str,
)
def test_windows_where_clocks_and_dates_jump(
    zone: tzinfo, window: Any, at: str, first_that_counts: str
) -> None:
    """Where the clocks change or a date never was, the first instant that counts is this one."""
    edge = moment(first_that_counts, zone)
    for told, counts in ((edge, True), (edge - TICK, False)):
        subject = about((REPORT, told), at=at, zone=zone)
        assert is_so(reports(within=window) >= 1, subject) == counts


def test_equal_instants_are_told_apart_by_their_order() -> None:
    """Since the last of several at one instant counts all of that instant."""
    subject = about((REPORT, "2018-09-01"), (COURSE, "2018-09-01"), (REPORT, "2018-09-01"), at="2018-09-01")
    assert counted({"within": since_last(facts("course.completed"))}, subject) == ["e0", "e2"]
    assert time_since("report.filed").measure(subject).entries == ("e2",)
    assert time_since("report.filed", which="first").measure(subject).entries == ("e0",)

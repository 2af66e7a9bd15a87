"""Days, months and years on the clocks of any zone: also where these skip or repeat local time."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reps_ledger.domain.time import (
    EPOCH,
    FIRST,
    LAST,
    Period,
    day_end,
    day_start,
    earliest_local,
    instant_of_local,
    instant_when,
    local_day,
    local_time,
)
from scale import DEEP, examples

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK: Final = timedelta(microseconds=1)
DAY: Final = timedelta(days=1)
PARIS: Final = ZoneInfo("Europe/Paris")
SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")
HAVANA: Final = ZoneInfo("America/Havana")
APIA: Final = ZoneInfo("Pacific/Apia")
TORONTO: Final = ZoneInfo("America/Toronto")
NAMES: Final = sorted(available_timezones())
ODD: Final = (
    "Europe/Paris",
    "America/Sao_Paulo",  # skips midnight, and repeats the hour before it
    "America/Havana",  # skips midnight, and repeats it
    "America/St_Johns",  # went back from a minute past midnight to the day before
    "Pacific/Apia",  # skipped a day
    "Pacific/Kwajalein",  # and so did this
    "Asia/Damascus",
    "Australia/Lord_Howe",  # changes by half an hour
    "Africa/Casablanca",
    "Antarctica/Troll",  # changes by two hours
)
LENGTHS: Final = (
    *(Period(length=days * DAY) for days in (1, 28, 30, 182)),
    *(Period(months) for months in (1, 6, 12)),
)


@cache
def changes(zone: tzinfo) -> tuple[datetime, ...]:
    """Return every instant from 1970 to 2040 at which the clocks of a zone change.

    A look a day finds them: no zone changes its clocks twice within two days.
    """
    found = []
    days = [datetime(1969, 12, 1, tzinfo=UTC) + number * DAY for number in range(25_630)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    for (before, early), (after, late) in pairwise(zip(offsets, days, strict=True)):
        low, high = early, late
        while before != after and low < high:
            middle = low + (high - low) // 2
            if middle.astimezone(zone).utcoffset() == before:
                low = middle + TICK
            else:
                high = middle
        if before != after:
            found.append(high)
    return tuple(found)


def shown(instant: datetime, zone: tzinfo) -> datetime:
    """Return what the clocks show, whether or not they show it a second time."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def latest_shown(instant: datetime, zone: tzinfo) -> datetime:
    """Return the latest that the clocks have shown by then: by looking at every change before."""
    before = [shown(change - TICK, zone) for change in changes(zone) if change <= instant]
    return max([shown(instant, zone), *before])


def judge_clocks(zone: tzinfo, at: datetime) -> None:
    """Check what must hold of local times and days at an instant."""
    local = local_time(at, zone)
    assert local == latest_shown(at, zone)
    for wanted in {local, shown(at, zone), local - timedelta(minutes=37), local + TICK}:
        first = instant_when(wanted, zone)
        assert first is not None
        assert local_time(first, zone) >= wanted > local_time(first - TICK, zone)
    day = local_day(at, zone)
    assert day_start(day, zone) <= at < day_end(day, zone)
    assert instant_of_local(earliest_local(at, zone), zone) >= at
    assert instant_of_local(earliest_local(at, zone) - TICK, zone) < at


def judge_period(zone: tzinfo, at: datetime, period: Period) -> None:
    """Check what must hold of a length of time, before and after an instant."""
    begun = period.before(at, zone)
    later = [at + TICK, at + timedelta(minutes=31), at + DAY]
    assert begun <= period.before(later[0], zone) <= period.before(later[1], zone)
    assert begun <= period.before(later[2], zone)
    left = period.after(at, zone)
    assert left is not None
    assert period.before(left, zone) >= at > period.before(left - TICK, zone)
    assert left <= (period.after(later[0], zone) or LAST) <= (period.after(later[1], zone) or LAST)
    came = period.coming(at, zone)
    assert (period.after(came, zone) or LAST) >= at > (period.after(came - TICK, zone) or LAST)


def judge_days(zone: tzinfo, day: date, period: Period) -> None:
    """Check that what is counted from a day ends with a day, and loses none."""
    start = day_start(day, zone)
    end = period.after(start, zone)
    assert end is not None
    last = local_day(end, zone)
    assert end == day_start(last, zone)
    if not period.months and start < day_end(day, zone):  # the clocks do not skip the day
        assert end == day_start(day + period.length, zone)


ASIDE: Final = (
    *(timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=1)),
    *(timedelta(minutes=61), timedelta(hours=2), DAY - timedelta(hours=1), DAY, 27 * DAY),
)


@st.composite
def places(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """Make a zone, any that there is, and an instant: mostly near a change of its clocks."""
    zone = ZoneInfo(draw(st.sampled_from(ODD) | st.sampled_from(NAMES)))
    known = changes(zone)
    plain = st.timedeltas(timedelta(), 25_000 * DAY).map(lambda away: EPOCH + away)
    base = draw(st.sampled_from(known) | plain if known else plain)
    aside = draw(st.sampled_from([timedelta(), *ASIDE]) | st.timedeltas(timedelta(), 2 * DAY))
    ticks = draw(st.integers(-1, 1))
    return zone, base + draw(st.sampled_from([1, -1])) * aside + ticks * TICK


periods = (
    st.sampled_from(LENGTHS)
    | st.integers(1, 1_000).map(lambda days: Period(length=days * DAY))
    | st.integers(1, 60).map(Period)
    | st.integers(1, 1_000).map(lambda hours: Period(length=timedelta(hours=hours)))
)


@given(place=places())
@examples(3)
def test_local_times_never_run_backwards(place: tuple[ZoneInfo, datetime]) -> None:
    """The local time of an instant is the latest that its clocks have shown, in every zone."""
    judge_clocks(*place)


@given(place=places(), period=periods)
@examples(4)
def test_what_leaves_a_window_does_so_at_the_first_instant(
    place: tuple[ZoneInfo, datetime], period: Period
) -> None:
    """Where it begins, when something leaves it and when something comes into it, to a microsecond."""
    judge_period(*place, period)


@given(place=places(), period=periods, aside=st.integers(-3, 3))
@examples(4)
def test_days_are_whole(place: tuple[ZoneInfo, datetime], period: Period, aside: int) -> None:
    """What is counted from a day ends as another begins, in every zone; so many days are so many."""
    zone, at = place
    assume(period.months or not period.length % DAY)
    judge_days(zone, local_day(at, zone) + aside * DAY, period)


@given(place=places(), period=periods)
@examples(2)
def test_a_window_begins_at_the_same_time_of_day(place: tuple[ZoneInfo, datetime], period: Period) -> None:
    """Where the clocks show that time once, and the month has that day."""
    zone, at = place
    local = shown(at, zone)
    begun = shown(period.before(at, zone), zone)
    assume(local == latest_shown(at, zone))
    aware = begun.replace(tzinfo=zone)
    assume(aware.astimezone(UTC) == aware.replace(fold=1).astimezone(UTC))
    if period.months:
        assert (begun.year * 12 + begun.month) == (local.year * 12 + local.month) - period.months or (
            begun - TICK
        ).month != begun.month  # the change skipped the first of a month
        assert (begun.day, begun.time()) <= (local.day, local.time()) or begun.day > 28
    else:
        exact = local - period.length
        moved = exact.replace(tzinfo=zone).astimezone(UTC)
        assume(moved.astimezone(zone).replace(tzinfo=None, fold=0) == exact)  # it is not skipped
        assert begun == exact


def points(zone: tzinfo) -> Iterator[datetime]:
    """Yield instants on, beside and around every change of the clocks."""
    asides = [timedelta(), TICK, *ASIDE] if DEEP else [timedelta(), TICK, timedelta(minutes=30), DAY]
    for change in changes(zone):
        for aside in asides:
            yield change + aside
            yield change - aside


@pytest.mark.parametrize("name", ODD)
def test_every_change_of_odd_zones(name: str) -> None:
    """All that is said above holds at every change from 1970 to 2040."""
    zone = ZoneInfo(name)
    lengths = LENGTHS if DEEP else (LENGTHS[0], LENGTHS[3], LENGTHS[4])
    for number, at in enumerate(points(zone)):
        judge_clocks(zone, at)
        for period in lengths if DEEP else lengths[number % 3 :][:1]:
            judge_period(zone, at, period)
            judge_days(zone, local_day(at, zone), period)


@pytest.mark.parametrize("name", NAMES[:: 1 if DEEP else 60])
def test_every_zone(name: str) -> None:
    """It holds in every zone of the database."""
    zone = ZoneInfo(name)
    for at in changes(zone)[:: 1 if DEEP else 10]:
        judge_clocks(zone, at)
        for period in LENGTHS:
            judge_period(zone, at, period)
            judge_days(zone, local_day(at, zone), period)


def local(zone: tzinfo, *parts: int) -> datetime:
    """Return the instant of a local time."""
    return datetime(*parts, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type,misc]  # its parts


MONTH: Final = Period(1)
YEAR: Final = Period(12)


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        (date(2024, 2, 29), YEAR, date(2025, 3, 1)),
        (date(2024, 2, 28), YEAR, date(2025, 2, 28)),
        (date(2020, 2, 29), Period(48), date(2024, 2, 29)),
        (date(2023, 1, 31), MONTH, date(2023, 3, 1)),
        (date(2023, 1, 29), MONTH, date(2023, 3, 1)),
        (date(2024, 1, 29), MONTH, date(2024, 2, 29)),
        (date(2023, 8, 31), MONTH, date(2023, 10, 1)),
        (date(2023, 12, 31), Period(2), date(2024, 3, 1)),
        (date(2023, 11, 15), Period(3), date(2024, 2, 15)),
        (date(2024, 2, 29), Period(length=DAY), date(2024, 3, 1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("zone", [UTC, PARIS, HAVANA], ids=str)
def test_a_term_loses_no_day(start: date, period: Period, end: date, zone: tzinfo) -> None:
    """A year from 29 February ends as 1 March begins, a month from 31 January too."""
    assert period.after(day_start(start, zone), zone) == day_start(end, zone)


@pytest.mark.parametrize(
    ("at", "period", "begins"),
    [
        ((2018, 3, 31, 9, 30), MONTH, (2018, 2, 28, 23, 59, 59, 999_999)),
        ((2018, 3, 31, 23, 59, 59, 999_999), MONTH, (2018, 2, 28, 23, 59, 59, 999_999)),
        ((2020, 2, 29, 9, 30), YEAR, (2019, 2, 28, 23, 59, 59, 999_999)),
        ((2018, 1, 15, 9, 30), Period(13), (2016, 12, 15, 9, 30)),
        ((2018, 5, 5, 9, 30), Period(length=3 * DAY), (2018, 5, 2, 9, 30)),
    ],
    ids=str,
)
def test_a_window_has_all_of_the_month(at: tuple[int, ...], period: Period, begins: tuple[int, ...]) -> None:
    """The last month, at the end of March, is the whole of March."""
    for zone in (UTC, ZoneInfo("Asia/Kathmandu")):
        assert period.before(local(zone, *at), zone) == local(zone, *begins)


@pytest.mark.parametrize(
    ("zone", "day", "last", "after"),
    [
        (PARIS, date(2018, 3, 1), date(2018, 3, 28), date(2018, 3, 29)),  # the clocks go forward
        (PARIS, date(2018, 10, 15), date(2018, 11, 11), date(2018, 11, 12)),  # and back
        (SAO_PAULO, date(2018, 11, 4), date(2018, 12, 1), date(2018, 12, 2)),  # it had no midnight
        (SAO_PAULO, date(2018, 1, 21), date(2018, 2, 17), date(2018, 2, 18)),  # its last hour came twice
        (HAVANA, date(2018, 11, 4), date(2018, 12, 1), date(2018, 12, 2)),  # its midnight came twice
        (APIA, date(2011, 12, 31), date(2012, 1, 27), date(2012, 1, 28)),  # the day before was skipped
        (TORONTO, date(1919, 3, 31), date(1919, 4, 27), date(1919, 4, 28)),  # it began at half past
    ],
    ids=str,
)
def test_four_weeks_from_a_day_are_28_days(zone: tzinfo, day: date, last: date, after: date) -> None:
    """What is dated on a day is in a window of four weeks on 28 days, and gone on the next."""
    weeks = Period(length=28 * DAY)
    start = day_start(day, zone)
    assert weeks.before(day_end(last, zone) - TICK, zone) < start
    assert weeks.before(day_start(after, zone), zone) >= start
    assert weeks.before(day_end(after, zone) - TICK, zone) >= start


def test_hours_are_hours() -> None:
    """On UTC's clocks, which never change, a day of 24 hours is not a day of Paris."""
    start = day_start(date(2018, 3, 25), PARIS)
    assert Period(length=24 * timedelta(hours=1)).after(start, UTC) == start + DAY
    assert Period(length=DAY).after(start, PARIS) == start + timedelta(hours=23)


def test_local_times_that_are_skipped() -> None:
    """They mean the change of the clocks, or the end of their own day where that comes before."""
    change = datetime(2018, 3, 25, 1, tzinfo=UTC)
    assert Period(length=DAY).before(local(PARIS, 2018, 3, 26, 2, 30), PARIS) == change
    assert MONTH.before(local(PARIS, 2018, 4, 25, 2, 30), PARIS) == change
    no_midnight = datetime(1919, 3, 31, 4, 30, tzinfo=UTC)
    assert Period(length=DAY).before(local(TORONTO, 1919, 3, 31, 23, 45), TORONTO) == no_midnight - TICK
    assert Period(length=DAY).before(local(TORONTO, 1919, 4, 1, 0, 15), TORONTO) == no_midnight
    no_day = datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert Period(length=DAY).before(local(APIA, 2011, 12, 31, 12), APIA) == no_day - TICK


def test_local_times_that_are_repeated() -> None:
    """The first of the two is meant; counted from the second, the end of the hour."""
    first, again = local(PARIS, 2018, 10, 28, 2, 30), datetime(2018, 10, 28, 1, 30, tzinfo=UTC)
    day = Period(length=DAY)
    assert day.before(local(PARIS, 2018, 10, 29, 2, 30), PARIS) == first
    assert day.before(first, PARIS) == local(PARIS, 2018, 10, 27, 2, 30)
    assert day.before(again, PARIS) == local(PARIS, 2018, 10, 27, 3) - TICK
    assert MONTH.before(again, PARIS) == local(PARIS, 2018, 9, 28, 3) - TICK
    assert day.after(first, PARIS) == local(PARIS, 2018, 10, 29, 2, 30)
    assert day.after(again, PARIS) == local(PARIS, 2018, 10, 29, 3)
    assert local_time(again, PARIS) == datetime(2018, 10, 28, 2, 59, 59, 999_999)  # noqa: DTZ001 — a local time


@pytest.mark.parametrize("machine", ["UTC", "Africa/Lagos", "Asia/Tokyo", "America/New_York"])
def test_the_machines_own_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    """Time is counted in the zone that was asked for, whatever the machine's clock shows."""
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        for zone in (UTC, PARIS, HAVANA):
            for at in (local(PARIS, 2018, 10, 28, 2, 30), local(HAVANA, 2019, 3, 10, 1)):
                judge_clocks(zone, at)
                judge_period(zone, at, MONTH)
                judge_period(zone, at, Period(length=DAY))
        found = MONTH.after(local(PARIS, 2018, 1, 30, 12), PARIS)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == day_start(date(2018, 3, 1), PARIS)


FIXED: Final = [timezone(timedelta(hours=hours)) for hours in (-12, -5, 9, 14)]


@example(LAST, TICK, MONTH, PARIS)
@example(LAST, LAST - datetime(9999, 3, 28, 1, tzinfo=UTC), Period(9), PARIS)
@example(FIRST, timedelta(), MONTH, FIXED[0])
@example(FIRST, timedelta(), MONTH, FIXED[3])
@given(
    end=st.sampled_from([FIRST, LAST]),
    away=st.timedeltas(timedelta(), 3 * DAY) | st.timedeltas(timedelta(), 400 * DAY),
    period=periods,
    zone=st.sampled_from([UTC, PARIS, APIA, *FIXED]),
)
@examples(2)
def test_the_ends_of_the_calendar_are_ends(
    end: datetime, away: timedelta, period: Period, zone: tzinfo
) -> None:
    """What lies past them is the first or the last instant; nothing leaves a window after the last."""
    at = end + away if end == FIRST else end - away
    assert FIRST <= period.before(at, zone) <= at
    left = period.after(at, zone)
    if left is None:
        assert period.before(LAST, zone) < at
    else:
        assert period.before(left, zone) >= at
        # Before the first instant of the calendar is none: there a width is cut short.
        assert FIRST in (at, left) or at > period.before(left - TICK, zone)
    came = period.coming(at, zone)
    assert (period.after(came, zone) or LAST) >= at
    assert came == FIRST or (period.after(came - TICK, zone) or LAST) < at


@pytest.mark.parametrize("months", [12 * 8000, 12 * 7982 + 1, 10**6, 10**12])
def test_months_past_the_calendar_never_come(months: int) -> None:
    """However many they are, and however few before its end."""
    assert Period(months).after(datetime(2018, 1, 1, tzinfo=UTC), UTC) is None
    assert Period(months).before(datetime(2018, 1, 1, tzinfo=UTC), UTC) == FIRST
    assert Period(1).after(datetime(9999, 12, 1, tzinfo=UTC), UTC) is None
    assert Period(1).after(datetime(9999, 11, 30, tzinfo=UTC), UTC) == datetime(9999, 12, 30, tzinfo=UTC)

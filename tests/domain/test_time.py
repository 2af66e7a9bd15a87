"""Instants, days, months and zones, at the edges where calendars are odd."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reps_ledger.domain.time import (
    EPOCH,
    LAST,
    day_end,
    day_start,
    first_with_months,
    instant_of,
    last_of_day,
    microseconds,
    months_after,
    system_clock,
    zone_of,
)
from reps_ledger.errors import InvalidTime
from strategies import days, moments

PARIS: Final = ZoneInfo("Europe/Paris")
SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")
HAVANA: Final = ZoneInfo("America/Havana")
APIA: Final = ZoneInfo("Pacific/Apia")
DAMASCUS: Final = ZoneInfo("Asia/Damascus")
KATHMANDU: Final = ZoneInfo("Asia/Kathmandu")
FIRST: Final = datetime.min.replace(tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)

zones = st.sampled_from([UTC, PARIS, SAO_PAULO, HAVANA, APIA, KATHMANDU])


def utc(*parts: int) -> datetime:
    """Return an instant."""
    year, month, day, *rest = parts
    return datetime(year, month, day, tzinfo=UTC) + timedelta(
        **dict(zip(("hours", "minutes", "seconds", "microseconds"), rest, strict=False))
    )


def test_the_system_clock_is_aware() -> None:
    """The machine's time comes in UTC, and does not run backwards between two calls."""
    before, after = system_clock(), system_clock()
    assert before.tzinfo is UTC
    assert before <= after


@pytest.mark.parametrize("name", ["UTC", "utc", "Utc"])
def test_utc_needs_no_zone_data(name: str) -> None:
    """UTC is known by name, however written, without any database."""
    assert zone_of(name) is UTC


def test_a_zone_is_found_by_name_or_is_itself() -> None:
    """IANA names are looked up; a zone that is given stays what it is."""
    assert zone_of("Europe/Paris") == PARIS
    given_zone = timezone(timedelta(hours=5, minutes=30))
    assert zone_of(given_zone) is given_zone


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/localtime"])
def test_what_is_no_zone_name_is_refused(name: str) -> None:
    """Empty names and paths are no zones, and the error names the argument."""
    with pytest.raises(InvalidTime) as caught:
        zone_of(name)
    assert caught.value.field == "zone"


@pytest.mark.parametrize("name", ["Nowhere/City", "Europe", " ", "a\0b", "\ud800"], ids=ascii)
def test_unknown_zones_are_refused(name: str) -> None:
    """A name without a zone is an error that says what to write instead."""
    with pytest.raises(InvalidTime, match="Europe/Paris"):
        zone_of(name)


def test_an_instant_is_kept_in_utc() -> None:
    """An aware datetime becomes the same instant in UTC, to the microsecond."""
    local = datetime(2018, 7, 1, 14, 30, 15, 123456, tzinfo=PARIS)
    assert instant_of(local) == utc(2018, 7, 1, 12, 30, 15, 123456)
    assert instant_of(local).tzinfo is UTC
    assert instant_of(local.replace(tzinfo=ZoneInfo("UTC"))).tzinfo is UTC


def test_an_hour_that_comes_twice_is_two_instants() -> None:
    """The fold of a datetime says which of the two is meant."""
    first = datetime(2018, 10, 28, 2, 30, tzinfo=PARIS)
    assert instant_of(first) == utc(2018, 10, 28, 0, 30)
    assert instant_of(first.replace(fold=1)) == utc(2018, 10, 28, 1, 30)


def test_a_naive_datetime_is_no_instant() -> None:
    """The error names what was naive, in the caller's words."""
    with pytest.raises(InvalidTime, match="occurred_at is naive") as caught:
        instant_of(utc(2018, 1, 1).replace(tzinfo=None), "occurred_at")
    assert caught.value.field == "occurred_at"
    with pytest.raises(InvalidTime, match=r"^datetime is naive") as unnamed:
        instant_of(utc(2018, 1, 1).replace(tzinfo=None))
    assert unnamed.value.field == "datetime"


@pytest.mark.parametrize(("extreme", "hours"), [(FIRST, 14), (LAST, -12)], ids=["first", "last"])
def test_instants_outside_the_calendar_are_refused(extreme: datetime, hours: int) -> None:
    """A datetime that leaves the calendar once in UTC is an error, not a crash."""
    with pytest.raises(InvalidTime, match="out of range") as caught:
        instant_of(extreme.replace(tzinfo=timezone(timedelta(hours=hours))), "known_at")
    assert caught.value.field == "known_at"


@pytest.mark.parametrize(
    ("day", "zone", "start", "hours"),
    [
        (date(2018, 3, 1), UTC, utc(2018, 3, 1), 24),
        (date(2018, 3, 1), PARIS, utc(2018, 2, 28, 23), 24),
        (date(2018, 3, 25), PARIS, utc(2018, 3, 24, 23), 23),
        (date(2018, 10, 28), PARIS, utc(2018, 10, 27, 22), 25),
        (date(2018, 11, 4), SAO_PAULO, utc(2018, 11, 4, 3), 23),
        (date(2018, 2, 17), SAO_PAULO, utc(2018, 2, 17, 2), 25),
        (date(2018, 11, 4), HAVANA, utc(2018, 11, 4, 4), 25),
        (date(2011, 12, 30), APIA, utc(2011, 12, 30, 10), 0),
        (date(2011, 12, 31), APIA, utc(2011, 12, 30, 10), 24),
        (date(2018, 3, 1), KATHMANDU, utc(2018, 2, 28, 18, 15), 24),
    ],
    ids=[
        "utc",
        "winter",
        "spring forward",
        "fall back",
        "no midnight",
        "evening twice",
        "midnight twice",
        "no such day",
        "after no such day",
        "three quarters",
    ],
)
def test_a_day_starts_with_its_first_instant(day: date, zone: tzinfo, start: datetime, hours: int) -> None:
    """Days start and last as the zone's clocks say, also where midnight is missing or doubled."""
    assert day_start(day, zone) == start
    assert day_end(day, zone) - day_start(day, zone) == timedelta(hours=hours)


def test_a_day_without_midnight_starts_when_its_clocks_do() -> None:
    """In Sao Paulo 2018-11-04 began at one o'clock; the instant before is the day before."""
    start = day_start(date(2018, 11, 4), SAO_PAULO)
    assert start.astimezone(SAO_PAULO).isoformat() == "2018-11-04T01:00:00-02:00"
    assert (start - TICK).astimezone(SAO_PAULO).date() == date(2018, 11, 3)


@given(day=days(), zone=zones)
def test_days_tile_time(day: date, zone: tzinfo) -> None:
    """A day ends where the next starts, and its last microsecond is just before that."""
    following = day + timedelta(days=1)
    assert day_end(day, zone) == day_start(following, zone)
    assert last_of_day(day, zone) + TICK == day_end(day, zone)
    assert day_start(day, zone) <= day_end(day, zone)


@given(instant=moments(), zone=zones)
def test_every_instant_is_in_its_local_day(instant: datetime, zone: tzinfo) -> None:
    """An instant lies in the half-open day that a calendar on the wall would show."""
    day = instant.astimezone(zone).date()
    assert day_start(day, zone) <= instant < day_end(day, zone)
    assert instant <= last_of_day(day, zone)


def test_days_outside_the_calendar_are_refused() -> None:
    """The last day has no end, and the first no start east of Greenwich: errors, not crashes."""
    with pytest.raises(InvalidTime, match="out of range"):
        day_end(date.max, UTC)
    with pytest.raises(InvalidTime, match="out of range"):
        last_of_day(date.max, UTC)
    with pytest.raises(InvalidTime, match=r"^date is out of range") as caught:
        day_start(date.min, KATHMANDU)
    assert caught.value.field == "date"
    assert day_start(date.max, UTC) == utc(9999, 12, 31)


@given(instant=moments())
def test_microseconds_are_exact(instant: datetime) -> None:
    """An instant is told from its number of microseconds, before 1970 too."""
    assert EPOCH + timedelta(microseconds=microseconds(instant)) == instant
    assert microseconds(instant + TICK) == microseconds(instant) + 1


def test_microseconds_reach_the_ends_of_the_calendar() -> None:
    """The first and last instants have exact numbers that fit 64 bits."""
    assert microseconds(EPOCH) == 0
    assert microseconds(EPOCH - TICK) == -1
    assert EPOCH + timedelta(microseconds=microseconds(FIRST)) == FIRST
    assert EPOCH + timedelta(microseconds=microseconds(LAST)) == LAST
    assert max(abs(microseconds(FIRST)), microseconds(LAST)) < 2**63


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ((2018, 1, 31), 1, (2018, 2, 28)),
        ((2020, 1, 31), 1, (2020, 2, 29)),
        ((2020, 2, 29), 12, (2021, 2, 28)),
        ((2020, 2, 29), 48, (2024, 2, 29)),
        ((2018, 8, 31), 1, (2018, 9, 30)),
        ((2018, 8, 31), 2, (2018, 10, 31)),
        ((2018, 12, 31), 2, (2019, 2, 28)),
        ((2018, 11, 15), 3, (2019, 2, 15)),
        ((2018, 3, 31), -1, (2018, 2, 28)),
        ((2020, 2, 29), -12, (2019, 2, 28)),
        ((2018, 1, 15), -1, (2017, 12, 15)),
        ((2018, 1, 15), -13, (2016, 12, 15)),
        ((2018, 5, 5), 0, (2018, 5, 5)),
    ],
    ids=str,
)
def test_months_are_calendar_months(
    start: tuple[int, int, int], months: int, end: tuple[int, int, int]
) -> None:
    """The same day of a later or earlier month, or the end of its last where it is too short."""
    clock = (9, 30, 1, 7) if start[2] == end[2] else (23, 59, 59, 999_999)
    found = months_after(utc(*start, 9, 30, 1, 7), months, UTC)
    assert (found, found.fold) == (utc(*end, *clock), 0)


def test_months_keep_the_local_time() -> None:
    """Half a year later the clock shows the same, though the offset changed."""
    noon = instant_of(datetime(2018, 1, 15, 12, tzinfo=PARIS))
    assert months_after(noon, 6, PARIS) == utc(2018, 7, 15, 10)
    assert months_after(noon, 6, UTC) == utc(2018, 7, 15, 11)


def test_months_are_counted_in_the_zone() -> None:
    """Which day it is, and so which month is too short, is what the zone says."""
    late = utc(2018, 1, 28, 23, 30)
    assert months_after(late, 1, UTC) == utc(2018, 2, 28, 23, 30)
    later = utc(2018, 1, 29, 23, 30)  # the 30th in Paris
    assert months_after(later, 1, PARIS) == day_start(date(2018, 3, 1), PARIS) - TICK


def test_months_into_a_missing_hour_give_the_change_of_the_clocks() -> None:
    """A local time that the clocks skip means the instant at which they skip it."""
    half_past_two = instant_of(datetime(2018, 2, 25, 2, 30, tzinfo=PARIS))
    found = months_after(half_past_two, 1, PARIS)
    assert found == utc(2018, 3, 25, 1)
    assert found.tzinfo is UTC


def test_what_leaves_a_window_as_the_clocks_change() -> None:
    """All times of a missing hour mean one instant; it is reached with the first of them."""
    assert first_with_months(utc(2018, 3, 25, 1), 1, PARIS) == utc(2018, 2, 25, 1)


def test_the_end_of_a_short_month_is_its_last_instant() -> None:
    """Also where the clocks show its last hour twice: in Damascus 2004-09-30 had 25 hours."""
    start = instant_of(datetime(2004, 8, 31, 12, tzinfo=DAMASCUS))
    end = day_start(date(2004, 10, 1), DAMASCUS)
    assert end - day_start(date(2004, 9, 30), DAMASCUS) == timedelta(hours=25)
    assert months_after(start, 1, DAMASCUS) == end - TICK


@pytest.mark.parametrize("machine", ["UTC", "Africa/Lagos", "Asia/Tokyo", "America/New_York"])
def test_the_machines_own_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    """Months are counted in the zone that was asked for, whatever the machine's clock shows."""
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        second_time = datetime(2018, 10, 28, 2, 30, tzinfo=PARIS, fold=1)
        found = [
            months_after(instant_of(second_time), 1, PARIS),
            months_after(utc(2018, 2, 25, 1, 30), 1, PARIS),
            first_with_months(utc(2018, 2, 28, 23, 30), 1, UTC),
            first_with_months(utc(2018, 1, 30, 11), -1, PARIS),
            first_with_months(utc(2018, 3, 25, 1), 1, PARIS),
        ]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [
        utc(2018, 11, 28, 2),
        utc(2018, 3, 25, 1),
        utc(2018, 1, 28, 23, 30),
        day_start(date(2018, 3, 1), PARIS),
        utc(2018, 2, 25, 1),
    ]


def test_months_out_of_a_repeated_hour() -> None:
    """The first time around the clock time counts; the second, that the hour is over."""
    first = datetime(2018, 10, 28, 2, 30, tzinfo=PARIS)
    assert months_after(instant_of(first), 1, PARIS) == utc(2018, 11, 28, 1, 30)
    assert months_after(instant_of(first.replace(fold=1)), 1, PARIS) == utc(2018, 11, 28, 2)


@given(
    instant=moments(),
    apart=st.timedeltas(timedelta(), timedelta(days=4)) | st.just(TICK),
    months=st.integers(-30, 30),
    zone=zones,
)
def test_later_instants_never_give_earlier_ones(
    instant: datetime, apart: timedelta, months: int, zone: tzinfo
) -> None:
    """Months keep the order of instants, across short months and changes of the clocks."""
    assert months_after(instant, months, zone) <= months_after(instant + apart, months, zone)


@given(instant=moments(), months=st.integers(-30, 30), zone=zones)
def test_when_something_leaves_a_window(instant: datetime, months: int, zone: tzinfo) -> None:
    """The first instant from which months reach another is found exactly."""
    found = first_with_months(instant, months, zone)
    assert found is not None
    assert months_after(found, months, zone) >= instant
    assert months_after(found - TICK, months, zone) < instant


def test_nothing_leaves_a_window_after_the_calendars_end() -> None:
    """Where no instant is late enough, there is none."""
    assert first_with_months(LAST - timedelta(days=30), -12, UTC) is None


@given(instant=moments(), months=st.integers(-240, 240), zone=zones)
def test_months_come_in_order(instant: datetime, months: int, zone: tzinfo) -> None:
    """More months are later, and each lies within its month."""
    near, far = months_after(instant, months, zone), months_after(instant, months + 1, zone)
    assert near < far
    assert near.tzinfo is UTC
    local, then = instant.astimezone(zone), near.astimezone(zone)
    shift = (then.year - local.year) * 12 + then.month - local.month
    assert shift == months
    assert then.day <= local.day or zone is APIA  # whose clocks skipped a day


@pytest.mark.parametrize("months", [12 * 8000, 12 * 7982 + 1, 10**6, 10**12])
def test_months_past_the_calendar_stop_at_its_end(months: int) -> None:
    """What lies past the year 9999 is the last instant."""
    assert months_after(utc(2018, 1, 1), months, UTC) == LAST
    assert months_after(utc(9999, 12, 1), 1, UTC) == LAST


@pytest.mark.parametrize(
    ("instant", "months", "hours"),
    [(LAST, 0, 9), (datetime(9998, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))), 12, -5)],
    ids=["east", "west"],
)
def test_months_near_the_calendars_end_stop_there(instant: datetime, months: int, hours: int) -> None:
    """Also where only one of local time and UTC is past the end, the last instant is given."""
    assert months_after(instant, months, timezone(timedelta(hours=hours))) == LAST


@pytest.mark.parametrize("months", [-12 * 2018, -(10**6)])
def test_months_before_the_calendar_are_no_crash(months: int) -> None:
    """What lies before the year 1 is its first instant, as the far end's is the last."""
    assert months_after(utc(2018, 1, 1), months, UTC) == FIRST


def test_a_day_without_a_next_is_named() -> None:
    """Where there is no next day, the error says that it is the date's fault."""
    with pytest.raises(InvalidTime, match="out of range") as raised:
        day_end(date.max, UTC)
    assert raised.value.field == "date"


@pytest.mark.parametrize(
    ("instant", "months", "hours", "expected"),
    [
        (LAST, -1, 1, utc(9999, 11, 30, 22, 59, 59, 999_999)),
        (FIRST, 1, -1, utc(1, 2, 1, 1)),
        (FIRST, 0, -1, FIRST),
    ],
    ids=["from the end", "from the start", "staying"],
)
def test_months_turn_back_from_the_ends_of_the_calendar(
    instant: datetime, months: int, hours: int, expected: datetime
) -> None:
    """Where only the local time is past an end, months are counted from that end, inwards."""
    assert months_after(instant, months, timezone(timedelta(hours=hours))) == expected


@example(LAST, TICK, 1, PARIS)
@example(LAST, TICK, -1, PARIS)
@example(LAST, timedelta(days=31, minutes=30), -1, PARIS)
@example(LAST, LAST - utc(9999, 3, 28, 1), -9, PARIS)
@example(LAST, timedelta(), 0, timezone(timedelta(hours=9)))
@example(FIRST, timedelta(hours=1), 0, timezone(timedelta(hours=-5)))
@given(
    end=st.sampled_from([FIRST, LAST]),
    away=st.timedeltas(timedelta(microseconds=1), timedelta(days=12)),
    months=st.sampled_from([-13, -1, 1, 13]),
    zone=st.sampled_from([UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Pacific/Apia")]),
)
def test_leaving_at_the_ends_of_the_calendar(
    end: datetime, away: timedelta, months: int, zone: tzinfo
) -> None:
    """At the ends of the calendar too, it is the first instant that is late enough, or none."""
    instant = end + away if end == FIRST else end - away
    found = first_with_months(instant, months, zone)
    if found is None:
        assert months_after(LAST, months, zone) < instant
        return
    assert months_after(found, months, zone) >= instant
    if found > FIRST:
        assert months_after(found - timedelta(microseconds=1), months, zone) < instant

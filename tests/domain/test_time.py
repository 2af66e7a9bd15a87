"""Instants, days and zones, at the edges where calendars are odd."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reps_ledger.domain.time import (
    EPOCH,
    LAST,
    day_end,
    day_start,
    instant_of,
    last_of_day,
    microseconds,
    system_clock,
    zone_of,
)
from reps_ledger.errors import InvalidTime
from strategies import days, moments

PARIS: Final = ZoneInfo("Europe/Paris")
SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")
HAVANA: Final = ZoneInfo("America/Havana")
APIA: Final = ZoneInfo("Pacific/Apia")
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
        (date(1919, 3, 31), ZoneInfo("America/Toronto"), utc(1919, 3, 31, 4, 30), 23.5),
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
        "no midnight, nor the half hour before",
    ],
)
def test_a_day_starts_with_its_first_instant(day: date, zone: tzinfo, start: datetime, hours: float) -> None:
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


def test_a_day_without_a_next_is_named() -> None:
    """Where there is no next day, the error says that it is the date's fault."""
    with pytest.raises(InvalidTime, match="out of range") as raised:
        day_end(date.max, UTC)
    assert raised.value.field == "date"

"""Instants, days and zones. Everything below this works on aware datetimes in UTC."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from reps_ledger.errors import InvalidTime

__all__ = [
    "EPOCH",
    "FIRST",
    "LAST",
    "Clock",
    "day_end",
    "day_start",
    "instant_of",
    "last_of_day",
    "microseconds",
    "months_after",
    "system_clock",
    "zone_of",
]

Clock = Callable[[], datetime]
"""Says what time it is now, as an aware datetime."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


def system_clock() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


def zone_of(zone: str | tzinfo) -> tzinfo:
    """Return the time zone of that IANA name, or the given zone itself.

    Raises:
        InvalidTime: the name is unknown here; where the system carries no time zone data,
            installing the package ``tzdata`` brings them.
    """
    if isinstance(zone, tzinfo):
        return zone
    if zone.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:  # no such zone is a KeyError
        raise InvalidTime(
            f"unknown time zone {zone!r}; use an IANA name such as Europe/Paris "
            "(and install 'tzdata' where the system has no time zone data)",
            field="zone",
        ) from error


def instant_of(value: datetime, what: str = "datetime") -> datetime:
    """Return an aware datetime in UTC.

    Raises:
        InvalidTime: it is naive, or out of range once in UTC.
    """
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise InvalidTime(f"{what} is naive: {value.isoformat()}; give it a time zone", field=what)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidTime(f"{what} is out of range: {value.isoformat()}", field=what) from error


def day_start(day: date, zone: tzinfo) -> datetime:
    """Return the instant at which that day starts in ``zone``."""
    return instant_of(datetime.combine(day, time(), tzinfo=zone), "date")


def day_end(day: date, zone: tzinfo) -> datetime:
    """Return the first instant after that day: the start of the next."""
    try:
        following = day + _DAY
    except OverflowError as error:
        raise InvalidTime(f"date is out of range: {day.isoformat()}", field="date") from error
    return day_start(following, zone)


def last_of_day(day: date, zone: tzinfo) -> datetime:
    """Return the last microsecond of that day: what a date means as an as-of."""
    return day_end(day, zone) - _MICROSECOND


def microseconds(instant: datetime) -> int:
    """Return the microseconds from 1970 to that instant."""
    return (instant - EPOCH) // _MICROSECOND


def months_after(instant: datetime, months: int, zone: tzinfo) -> datetime:
    """Return the same local time ``months`` calendar months later, as an instant.

    Where that month is too short for the day, its last day is meant: a year after
    29 February is 28 February. Past the ends of the calendar, its first or last instant.
    """
    try:
        local = instant.astimezone(zone)
        year, month = divmod(local.month - 1 + months, 12)
        year, month = local.year + year, month + 1
        day = min(local.day, monthrange(year, month)[1])
        return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)
    except (OverflowError, ValueError):
        return LAST if months >= 0 else FIRST

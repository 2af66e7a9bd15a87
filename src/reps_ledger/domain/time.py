"""Instants, days and zones: from what people say to aware datetimes in UTC, and months after.

The rest of the package works on aware datetimes in UTC only.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from reps_ledger.errors import InvalidTime

Clock = Callable[[], datetime]
"""Returns the current time, as an aware datetime."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
_UTC_NAMES: Final = frozenset(
    {"UTC", "ETC/UTC", "UCT", "ETC/UCT", "ZULU", "ETC/ZULU", "UNIVERSAL", "ETC/UNIVERSAL"}
)
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
    if zone.upper() in _UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:  # no such zone is a KeyError
        raise InvalidTime(
            f"unknown time zone {zone!r}; use an IANA name such as Europe/Paris "
            "(and install 'tzdata' where the system has no time zone data)",
            field="zone",
        ) from error


def zone_name(zone: tzinfo) -> str | None:
    """Return the IANA name of a zone, "UTC" for that of every one of its names; None without one."""
    name = getattr(zone, "key", None) or str(zone)
    if name.upper() in _UTC_NAMES:
        return "UTC"
    return name if isinstance(zone, ZoneInfo) else None


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

    Later instants never give earlier ones, so that what has left a window never comes back:

    - Where that month is too short for the day, its last microsecond is meant: a year after
      any time of 29 February is the very end of 28 February.
    - Local times that a change of the clocks skips mean the instant of the change.
    - Local times that it repeats mean the first of the two; the second time around, the hour
      to repeat counts as over.
    - Past the ends of the calendar, its first or last instant is meant.
    """
    try:
        local = _local(instant, months, zone)
        if local.fold:
            local = _end_of_repeat(instant, zone)
        year, month = divmod(local.month - 1 + months, 12)
        year, month = local.year + year, month + 1
        last = monthrange(year, month)[1]
        if local.day > last:
            following = _last_moment(local.replace(year=year, month=month, day=last))
        else:
            following = local.replace(year=year, month=month)
        found = following.astimezone(UTC)
        if zone is UTC:
            return found
        # Only where the clocks skip a local time is its second reading the earlier instant.
        return _change_between(following.replace(fold=1).astimezone(UTC), found, zone)
    except (OverflowError, ValueError):
        return LAST if months > 0 or (months == 0 and instant > EPOCH) else FIRST


def first_with_months(instant: datetime, months: int, zone: tzinfo) -> datetime | None:
    """Return the earliest instant whose `months_after` is at or past ``instant``.

    With ``months=-n`` it is the instant at which something that happened at ``instant`` leaves a
    window of n months: the first review date whose window begins at or after it.

    Returns:
        None where no instant of the calendar is late enough.
    """
    guess = months_after(instant, -months, zone)
    if zone is UTC and instant.day <= _SHORTEST and guess < LAST:
        return guess  # no short month and no change of clocks: the common case
    if months_after(guess, months, zone) >= instant and (
        guess == FIRST or months_after(guess - _MICROSECOND, months, zone) < instant
    ):
        return guess
    low, high = _shifted(guess, -_FEW_DAYS), _shifted(guess, _FEW_DAYS)
    if months_after(high, months, zone) < instant:
        return None
    return _first(low, high, lambda moment: months_after(moment, months, zone) >= instant)


_SHORTEST: Final = 28  # days that every month has
_FEW_DAYS: Final = timedelta(days=5)


def _local(instant: datetime, months: int, zone: tzinfo) -> datetime:
    """Return the local time of an instant.

    Where that is past an end of the calendar, and adding the months leads back into it, return
    that end.
    """
    try:
        return instant.astimezone(zone)
    except OverflowError:
        if instant > EPOCH and months < 0:
            return LAST.replace(tzinfo=zone)
        if instant < EPOCH and months > 0:
            return FIRST.replace(tzinfo=zone)
        raise


def _last_moment(local: datetime) -> datetime:
    fold = 0 if local.tzinfo is UTC else 1  # the second of two, where the clocks repeat it
    return local.replace(hour=23, minute=59, second=59, microsecond=999_999, fold=fold)


def _shifted(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:
        return LAST if by > timedelta() else FIRST


def _first(low: datetime, high: datetime, late: Callable[[datetime], bool]) -> datetime:
    """Return the first instant in ``low`` to ``high`` that is late, by bisection.

    ``high`` must be late, and every instant after a late one too.
    """
    while low < high:
        middle = low + (high - low) // 2
        if late(middle):
            high = middle
        else:
            low = middle + _MICROSECOND
    return high


def _change_between(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """Return the instant at which the clocks change, after ``early`` and up to ``late``.

    Where ``late`` is not later than ``early`` there is no change, and ``late`` is returned.
    """
    before = early.astimezone(zone).utcoffset()
    return _first(early, late, lambda moment: moment.astimezone(zone).utcoffset() != before)


def _end_of_repeat(instant: datetime, zone: tzinfo) -> datetime:
    """Return the local time at which an hour that the clocks repeat is over."""
    local = instant.astimezone(zone)
    first = local.replace(fold=0).astimezone(UTC)
    change = _change_between(first, instant, zone)
    before = first.astimezone(zone).utcoffset() or timedelta()
    return (change.replace(tzinfo=None) + before).replace(tzinfo=zone)

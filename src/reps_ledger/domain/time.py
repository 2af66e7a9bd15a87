"""Instants, days and zones: from what people say to aware datetimes in UTC, and so long after.

The rest of the package works on aware datetimes in UTC only.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from reps_ledger.domain.shown import shown
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
_SHORTEST: Final = 28  # days that every month has


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
    """Return the instant at which that day starts in ``zone``.

    Where the clocks skip its midnight, the day starts as they do; where they show midnight twice,
    with the first. A day that they skip altogether starts, and ends, as they skip it.

    Raises:
        InvalidTime: that lies outside the calendar.
    """
    midnight = datetime.combine(day, time(), tzinfo=zone)
    start = instant_of(midnight, "date")
    if zone is UTC:
        return start
    return instant_when(midnight.replace(tzinfo=None), zone) or start


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


def instant_at(number: int) -> datetime:
    """Return the instant so many microseconds after the beginning of 1970."""
    return EPOCH + timedelta(microseconds=number)


def local_time(instant: datetime, zone: tzinfo) -> datetime:
    """Return what the clocks of a zone show at an instant, as a naive datetime.

    While they go a second time through an hour that they repeat, it is the last microsecond that
    they showed before they went back. So a later instant never has an earlier local time, and
    what falls into the repeated hour counts as its end. At the ends of the calendar it stops.
    """
    if zone is UTC:
        return instant.replace(tzinfo=None)
    try:
        local = instant.astimezone(zone)
    except OverflowError:
        return datetime.max if instant > EPOCH else datetime.min  # noqa: DTZ901 — local times
    if local.fold:
        first = local.replace(fold=0).astimezone(UTC)
        change = change_between(first, instant, zone)
        before = first.astimezone(zone).utcoffset() or timedelta()
        return change.replace(tzinfo=None) + before - _MICROSECOND
    return local.replace(tzinfo=None)


def local_day(instant: datetime, zone: tzinfo) -> date:
    """Return the day to which an instant belongs: it lies in ``[day_start, day_end)``."""
    return local_time(instant, zone).date()


def day_of(instant: object, zone: tzinfo) -> date:
    """Return the local day of an instant that a caller gives; see `local_day`.

    Raises:
        InvalidTime: it is no aware datetime.
    """
    if not isinstance(instant, datetime):
        raise InvalidTime(f"an instant is an aware datetime, not {shown(instant, 60)}", field="instant")
    return local_day(instant_of(instant, "instant"), zone)


def instant_when(local: datetime, zone: tzinfo) -> datetime | None:
    """Return the first instant by which the clocks of a zone have shown a local time.

    It is the first ``at`` for which ``local_time(at, zone) >= local``: of a local time that they
    show twice the first, and where they skip it, the instant at which they do. None where no
    instant of the calendar is late enough.
    """
    return local.replace(tzinfo=UTC) if zone is UTC else _when(local, zone)[0]


def earliest_local(instant: datetime, zone: tzinfo) -> datetime:
    """Return the earliest local time that means this instant, or a later one.

    It differs from `local_time` where the clocks skip some time just then: the day that starts
    without its midnight is counted from midnight.
    """
    local = local_time(instant, zone)
    if zone is UTC or instant == FIRST:
        return local
    before = local_time(instant - _MICROSECOND, zone)
    if before == local:  # in a repeated hour, which counts as over; or past an end of the calendar
        inside = datetime.min < local < datetime.max  # noqa: DTZ901 — local times
        return local + _MICROSECOND if inside else local
    return max(before + _MICROSECOND, datetime.combine(local.date(), time()))


@frozen
class Period:
    """A length of time on the clocks of a zone: so many months, or so much else.

    All else follows from `before`, which says where a window of this length begins. It keeps the
    local time, so that four weeks before midnight is midnight, whatever the clocks did between:

    - Where that month is too short for the day, its last microsecond is meant, so that the window
      has all of the month after it: a month before any time of 31 March is the end of February.
    - A local time that the clocks repeat means the first of the two; counted from the second,
      the end of the repeated hour is meant.
    - A local time that they skip means the instant at which they do, or the last microsecond of
      its own day, where that comes before. So no day is lost, also where midnight is skipped.
    - Past the ends of the calendar, its first or last instant is meant.

    Later instants never give earlier ones, so that what has left a window never comes back.

    Attributes:
        months: how many calendar months.
        length: so much more on the local clock: days of 24 hours on it. One of the two is zero.
    """

    months: int = 0
    length: timedelta = timedelta()

    def before(self, at: datetime, zone: tzinfo) -> datetime:
        """Return the instant so long before another."""
        if zone is UTC:  # whose local times are instants
            return self.back(at) or FIRST
        local = self.back(local_time(at, zone))
        return FIRST if local is None else instant_of_local(local, zone)

    def after(self, at: datetime, zone: tzinfo) -> datetime | None:
        """Return the instant so long after another: when that leaves a window of this length.

        It is the first for which `before` is no earlier than ``at``. So it loses no day: a year
        from 29 February ends as 1 March begins, and so does a month from 31 January.

        Returns:
            None where that is past the end of the calendar.
        """
        if zone is UTC:
            return self.forward(at)
        local = self.forward(earliest_local(at, zone))
        return None if local is None else instant_when(local, zone)

    def coming(self, at: datetime, zone: tzinfo) -> datetime:
        """Return the first instant after which, by so long, ``at`` has come: `after` reaches it."""
        if at == FIRST:
            return FIRST
        local = self.back(local_time(at - _MICROSECOND, zone))
        if local is None or (local.year == MINYEAR and local < local_time(FIRST, zone)):
            return FIRST
        # After the last instant that does not reach it, or with a day that begins later on the
        # local clock than it would without the clocks having skipped its midnight.
        reached = instant_when(local, zone)
        found = LAST if reached is None or reached == LAST else reached + _MICROSECOND
        return found if zone is UTC else min(found, _next_midnight(local, zone) or LAST)

    def back(self, local: datetime) -> datetime | None:
        """Return the local time so long before: the last from which `forward` is no later.

        None where that is before the calendar begins.
        """
        if not self.months:
            try:
                return local - self.length
            except OverflowError:
                return None
        year, month = divmod(local.year * 12 + local.month - 1 - self.months, 12)
        if year < MINYEAR:
            return None
        if local.day > _SHORTEST and local.day > (days := monthrange(year, month + 1)[1]):
            return datetime.combine(date(year, month + 1, days), time.max, local.tzinfo)
        return local.replace(year=year, month=month + 1)

    def forward(self, local: datetime) -> datetime | None:
        """Return the local time so long after: the first from which `back` is no earlier.

        None where that is past the end of the calendar.
        """
        try:
            if not self.months:
                return local + self.length
            year, month = divmod(local.year * 12 + local.month - 1 + self.months, 12)
            if local.day > _SHORTEST and local.day > monthrange(year, month + 1)[1]:
                first = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
                return datetime.combine(first, time(), local.tzinfo)
            return local.replace(year=year, month=month + 1)
        except (OverflowError, ValueError):
            return None


def instant_of_local(local: datetime, zone: tzinfo) -> datetime:
    """Return the instant that a local time means, as `Period` says: one it skips is in its day."""
    if zone is UTC:
        return local.replace(tzinfo=UTC)
    found, is_skipped = _when(local, zone)
    if is_skipped and (end := _next_midnight(local, zone)) is not None:
        return min(found or LAST, end - _MICROSECOND)
    return found or LAST


def _next_midnight(local: datetime, zone: tzinfo) -> datetime | None:
    try:
        return instant_when(datetime.combine(local.date() + _DAY, time()), zone)
    except OverflowError:
        return None


def _when(local: datetime, zone: tzinfo) -> tuple[datetime | None, bool]:
    """Return what `instant_when` does, and whether the clocks skip that local time."""
    aware = local.replace(tzinfo=zone)
    try:
        found, again = aware.astimezone(UTC), aware.replace(fold=1).astimezone(UTC)
    except OverflowError:
        return (FIRST if local.year <= EPOCH.year else None), False
    # Only where they skip a local time is its second reading the earlier instant.
    if again < found:
        return change_between(again, found, zone), True
    return found, False


def change_between(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """Return the instant at which the clocks change, after ``early`` and up to ``late``."""
    before = early.astimezone(zone).utcoffset()
    while early < late:  # by bisection: `late` is after the change, or at it
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle + _MICROSECOND
        else:
            late = middle
    return late

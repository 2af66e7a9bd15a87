"""Widths: how long a window is, and how to count one back, also over leave.

Days, weeks, months, quarters and years follow the calendar in the ledger's zone, as
`reps_ledger.domain.time.Period` says; only hours are fixed. Where leave pauses the clock, time on
leave does not count: a width is counted back from the instant at which the present leave began,
and is lengthened by every leave inside it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import (
    FIRST,
    LAST,
    Period,
    earliest_local,
    instant_of_local,
    instant_when,
    local_time,
)
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.validators import Field

TICK: Final = timedelta(microseconds=1)


@frozen
class Bounds:
    """The bounds of a window at an instant, both ends included.

    Attributes:
        start: the first instant in it.
        end: the last one, no later than the instant itself.
        ahead: until when announced facts count too; None where they do not.
    """

    start: datetime
    end: datetime
    ahead: datetime | None = None


UNITS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "hours": ("hours", 1),
        "days": ("days", 1),
        "weeks": ("days", 7),
        "months": ("months", 1),
        "quarters": ("months", 3),
        "years": ("months", 12),
    }
)
"""The units of widths: of what each is a multiple, and of how many. No other two can be compared."""

_WRITTEN: Final = re.compile(rf"([0-9]{{1,6}}) ({'|'.join(unit[:-1] for unit in UNITS)})s?")
_MOST: Final = 100_000


def _in_range(_: object, __: Field, value: object) -> None:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise InvalidPolicy(f"a width is a whole number from 1 to {_MOST:,}, not {shown(value, 40)}")


@frozen(order=False, cache_hash=True)
class Width:
    """A length of time: a number of hours, days, weeks, months, quarters or years.

    Attributes:
        number: how many, from 1.
        unit: "hours", "days", "weeks", "months", "quarters" or "years".
    """

    number: int = field(validator=_in_range)
    unit: str = field()

    @unit.validator
    def _known(self, _: object, value: object) -> None:
        if value not in UNITS:
            raise InvalidPolicy(f"a width is in {', '.join(UNITS)}, not {shown(value, 40)}")

    def __str__(self) -> str:
        return f"{self.number} {self.unit[:-1] if self.number == 1 else self.unit}"

    @property
    def span(self) -> str:
        """Its words after "the last": "4 weeks", but "year" for one year."""
        return self.unit[:-1] if self.number == 1 else str(self)

    @classmethod
    def read(cls, text: object) -> Width:
        """Read a width as written: "4 weeks".

        Raises:
            InvalidPolicy: it is none.
        """
        found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidPolicy(f"{shown(text, 60)} is no width; write '4 weeks', '6 months', …")
        return cls(int(found[1]), f"{found[2]}s")

    @property
    def basis(self) -> str:
        """Of what it is a multiple: "hours", "days" or "months"."""
        return UNITS[self.unit][0]

    @property
    def size(self) -> int:
        """How many of its `basis`."""
        return self.number * UNITS[self.unit][1]

    @property
    def period(self) -> Period:
        """It as a length on the clocks of a zone: of `clock`."""
        return _period(self)

    def fixed_in(self, zone: tzinfo) -> timedelta | None:
        """Return its length where it is the same everywhere; None where the calendar decides."""
        if self.basis == "months" or (self.basis == "days" and zone is not UTC):
            return None
        return self.period.length

    def clock(self, zone: tzinfo) -> tzinfo:
        """Return the zone whose clocks measure it: UTC's for hours, which no clock changes."""
        return UTC if self.basis == "hours" else zone

    def before(self, at: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the instant that lies this width before another."""
        try:
            return _before(self, at, zone)
        except TypeError:  # a zone of somebody's own that cannot be hashed
            return self.period.before(at, self.clock(zone))

    def after(self, at: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the instant that lies this width after another; the last there is, past the end."""
        return self.leaving(at, zone) or LAST

    def leaving(self, instant: datetime, zone: tzinfo = UTC) -> datetime | None:
        """Return when an instant leaves a rolling window of this width.

        It is the first ``at`` for which ``before(at) >= instant``; None past the calendar.
        """
        return self.period.after(instant, self.clock(zone))

    def coming(self, instant: datetime, zone: tzinfo = UTC) -> datetime:
        """Return when an instant enters a window that looks ahead by this width.

        It is the first ``at`` for which ``after(at) >= instant``.
        """
        return self.period.coming(instant, self.clock(zone))


@lru_cache(maxsize=1_024)
def _period(width: Width) -> Period:
    if width.basis == "months":
        return Period(width.size)
    return Period(length=timedelta(**{width.basis: width.size}))


@lru_cache(maxsize=1_024)
def _before(width: Width, at: datetime, zone: tzinfo) -> datetime:
    """Return what `Width.before` does: once for each review date, not for every member anew."""
    return width.period.before(at, width.clock(zone))


def hours(number: int) -> Width:
    """Make a width of so many hours, which is the same whatever clocks do."""
    return Width(number, "hours")


def days(number: int) -> Width:
    """Make a width of so many days of the calendar."""
    return Width(number, "days")


def weeks(number: int) -> Width:
    """Make a width of so many times seven days."""
    return Width(number, "weeks")


def months(number: int) -> Width:
    """Make a width of so many calendar months."""
    return Width(number, "months")


def quarters(number: int) -> Width:
    """Make a width of so many times three calendar months."""
    return Width(number, "quarters")


def years(number: int) -> Width:
    """Make a width of so many calendar years."""
    return Width(number, "years")


Leave = Sequence[tuple[datetime, datetime | None]]
"""Disjoint times of leave in order, each ``[start, end)``; None for no end in sight."""


def paused_before(leave: Leave, width: Width, at: datetime, zone: tzinfo) -> datetime:
    """Return the latest instant from which the clock has run for a width until ``at``.

    Only a leave that ends exactly there would leave a choice: it is the end of that leave.
    """
    if not leave:
        return width.before(at, zone)
    clock = width.clock(zone)
    now = local_time(at, clock)
    begun_by = bisect_right(leave, at, key=itemgetter(0))
    if begun_by:  # on leave, the clock last ran when that leave began
        start, end = leave[begun_by - 1]
        if end is None or at < end:
            # Of a leave that begins now, in an hour that the clocks repeat, that is yet to come.
            now = min(now, earliest_local(start, clock))
    # The width is measured on the calendar once, from there; what is left of it is then spent on
    # the times between leaves, backwards, all as local clocks count it.
    begun = width.period.back(now)
    if begun is None:
        return FIRST
    left = now - begun
    for place in range(begun_by - 1, -1, -1):
        start, end = leave[place]
        if end is None or end > at:
            continue
        ran = now - earliest_local(end, clock)
        if left <= ran:
            break
        left -= ran
        now = earliest_local(start, clock)
    try:
        return instant_of_local(now - left, clock)
    except OverflowError:
        return FIRST


def paused_leaving(leave: Leave, width: Width, instant: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield the candidates for when an instant leaves a window that leave pauses: a superset.

    How much leave delays it depends on how much of the leave has come by then. So there is a
    candidate for each number of leaves after the instant: up to the first that comes before the
    next leave begins, which no later one delays.
    """
    clock = width.clock(zone)
    local = earliest_local(instant, clock)
    stood = timedelta()
    place = bisect_right(leave, instant, key=_end)
    while datetime.max - local >= stood:  # noqa: DTZ901 — local times
        later = width.period.forward(local + stood)
        left = None if later is None else instant_when(later, clock)
        if left is not None:
            yield left
        start, end = leave[place] if place < len(leave) else (LAST, None)
        if left is None or left < start or end is None:
            return
        stood += earliest_local(end, clock) - max(earliest_local(start, clock), local)
        place += 1


def _end(times: tuple[datetime, datetime | None]) -> datetime:
    return times[1] or LAST

"""Widths: how long a window is, and how to count one back, also over leave.

Days and weeks are fixed; months and years follow the calendar. Where leave pauses the clock, time
on leave does not count: a width is counted back from the instant at which the present leave began,
and is lengthened by every leave inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from attrs import field, frozen

from reps_ledger.domain.time import FIRST, LAST, first_with_months, months_after
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


_UNITS: Final = ("days", "weeks", "months", "years")
_WRITTEN: Final = re.compile(r"([0-9]{1,6}) (day|week|month|year)s?")
_MOST: Final = 100_000


def _in_range(_: object, __: Field, value: object) -> None:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise InvalidPolicy(f"a width is a whole number from 1 to {_MOST:,}, not {value!r:.40}")


@frozen(order=False, cache_hash=True)
class Width:
    """A length of time: a number of days, weeks, months or years.

    Attributes:
        number: how many, from 1.
        unit: "days", "weeks", "months" or "years".
    """

    number: int = field(validator=_in_range)
    unit: str = field()

    @unit.validator
    def _known(self, _: object, value: object) -> None:
        if value not in _UNITS:
            raise InvalidPolicy(f"a width is in {', '.join(_UNITS)}, not {value!r:.40}")

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
            raise InvalidPolicy(f"{text!r:.60} is no width; write '4 weeks', '6 months', …")
        return cls(int(found[1]), f"{found[2]}s")

    @property
    def fixed(self) -> timedelta | None:
        """Its length where that is fixed; None for months and years."""
        if self.unit == "days":
            return timedelta(days=self.number)
        return timedelta(weeks=self.number) if self.unit == "weeks" else None

    @property
    def months(self) -> int:
        """How many calendar months, for months and years."""
        return self.number * (12 if self.unit == "years" else 1)

    def before(self, at: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the instant that lies this width before another."""
        if (fixed := self.fixed) is None:
            return months_after(at, -self.months, zone)
        return at - fixed if at - FIRST > fixed else FIRST

    def after(self, at: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the instant that lies this width after another."""
        if (fixed := self.fixed) is None:
            return months_after(at, self.months, zone)
        return at + fixed if LAST - at > fixed else LAST

    def leaving(self, instant: datetime, zone: tzinfo = UTC) -> datetime | None:
        """Return when an instant leaves a rolling window of this width.

        It is the first ``at`` for which ``before(at) >= instant``; None past the calendar.
        """
        if (fixed := self.fixed) is None:
            return first_with_months(instant, -self.months, zone)
        return instant + fixed if LAST - instant >= fixed else None

    def coming(self, instant: datetime, zone: tzinfo = UTC) -> datetime | None:
        """Return when an instant enters a window that looks ahead by this width.

        It is the first ``at`` for which ``after(at) >= instant``; None past the calendar.
        """
        if self.fixed is None:
            return first_with_months(instant, self.months, zone)
        return self.before(instant)


def days(number: int) -> Width:
    """Make a width of so many times 24 hours."""
    return Width(number, "days")


def weeks(number: int) -> Width:
    """Make a width of so many times 7 days."""
    return Width(number, "weeks")


def months(number: int) -> Width:
    """Make a width of so many calendar months."""
    return Width(number, "months")


def years(number: int) -> Width:
    """Make a width of so many calendar years."""
    return Width(number, "years")


Leave = Sequence[tuple[datetime, datetime | None]]
"""Disjoint times of leave in order, each ``[start, end)``; None for no end in sight."""


def paused_before(leave: Leave, width: Width, at: datetime, zone: tzinfo) -> datetime:
    """Return the latest instant from which the clock has run for a width until ``at``.

    Only a leave that ends exactly there would leave a choice: it is the end of that leave.
    """
    now = at
    for start, end in leave:  # on leave, the clock last ran when that leave began
        if start <= at and (end is None or at < end):
            now = start
    # The width is measured on the calendar once, from there; what is left of it is then spent on
    # the times between leaves, backwards.
    left = now - width.before(now, zone)
    for start, end in reversed(leave):
        if start >= now or end is None:
            continue
        ran = now - end
        if left <= ran:
            break
        left -= ran
        now = start
    return now - left if now - FIRST > left else FIRST


def paused_leaving(leave: Leave, width: Width, instant: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield the candidates for when an instant leaves a window that leave pauses: a superset.

    How much leave delays it depends on how much of the leave has come by then. So there is a
    candidate for each number of leaves after the instant, of which one is right.
    """
    paused = timedelta()
    last = width.leaving(instant, zone)
    if last is not None:
        yield last
    for start, end in leave:
        if end is None or end <= instant:
            continue
        paused += end - max(start, instant)
        if LAST - instant <= paused:
            return
        last = width.leaving(instant + paused, zone)
        if last is not None:
            yield last

"""Review dates: the last days of quarters and months, and every day. A date means its end."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta, tzinfo

from reps_ledger.domain.time import instant_of, last_of_day
from reps_ledger.errors import InvalidInput, TooLarge
from reps_ledger.replay.kernel.running import MAX_DATES

__all__ = ["daily", "monthly", "quarterly", "resolved", "yearly"]


def quarterly(first: int, last: int) -> list[date]:
    """Return the last day of each quarter of the years from ``first`` to ``last``."""
    return _ends(first, last, (3, 6, 9, 12))


def monthly(first: int, last: int) -> list[date]:
    """Return the last day of each month of the years from ``first`` to ``last``."""
    return _ends(first, last, range(1, 13))


def yearly(first: int, last: int) -> list[date]:
    """Return the last day of each year from ``first`` to ``last``."""
    return _ends(first, last, (12,))


def daily(first: date, last: date) -> list[date]:
    """Return every day from ``first`` to ``last``."""
    if last < first:
        raise InvalidInput(f"{last} comes before {first}", field="last")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _ends(first: int, last: int, months: Iterable[int]) -> list[date]:
    for year, name in ((first, "first"), (last, "last")):
        if not isinstance(year, int) or not MINYEAR <= year <= MAXYEAR:
            raise InvalidInput(f"{year!r:.60} is no year; write 2018", field=name)
    if last < first:
        raise InvalidInput(f"{last} comes before {first}", field="last")
    return [
        date(year, month, monthrange(year, month)[1])
        for year in range(first, last + 1)
        for month in months
    ]


def resolved(dates: Iterable[date], zone: tzinfo) -> list[datetime]:
    """Return review dates as instants, sorted, each once: a date is the end of its day.

    Raises:
        InvalidInput: it is no list, there is none, or one is neither a date nor an aware datetime.
        TooLarge: there are more than ``MAX_DATES``.
    """
    if not isinstance(dates, Iterable):
        raise InvalidInput(f"review dates are a list: [{dates!r:.60}]", field="at")
    found = set()
    for value in dates:
        if isinstance(value, datetime):
            found.add(instant_of(value, "at"))
        elif isinstance(value, date):
            found.add(last_of_day(value, zone))
        else:
            raise InvalidInput(
                f"a review date is a date or a datetime, not {value!r:.60}", field="at"
            )
        if len(found) > MAX_DATES:
            raise TooLarge(f"more than {MAX_DATES:,} dates", field="at")
    if not found:
        raise InvalidInput("name at least one review date", field="at")
    return sorted(found)

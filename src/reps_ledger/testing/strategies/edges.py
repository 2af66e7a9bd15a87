"""Strategies for instants that matter: ends of windows, of days and months, leap days, ties.

An instant is drawn as an `Edge`, which says where it lies as seen from a review: three weeks
before it, at the end of the window that this opens, a microsecond later. So it shrinks to the
review itself, and one strategy serves every review and every zone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from attrs import evolve, frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.time import day_start, local_day
from reps_ledger.policies import Width, hours, months, weeks, years
from reps_ledger.policies import days as in_days
from reps_ledger.testing.history import moment

_DAY: Final = timedelta(days=1)
_SEVERAL: Final = 4
_TICK: Final = timedelta(microseconds=1)

WIDTHS: Final = (*(in_days(1), in_days(30), weeks(1), weeks(4)), *(months(1), months(3), months(6), years(1)))
"""A few widths, so that edges meet."""

_HOURS: Final = hours(36)
"""Not one of those by whose edges instants are drawn: more choices than a byte has shrink worse."""

ZONES: Final = tuple(
    ZoneInfo(name) for name in ("Europe/Paris", "America/Havana", "America/Sao_Paulo", "Pacific/Apia")
)

_REVIEWS: Final = tuple(
    moment(text)
    for text in (
        "2018-10-01",  # a plain first of a month
        "2020-02-29 12:00",  # leap days, and what comes a year later
        "2021-02-28 23:59:59.999999",
        "2019-02-28 12:00",
        "2019-03-31 12:00",  # ends of long and short months
        "2019-05-30 08:00",
        "2019-10-27 01:00",  # the clocks go back in Paris
        "2019-10-27 00:30",
        "2019-03-31 01:00",  # and forward
        "2018-11-04 05:00",  # midnight comes twice in Havana
        "2019-03-10 05:00",  # and not at all
        "2018-11-04 03:00",  # nor in Sao Paulo
        "2018-02-18 02:30",  # where an evening's last hour comes twice
        "2011-12-30 10:00",  # Apia skips a day
        "2011-12-31 09:59:59.999999",
    )
)


@cache
def zones() -> SearchStrategy[tzinfo]:
    """Make time zones: UTC, and some with odd days."""
    return st.sampled_from([UTC, *ZONES])


@cache
def widths() -> SearchStrategy[Width]:
    """Make widths: a few, so that edges meet."""
    return st.sampled_from((*WIDTHS, _HOURS))


@cache
def reviews() -> SearchStrategy[datetime]:
    """Make instants of reviews: the first of a month, leap days, changes of clocks, and beside."""
    return st.builds(
        lambda base, ticks: base + ticks * _TICK, st.sampled_from(_REVIEWS), st.sampled_from([0, 0, 0, 1, -1])
    )


@frozen
class Edge:
    """An instant as seen from a review.

    Attributes:
        base: from where: "review"; the start of its "day", "month", "year" or "next" day; or
            the start of a date.
        ways: widths to go back, or forward where True comes with them.
        ticks: microseconds beside that.
    """

    base: str | date = "review"
    ways: tuple[tuple[Width, bool], ...] = ()
    ticks: int = 0

    def of(self, at: datetime, zone: tzinfo) -> datetime:
        """Return the instant, for a review in a zone."""
        found = at if self.base == "review" else day_start(self._day(at, zone), zone)
        for width, ahead in self.ways:
            found = width.after(found, zone) if ahead else width.before(found, zone)
        return found + self.ticks * _TICK

    def _day(self, at: datetime, zone: tzinfo) -> date:
        local = local_day(at, zone)
        match self.base:
            case date() as day:
                return day
            case "month":
                return local.replace(day=1)
            case "year":
                return local.replace(day=1, month=1)
            case "next":
                return local + _DAY
        return local


def edges(of: Collection[Width] = (), days: Collection[date] = ()) -> SearchStrategy[Edge]:
    """Make edges: of a few windows, or of windows of these widths, or a microsecond beside.

    Args:
        of: the widths.
        days: dates that matter too, whatever the review.
    """
    return _edges(tuple(sorted(of, key=str)) or WIDTHS, tuple(sorted(days)))


@cache
def _edges(of: tuple[Width, ...], days: tuple[date, ...]) -> SearchStrategy[Edge]:
    """Make them in one draw, the simplest first: so there is little to shrink."""
    back, ahead = [(width, False) for width in of], [(width, True) for width in of]
    bases: tuple[str | date, ...] = ("review", "day", "month", "year", "next", *days)
    plain = [Edge("review", (way,)) for way in back] * 3
    bare = [Edge(base) for base in (*bases[:1] * 3, *bases)]
    near = [Edge("review", (way,)) for way in ahead] * 2
    near += [Edge(base, (way,)) for base in bases[1:] for way in back[:_SEVERAL]]
    twice = [Edge("review", ways) for ways in product(back[:_SEVERAL], [*back, *ahead])]
    exact = [*bare, *plain, *near]
    beside = [evolve(edge, ticks=ticks) for ticks in (1, -1) for edge in (*_once(bare), *plain)]
    return st.sampled_from([*exact, *exact, *twice, *beside])


def _once(bare: list[Edge]) -> list[Edge]:
    return list(dict.fromkeys(bare))


def instants(at: datetime, zone: tzinfo = UTC, *, of: Collection[Width] = ()) -> SearchStrategy[datetime]:
    """Make instants around a review, mostly on edges of windows or a microsecond beside.

    Args:
        at: the review.
        zone: in which dates are read.
        of: the widths of the windows; a few by default.
    """
    return edges(of).map(lambda edge: edge.of(at, zone))

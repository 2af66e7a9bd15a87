"""Widths: how they are written, and how they reach through the calendar to its ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policies.making import TICK
from reps_ledger.domain.time import FIRST, LAST
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import Width, days, hours, months, quarters, weeks, years

UNITS: Final = ("hours", "days", "weeks", "months", "quarters", "years")

numbers = st.sampled_from([1, 2, 5, 100, 100_000]) | st.integers(1, 100_000)
all_widths = st.builds(Width, numbers, st.sampled_from(UNITS))
zones = st.sampled_from([UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/Havana")])
ends = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(timedelta(), timedelta(days=800)).map(lambda away: FIRST + away),
    st.timedeltas(timedelta(), timedelta(days=800)).map(lambda away: LAST - away),
)


@pytest.mark.parametrize(
    ("width", "written", "called"),
    [
        (hours(36), "36 hours", "36 hours"),
        (days(1), "1 day", "day"),
        (weeks(4), "4 weeks", "4 weeks"),
        (months(1), "1 month", "month"),
        (quarters(1), "1 quarter", "quarter"),
        (years(2), "2 years", "2 years"),
    ],
    ids=str,
)
def test_widths_are_written_as_one_says_them(width: Width, written: str, called: str) -> None:
    """One of a unit is singular, and bare after an article."""
    assert str(width) == written
    assert width.span == called


@given(all_widths)
def test_what_is_written_is_read_back(width: Width) -> None:
    """As written, and with or without the plural."""
    assert Width.read(str(width)) == width
    assert Width.read(f"{width.number} {width.unit}") == width
    assert Width.read(f"{width.number} {width.unit[:-1]}") == width


@pytest.mark.parametrize(
    "written", ["", "4", "weeks", "4  weeks", " 4 weeks", "4 Weeks", "4 minutes", "-4 weeks", 4, None]
)
def test_what_is_no_width_is_quoted(written: object) -> None:
    """The error quotes what was written, and says how widths are."""
    with pytest.raises(InvalidPolicy) as caught:
        Width.read(written)
    assert str(caught.value).startswith(repr(written))
    assert "'4 weeks'" in str(caught.value)


@pytest.mark.parametrize("number", [0, -1, 100_001, True, 1.0, "1"])
def test_a_width_has_a_whole_number_in_range(number: int) -> None:
    """From 1 to 100,000, and no truth value; the error tells the range and what was given."""
    with pytest.raises(InvalidPolicy, match="from 1 to 100,000") as caught:
        days(number)
    assert str(caught.value).endswith(f"not {number!r}")


def test_the_largest_width_is_one() -> None:
    """The ends of the range are in it."""
    assert [days(1).number, days(100_000).number] == [1, 100_000]


def test_an_unknown_unit_is_quoted_beside_those_known() -> None:
    """The error lists the six units, and quotes the seventh."""
    with pytest.raises(InvalidPolicy, match="in hours, days, weeks, months, quarters, years, not 'minutes'"):
        Width(1, "minutes")


@given(numbers)
def test_units_are_multiples_of_three(number: int) -> None:
    """A week is seven days, a quarter three months, a year twelve; an hour is nothing else."""
    assert [(width.basis, width.size) for width in (hours(number), days(number), weeks(number))] == [
        ("hours", number),
        ("days", number),
        ("days", 7 * number),
    ]
    assert [(width.basis, width.size) for width in (months(number), quarters(number), years(number))] == [
        ("months", number),
        ("months", 3 * number),
        ("months", 12 * number),
    ]


def test_only_hours_are_as_long_everywhere() -> None:
    """Days and weeks are where no clock changes; months and years nowhere."""
    paris = ZoneInfo("Europe/Paris")
    assert hours(5).fixed_in(paris) == hours(5).fixed_in(UTC) == timedelta(hours=5)
    assert [weeks(1).fixed_in(UTC), weeks(1).fixed_in(paris)] == [timedelta(days=7), None]
    assert [quarters(1).fixed_in(UTC), years(1).fixed_in(paris)] == [None, None]


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/Havana")], ids=str)
@given(unit=st.sampled_from(UNITS), number=st.integers(1, 40), at=st.datetimes(timezones=st.just(UTC)))
def test_a_multiple_is_as_long_as_what_it_is_of(zone: tzinfo, unit: str, number: int, at: datetime) -> None:
    """Two weeks are fourteen days, a year twelve months, in every zone."""
    width = Width(number, unit)
    same = Width(width.size, width.basis)
    assert width.before(at, zone) == same.before(at, zone)
    assert width.after(at, zone) == same.after(at, zone)
    assert width.coming(at, zone) == same.coming(at, zone)


@given(st.sampled_from([hours, days, weeks]), st.integers(1, 10_000), ends)
def test_fixed_widths_stop_at_the_ends_of_the_calendar(unit: type[Width], number: int, at: datetime) -> None:
    """So many hours away, or that end of the calendar."""
    width = unit(number)  # type: ignore[call-arg]  # one of several makers
    fixed = width.fixed_in(UTC)
    assert fixed is not None
    assert width.after(at) == (at + fixed if LAST - at >= fixed else LAST)
    assert width.before(at) == (at - fixed if at - FIRST >= fixed else FIRST)


class OwnZone(tzinfo):
    """A zone of somebody's own that cannot be hashed, as those of some libraries."""

    __hash__ = None  # type: ignore[assignment]  # that is what it is for

    def __eq__(self, other: object) -> bool:
        return self is other

    def utcoffset(self, _: datetime | None) -> timedelta:
        """Return what it is ahead of UTC."""
        return timedelta(hours=2)

    def tzname(self, _: datetime | None) -> str:
        """Return its name."""
        return "Own"

    def dst(self, _: datetime | None) -> timedelta:
        """Return that there is no summer time."""
        return timedelta()


def test_a_zone_that_cannot_be_hashed_is_a_zone() -> None:
    """Days are counted on its clocks, as on those of a zone of the same offset."""
    at = datetime(2018, 3, 31, 12, tzinfo=UTC)
    zone, same = OwnZone(), ZoneInfo("Africa/Tripoli")
    for width in (days(1), months(1), hours(1)):
        assert width.before(at, zone) == width.before(at, same)
        assert width.leaving(at, zone) == width.leaving(at, same)


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Paris")], ids=str)
@pytest.mark.parametrize(
    ("width", "later"),
    [
        (days(30), datetime(2018, 4, 9, 12)),  # noqa: DTZ001 — a local time
        (weeks(4), datetime(2018, 4, 7, 12)),  # noqa: DTZ001 — a local time
        (months(1), datetime(2018, 4, 10, 12)),  # noqa: DTZ001 — a local time
        (years(1), datetime(2019, 3, 10, 12)),  # noqa: DTZ001 — a local time
    ],
    ids=str,
)
def test_all_but_hours_keep_the_local_time(width: Width, later: datetime, zone: tzinfo) -> None:
    """At noon before the clocks change is at noon after they did, there and back."""
    at = datetime(2018, 3, 10, 12, tzinfo=zone).astimezone(UTC)
    there = later.replace(tzinfo=zone).astimezone(UTC)
    assert width.after(at, zone) == there
    assert width.before(there, zone) == at


@example(days(1), LAST - timedelta(days=1), UTC)
@example(days(1), LAST, UTC)
@example(days(1), FIRST + timedelta(days=1), UTC)
@example(days(1), FIRST, UTC)
@given(all_widths, ends, zones)
def test_what_leaves_and_what_comes_does_so_at_the_first_instant(
    width: Width, instant: datetime, zone: tzinfo
) -> None:
    """It leaves at the first instant that is a width later, and comes at the first ahead of it."""
    left = width.leaving(instant, zone)
    if left is None:
        assert width.before(LAST, zone) < instant
    else:
        assert width.before(left, zone) >= instant
        # Before the first instant of the calendar is none: there a width is cut short.
        assert FIRST in (left, instant) or width.before(left - TICK, zone) < instant
    came = width.coming(instant, zone)
    assert width.after(came, zone) >= instant
    assert came == FIRST or width.after(came - TICK, zone) < instant

"""Clocks that stand still: how far back a width reaches over leave, and when that passes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from policies.making import TICK, moment
from reps_ledger.domain.time import FIRST, LAST
from reps_ledger.policies import days, months, weeks
from reps_ledger.policies.language.widths import paused_before, paused_leaving

Leave = list[tuple[datetime, datetime | None]]

START: Final = datetime(2018, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def hours(number: int) -> datetime:
    """Return an instant, so many hours into the story."""
    return START + number * HOUR


@st.composite
def leaves(draw: st.DrawFn, *, lasting: bool = False) -> Leave:
    """Make stretches of leave, apart from one another, of whole hours; perhaps one that lasts."""
    marks = sorted(draw(st.sets(st.integers(0, 240), max_size=8)))
    found: Leave = [(hours(start), hours(end)) for start, end in zip(marks[::2], marks[1::2], strict=False)]
    if lasting and len(marks) % 2:
        found.append((hours(marks[-1]), None))
    return found


def ran(leave: Leave, start: datetime, end: datetime) -> timedelta:
    """Return how long the clock ran between two instants."""
    stood = timedelta()
    for began, ended in leave:
        stood += max(timedelta(), min(end, ended or end) - max(start, began))
    return end - start - stood


@given(leaves(lasting=True), st.integers(1, 5), st.integers(0, 400))
def test_the_clock_ran_for_just_so_long(leave: Leave, width: int, at: int) -> None:
    """Between where a width begins and now; and it begins where the clock runs on."""
    now = hours(at)
    begun = paused_before(leave, days(width), now, UTC)
    assert ran(leave, begun, now) == timedelta(days=width)
    assert not any(start <= begun and (end is None or begun < end) for start, end in leave)


@given(leaves(), st.integers(1, 5), st.integers(0, 240))
def test_what_happened_leaves_a_width_when_it_is_said_to(leave: Leave, width: int, when: int) -> None:
    """Among what is said is the very instant from which on it lies outside."""
    happened = hours(when)
    said = list(paused_leaving(leave, days(width), happened, UTC))
    assert len(said) <= 1 + len(leave)

    def inside(at: datetime) -> bool:
        return happened > paused_before(leave, days(width), at, UTC)

    assert any(inside(at - TICK) and not inside(at) for at in said)
    if all(end is not None and end <= happened for _, end in leave):
        assert said == [happened + timedelta(days=width)]


def test_a_leave_that_lasts_holds_what_it_holds() -> None:
    """Nothing leaves while the clock stands; but what would leave without it is said."""
    lasting: Leave = [(hours(48), None)]
    assert list(paused_leaving(lasting, days(5), hours(24), UTC)) == [hours(144)]
    assert paused_before(lasting, days(1), hours(1000), UTC) == hours(24)
    assert paused_before(lasting, days(1), hours(48), UTC) == hours(24)


def test_leave_that_ends_just_then_adds_nothing() -> None:
    """It leaves at one instant, as where there was no leave."""
    at = moment("2018-03-01")
    over: Leave = [(at - timedelta(days=3), at)]
    assert list(paused_leaving(over, weeks(1), at, UTC)) == [moment("2018-03-08")]


def test_widths_of_the_calendar_are_those_of_the_zone() -> None:
    """A month before the first of a month begins in the zone, not in UTC."""
    zone = ZoneInfo("Pacific/Auckland")
    leave: Leave = [(moment("2018-02-01", zone), moment("2018-02-03", zone))]
    now = moment("2018-04-01", zone)
    assert paused_before(leave, months(1), now, zone) == moment("2018-03-01", zone)
    assert list(paused_leaving([], months(1), moment("2018-03-01", zone), zone)) == [now]
    leave = [(moment("2018-01-30", zone), moment("2018-02-01", zone))]
    later = list(paused_leaving(leave, months(1), moment("2018-01-29", zone), zone))
    assert later[-1] == moment("2018-03-01", zone)


def test_a_month_is_as_long_as_it_is_when_they_are_back() -> None:
    """At the end of leave the clock runs again: the month before that day is meant."""
    leave: Leave = [(moment("2018-03-29"), moment("2018-04-02"))]
    assert paused_before(leave, months(1), moment("2018-04-02"), UTC) == moment("2018-02-26")


def test_the_ends_of_the_calendar_are_ends() -> None:
    """A width reaches no further back than the first instant; none leaves after the last."""
    early = FIRST + timedelta(days=3)
    assert paused_before([], days(3), early, UTC) == FIRST
    assert paused_before([], weeks(1), early, UTC) == FIRST
    leave: Leave = [(early - timedelta(days=2), early - timedelta(days=1))]
    assert paused_before(leave, days(3), early, UTC) == FIRST
    late = LAST - timedelta(days=5)
    rest: Leave = [(late + timedelta(days=1), late + timedelta(days=4))]
    assert all(at <= LAST for at in paused_leaving(rest, days(3), late, UTC))

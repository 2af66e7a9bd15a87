"""The kernel's calendar: arrays of instants are moved as single ones are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from reps_ledger.domain.time import EPOCH, FIRST, LAST, microseconds
from reps_ledger.policies import Width, days, hours, months, quarters, weeks, years
from reps_ledger.policies.language.windows import PERIODS, period_end, period_start
from reps_ledger.replay.kernel import calendars
from reps_ledger.replay.kernel.arrays import BEGINNING, END
from reps_ledger.replay.kernel.calendars import Calendar
from reps_ledger.testing.strategies import instants, reviews, zones
from scale import examples

WIDTHS: Final = (
    days(1),
    days(30),
    weeks(4),
    weeks(26),
    hours(36),
    months(1),
    quarters(1),
    years(1),
    years(999),
)
ASKED: Final = ("before", "after", "coming")
HERE: Final = tuple(sorted(available_timezones() - {"Factory", "localtime"}))


class Ours(tzinfo):
    """A zone of somebody's own, of which only it knows when its clocks change: twice a day."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        """Return an hour in the morning, two in the afternoon."""
        return timedelta(hours=1 if at is None or at.hour < 12 else 2)

    def dst(self, _: datetime | None) -> timedelta:
        """Return none."""
        return timedelta()

    def tzname(self, _: datetime | None) -> str:
        """Return its name."""
        return "ours"


ZONES: Final = zones() | st.sampled_from(HERE).map(ZoneInfo) | st.just(timezone(timedelta(hours=-7)))


def at_of(number: int) -> datetime:
    """Return an instant as a datetime."""
    return EPOCH + timedelta(microseconds=number)


def expected(found: list[int], zone: tzinfo, of: Width | str, asked: str) -> list[int]:
    """Return what the width itself, or the period, says of each instant."""
    if isinstance(of, Width):
        move = getattr(of, asked)
        return [microseconds(move(at_of(at), zone)) for at in found]
    edge = period_start if asked == "period_start" else period_end
    return [microseconds(edge(at_of(at), of, zone)) for at in found]


def moved(found: list[int], zone: tzinfo, of: Width | str, asked: str) -> list[int]:
    """Return what the calendar says, of all of them together."""
    answers: list[int] = getattr(Calendar(zone), asked)(np.array(found, np.int64), of).tolist()
    return answers


def drawn(data: Any, zone: tzinfo) -> list[int]:
    """Draw instants: of these days, around what clocks do, of other centuries."""
    around = reviews().flatmap(lambda at: instants(at, zone) | st.just(at)).map(microseconds)
    century = st.integers(
        microseconds(at_of(0).replace(year=1890)), microseconds(at_of(0).replace(year=2110))
    )
    near = st.sampled_from(sorted(changes_of(zone)) or [0])
    change = st.builds(
        lambda at, by: at + by, near, st.sampled_from([-1, 0, 1, 3_599_999_999, 3_600_000_000])
    )
    any_ = st.integers(BEGINNING, END)
    found: list[int] = data.draw(st.lists(around | century | change | any_, min_size=1, max_size=12))
    return found


def changes_of(zone: tzinfo) -> set[int]:
    """When the clocks of a zone change, in these years."""
    if not isinstance(zone, ZoneInfo):
        return set()
    return {at for decade in (-3, 3, 4, 5) for at, _, _ in calendars._changes_in(zone, decade)}


def agree(data: Any, few: int) -> None:
    """Assert that instants are moved together as each is by itself."""
    zone = data.draw(ZONES)
    asked = data.draw(st.sampled_from([*ASKED, "period_start", "period_end"]))
    of = data.draw(st.sampled_from(WIDTHS if asked in ASKED else PERIODS))
    found = drawn(data, zone)
    if isinstance(of, Width) and (changes := sorted(changes_of(zone))):
        move = of.after if asked == "before" else of.before
        near = st.builds(
            lambda at, by: at - by, st.sampled_from(changes), st.sampled_from([0, 1, 10**9, 10**10])
        )
        found += [microseconds(move(at_of(at), zone)) for at in data.draw(st.lists(near, max_size=6))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calendars, "_FEW", few)
        assert moved(found, zone, of, asked) == expected(found, zone, of, asked), (zone, of, asked)


@given(few=st.sampled_from([1, 16]), data=st.data())
@examples(8)
def test_many_instants_are_moved_as_one_is(few: int, data: st.DataObject) -> None:
    """However many there are, in any zone, on days on which clocks change and on others."""
    agree(data, few)


@given(zone=st.sampled_from(HERE).map(ZoneInfo), data=st.data())
@examples(1)
def test_changes_of_clocks_are_all_found(zone: ZoneInfo, data: st.DataObject) -> None:
    """Whenever one looks, a zone is as far from UTC as the changes of its clocks say."""
    low, high = microseconds(datetime(1900, 2, 1, tzinfo=UTC)), microseconds(datetime(2099, 1, 1, tzinfo=UTC))
    decade = data.draw(st.integers(-7, 12))
    clocks = calendars._clocks_of(zone, decade, decade)
    start = decade * 3_653 * 86_400_000_000
    for at in data.draw(
        st.lists(st.integers(start, start + 3_652 * 86_400_000_000), min_size=20, max_size=60)
    ):
        if low < at < high:
            number = int(np.searchsorted(clocks.changes, at, "right"))
            assert at_of(at).astimezone(zone).utcoffset() == timedelta(
                microseconds=int(clocks.offsets[number])
            )


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", ["Europe/Paris", "America/St_Johns", "Pacific/Apia"])
def test_thousands_of_instants_through_decades(name: str, asked: str) -> None:
    """Hour by hour around every change of some years, and day by day through others."""
    zone = ZoneInfo(name)
    start = microseconds(datetime(2009, 1, 1, tzinfo=UTC))
    hour = 3_600_000_000
    found = [start + number * hour for number in (*range(9_000), *range(9_000, 60_000, 7))]
    found += [at - 1 for at in found[::5]]
    for width in (days(1), weeks(4), months(1)):
        assert moved(found, zone, width, asked) == expected(found, zone, width, asked)


@pytest.mark.parametrize("few", [1, 4_096])
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Pacific/Apia")], ids=str)
@pytest.mark.parametrize("width", [days(3), weeks(4), hours(30), months(1)], ids=str)
def test_nothing_leaves_the_calendar(
    monkeypatch: pytest.MonkeyPatch, width: Width, zone: tzinfo, few: int
) -> None:
    """Near its ends instants stop there, as single ones do."""
    monkeypatch.setattr(calendars, "_FEW", few)
    found = [BEGINNING, BEGINNING + 1, microseconds(FIRST + timedelta(days=2)), 0]
    found += [microseconds(LAST - timedelta(days=2)), END - 1, END]
    for some in (found, found[1:4], found[3:6]):
        for asked in ASKED:
            assert moved(some, zone, width, asked) == expected(some, zone, width, asked)


def test_a_zone_of_somebodys_own_is_asked_each_time() -> None:
    """Nobody knows when its clocks change, so instants are moved one by one."""
    found = [microseconds(datetime(2018, 1, 1, hour, tzinfo=UTC)) for hour in range(24)]
    for asked in ASKED:
        assert moved(found, Ours(), days(3), asked) == expected(found, Ours(), days(3), asked)


@given(zone=ZONES, data=st.data(), period=st.sampled_from(PERIODS))
def test_periods_are_numbered_in_order(zone: tzinfo, data: st.DataObject, period: str) -> None:
    """Where each begins, from the earliest instant's to the latest's; and to which each belongs."""
    start = microseconds(data.draw(reviews()))
    found = [start + by for by in data.draw(st.lists(st.integers(0, 10**14), min_size=1, max_size=6))]
    calendar = Calendar(zone)
    begun = calendar.period_starts(np.array(found, np.int64), period).tolist()
    firsts = [microseconds(period_start(at_of(at), period, zone)) for at in found]
    assert [begun[0], begun[-1]] == [min(firsts), max(firsts)]
    for one, other in pairwise(begun):
        assert microseconds(period_end(at_of(one), period, zone)) == other
    numbers = calendar.period_numbers(np.array(found, np.int64), period).tolist()
    assert [begun[number - 1] for number in numbers] == firsts
    assert calendar.period_starts(np.array([], np.int64), period).tolist() == []


def _no_repeated_hour(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        calendars.Clocks, "show", lambda self, at: at + self.offsets[np.searchsorted(self.changes, at)]
    )


def _skipped_is_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calendars.Clocks, "meant", calendars.Clocks.when)


def _no_end_of_months(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        calendars,
        "shifted",
        lambda local, width, sign, true=calendars.shifted: true(local, width, sign) + (sign < 0),
    )


def test_a_day_that_was_skipped_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a local time that clocks skip means the next day. It takes a zone that skipped a midnight."""
    _skipped_is_later(monkeypatch)
    with pytest.raises(AssertionError):
        test_thousands_of_instants_through_decades("Pacific/Apia", "before")


@pytest.mark.parametrize("plant", [_no_repeated_hour, _no_end_of_months])
def test_planted_bugs_are_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours that clocks show twice, the last microsecond of a month."""
    plant(monkeypatch)

    @settings(max_examples=3_000, deadline=None, phases=[Phase.generate], database=None)
    @given(st.data())
    def agreement(data: Any) -> None:
        agree(data, 1)

    with pytest.raises((AssertionError, ExceptionGroup)):
        agreement()

"""The kernel's calendar: arrays of instants are moved as single ones are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reps_ledger.domain.time import EPOCH, FIRST, LAST, microseconds
from reps_ledger.policies import Width, days, hours, months, quarters, weeks, years
from reps_ledger.replay.kernel import arrays
from reps_ledger.replay.kernel.arrays import BEGINNING, END, Calendar
from reps_ledger.testing.strategies import instants, reviews, zones
from scale import examples

WIDTHS: Final = (days(1), days(30), weeks(4), weeks(26), hours(36), months(1), quarters(1), years(1))
ST_JOHNS: Final = ZoneInfo("America/St_Johns")


def expected(found: list[int], zone: tzinfo, width: Width, asked: str) -> list[int]:
    """Return what the width itself says of each instant."""
    move = getattr(width, asked)
    return [microseconds(move(EPOCH + timedelta(microseconds=at), zone)) for at in found]


@given(
    width=st.sampled_from(WIDTHS),
    zone=zones() | st.just(ST_JOHNS),
    many=st.sampled_from([0, 4_096]),
    asked=st.sampled_from(["before", "after"]),
    data=st.data(),
)
@examples(4)
def test_many_instants_are_moved_as_one_is(
    width: Width, zone: tzinfo, many: int, asked: str, data: st.DataObject
) -> None:
    """However many there are, on days on which clocks change and on others."""
    around = reviews().flatmap(lambda at: instants(at, zone) | st.just(at))
    found = [microseconds(at) for at in data.draw(st.lists(around, min_size=1, max_size=12))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "_MANY", many)
        moved = getattr(Calendar(zone), asked)(np.array(found, np.int64), width)
    assert moved.tolist() == expected(found, zone, width, asked)


@pytest.mark.parametrize("asked", ["before", "after"])
@pytest.mark.parametrize("name", ["Europe/Paris", "America/St_Johns", "Pacific/Apia"])
def test_thousands_of_instants_through_decades(name: str, asked: str) -> None:
    """Hour by hour around every change of some years, and day by day through others."""
    zone = ZoneInfo(name)
    start = microseconds(datetime(2009, 1, 1, tzinfo=UTC))
    hour = 3_600_000_000
    found = [start + number * hour for number in (*range(9_000), *range(9_000, 60_000, 7))]
    found += [at - 1 for at in found[::5]]
    for width in (days(1), weeks(4)):
        moved = getattr(Calendar(zone), asked)(np.array(found, np.int64), width)
        assert moved.tolist() == expected(found, zone, width, asked)


@pytest.mark.parametrize("many", [0, 4_096])
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Pacific/Apia")], ids=str)
@pytest.mark.parametrize("width", [days(3), weeks(4), hours(30)], ids=str)
def test_nothing_leaves_the_calendar(
    monkeypatch: pytest.MonkeyPatch, width: Width, zone: tzinfo, many: int
) -> None:
    """Near its ends instants stop there, as single ones do."""
    monkeypatch.setattr(arrays, "_MANY", many)
    found = [BEGINNING, BEGINNING + 1, microseconds(FIRST + timedelta(days=2)), 0]
    found += [microseconds(LAST - timedelta(days=2)), END - 1, END]
    for some in (found, found[1:4], found[3:6]):
        for asked in ("before", "after"):
            moved = getattr(Calendar(zone), asked)(np.array(some, np.int64), width)
            assert moved.tolist() == expected(some, zone, width, asked)

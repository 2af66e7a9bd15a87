"""Instants that a ledger tells, read as days of its zone."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

import reps_ledger as rl
from reps_ledger.domain.time import day_start, last_of_day
from reps_ledger.errors import InvalidTime
from reps_ledger.policies import Policy, reports, weeks, when
from reps_ledger.policies.charter import Charter
from reps_ledger.testing.strategies import days, zones

NEW_YORK: Final = ZoneInfo("America/New_York")
TOKYO: Final = ZoneInfo("Asia/Tokyo")
RECENT: Final = Policy(
    "recent",
    cases=[when(reports(within=weeks(4)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)


@pytest.fixture(params=[NEW_YORK, TOKYO, ZoneInfo("America/St_Johns")], ids=str)
def ledger(request: pytest.FixtureRequest) -> rl.Ledger:
    """A ledger west or east of UTC, with a role, and a report before the clocks change."""
    opened = rl.open(zone=request.param)
    opened.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2018, 1, 1))
    role = rl.RoleAssigned(member="ana", role="rep", until=date(2019, 3, 1))
    opened.record(role, by="x", occurred_at=date(2018, 3, 1))
    opened.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=date(2018, 10, 15))
    return opened


def test_what_a_view_tells_is_read_as_days(ledger: rl.Ledger) -> None:
    """The days that were recorded come out again, whatever the zone."""
    view = ledger.as_of(date(2018, 11, 11))
    ana = view.member("ana")
    (holding,) = ana.roles.now
    assert holding.until is not None
    assert [view.day(holding.start), view.day(holding.until)] == [date(2018, 3, 1), date(2019, 3, 1)]
    assert ana.membership.joined_at is not None
    assert view.day(ana.membership.joined_at) == date(2018, 1, 1)
    assert view.day(view.valid_at) == date(2018, 11, 11)
    assert [line.day for line in ana.timeline] == [ledger.day(line.at) for line in ana.timeline]
    (row,) = view.roster(role="rep")
    assert row.since is not None
    assert view.day(row.since) == date(2018, 3, 1)


def test_a_verdict_says_its_days(ledger: rl.Ledger) -> None:
    """Twenty-eight days from the report, over the change of the clocks."""
    verdict = ledger.as_of(date(2018, 11, 11)).evaluate(RECENT, "ana")
    assert (verdict.outcome, verdict.day, verdict.lapses_on) == (
        "active",
        date(2018, 11, 11),
        date(2018, 11, 12),
    )
    assert verdict.lapses_at is not None
    assert ledger.day(verdict.lapses_at) == verdict.lapses_on
    later = ledger.as_of(date(2018, 11, 12)).evaluate(RECENT, "ana")
    assert (later.outcome, later.lapses_at, later.lapses_on) == ("inactive", None, None)
    assert "on 2018-11-12: inactive" in str(later)


def test_a_view_in_another_zone_has_its_days(ledger: rl.Ledger) -> None:
    """The instants are the same: what was told is equal, and pickles, in every zone."""
    view = ledger.as_of(datetime(2018, 11, 11, 12, tzinfo=UTC))
    other = view.in_zone(ZoneInfo("Pacific/Kiritimati"))
    (holding,) = view.member("ana").roles.now
    assert other.member("ana").roles.now == (holding,)
    assert pickle.loads(pickle.dumps(holding)) == holding  # noqa: S301 — made here
    assert other.day(view.valid_at) == date(2018, 11, 12)
    assert view.in_zone(UTC).day(view.valid_at) == date(2018, 11, 11)


def test_a_backtest_says_its_days(ledger: rl.Ledger) -> None:
    """Its dates are days again, and a cohort is that of its year in the zone."""
    never = Policy("never", cases=[when(reports() >= 9).then("active")], otherwise="inactive")
    dates = [date(2018, 9, 30), date(2018, 11, 11), date(2018, 12, 31), date(2019, 1, 1)]
    ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=date(2018, 12, 30))
    run = ledger.backtest(RECENT, at=dates, against=never)
    assert run.days == tuple(dates)
    assert [run.day(flip.at) for flip in run.flips()] == dates[1:]
    assert run.zone == ledger.zone


@pytest.mark.parametrize(("zone", "cohort"), [(NEW_YORK, 2018), (TOKYO, 2019), (UTC, 2018)], ids=str)
def test_cohorts_are_years_of_the_zone(zone: Any, cohort: int) -> None:
    """First active in the evening of 31 December in New York, when it is January in Tokyo."""
    with rl.open(zone=zone) as opened:
        opened.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2018, 12, 1))
        report = rl.ReportFiled(member="ana", activity="talk")
        opened.record(report, by="ana", occurred_at=datetime(2018, 12, 31, 18, tzinfo=UTC))
        run = opened.backtest(RECENT, at=[datetime(2018, 12, 31, 20, tzinfo=UTC)])
        assert {each.cohort for each in run.survival(["active"])} == {cohort}


@given(day=days(), zone=zones())
def test_a_day_is_read_back(day: date, zone: Any) -> None:
    """From its first instant to its last, where there is any between."""
    with rl.open(zone=zone) as opened:
        first, last = day_start(day, zone), last_of_day(day, zone)
        if first <= last:
            assert [opened.day(first), opened.day(last)] == [day, day]
            assert opened.as_of(day).day(opened.as_of(day).valid_at) == day


@pytest.mark.parametrize("bad", [None, date(2018, 1, 1), "2018-01-01", datetime(2018, 1, 1)])  # noqa: DTZ001 — naive
def test_what_is_no_instant_has_no_day(bad: Any) -> None:
    """The error says what an instant is."""
    with rl.open() as opened, pytest.raises(InvalidTime) as caught:
        opened.day(bad)
    assert caught.value.field == "instant"
    assert "time zone" in str(caught.value) or "aware datetime" in str(caught.value)


def test_refusals_say_days_of_the_ledgers_zone() -> None:
    """Of a fact with a time of day too: in the evening of New York it is tomorrow in UTC."""
    evening = datetime(2018, 3, 1, 22, tzinfo=NEW_YORK)
    with rl.open(zone=NEW_YORK, clock=lambda: evening.astimezone(UTC) + timedelta(days=9)) as opened:
        opened.record(rl.MemberJoined(member="ana"), by="x", occurred_at=evening)
        with pytest.raises(rl.Refused, match="ana joined on 2018-03-01"):
            opened.record(rl.MemberJoined(member="ana"), by="x", occurred_at=evening)
        charter = Charter(name="c", version="1")
        with pytest.raises(rl.Refused, match="on 2018-03-04 cannot govern from 2018-03-01"):
            opened.adopt(charter, by="x", occurred_at=evening + timedelta(days=3), effective_from=evening)

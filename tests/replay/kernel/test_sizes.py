"""Members with very many facts, and very many dates: the same answers, in bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

import reps_ledger as rl
from policies.making import Told, entries_of
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import Policy, days, reports, when
from reps_ledger.replay.columns.model import Coded
from reps_ledger.replay.kernel.run import run
from reps_ledger.testing.replayed import columns_of

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns

START = datetime(2018, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def busy(number: int) -> Columns:
    """Ana joins, and reports every minute from then on, so many times."""
    told: list[Told] = [
        (rl.MemberJoined(member="ana"), START),
        (rl.ReportFiled(member="ana", activity="event"), START),
    ]
    columns = columns_of(entries_of(told))
    table = columns.tables["report.filed"]
    nth = np.arange(number)
    at = microseconds(START) + nth * 60_000_000
    many = evolve(
        table,
        times={"at": at, "order": nth + 2, "verified": np.repeat(table.times["verified"], number)},
        persons={name: np.repeat(codes, number) for name, codes in table.persons.items()},
        fields={
            name: Coded(coded.values, np.repeat(coded.codes, number)) for name, coded in table.fields.items()
        },
        instants={name: np.repeat(found, number) for name, found in table.instants.items()},
    )
    return evolve(columns, tables={**columns.tables, "report.filed": many})


def at_least(number: int) -> Policy:
    """So many reports in a day."""
    return Policy("busy", cases=[when(reports(within=days(1)) >= number).then("yes")], otherwise="no")


def test_a_million_facts_of_one_member() -> None:
    """A day holds 1,440 minutes, and never one more, wherever the day lies in a million facts."""
    columns = busy(1_000_000)
    dates = [START + MINUTE * k for k in (0, 1_438, 1_439, 1_440, 500_000, 999_999)]
    last = [START + MINUTE * (1_000_000 + k) for k in (0, 1_438, 1_439, 5_000)]
    (all_,) = run(at_least(1_440), columns, [*dates, *last], UTC)
    (none,) = run(at_least(1_441), columns, [*dates, *last], UTC)
    yes = all_.codes()[0].tolist()
    assert [code == 0 for code in yes] == [
        *(False, False, True, True, True, True),
        *(False, False, False, False),
    ]
    assert (none.codes() == 1).all()


def test_ten_thousand_dates() -> None:
    """At each of ten thousand dates, what its own window holds; before the first fact, nobody."""
    columns = busy(9_000)
    dates = [START + MINUTE * k for k in range(-500, 9_500)]
    (found,) = run(at_least(1_000), columns, dates, UTC)
    for code, k in zip(found.codes()[0].tolist(), range(-500, 9_500), strict=True):
        inside = min(k, 8_999) - max(k - 1_439, 0) + 1
        assert code == (-1 if k < 0 else 0 if inside >= 1_000 else 1)

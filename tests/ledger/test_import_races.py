"""Imports while others record in the same log, at the worst moments."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import reps_ledger as rl
from faulty import Faulty, conflict

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = date(2018, 3, 1)
ROWS = [
    {"fact": "member.joined", "occurred_at": "2018-01-01", "by": "b", "member": "ana"},
    {"fact": "member.joined", "occurred_at": "2018-01-01", "by": "b", "member": "ben"},
    *(
        {
            "fact": "report.filed",
            "occurred_at": "2018-02-01",
            "by": "b",
            "member": ("ana", "ben")[n % 3 == 0],
            "activity": f"a{n}",
        }
        for n in range(2_500)
    ),
    {"fact": "role.assigned", "occurred_at": "2018-03-01", "member": "ana", "role": "lead"},
    {"fact": "role.assigned", "occurred_at": "2018-03-01", "member": "eve", "role": "lead"},
    {"fact": "role.assigned", "occurred_at": "never", "member": "ben", "role": "lead"},
]


def _import(moments: dict[tuple[str, int], Callable[[rl.Ledger], Any]], *, after: bool) -> Any:
    """Import with somebody else recording before, or after, the nth append or read."""
    recorder = rl.SQLiteRecorder(":memory:")
    other = rl.open(recorder)
    acts: dict[tuple[str, int], Callable[[], None]] = {
        moment: partial(act, other) for moment, act in moments.items()
    }
    faulty = Faulty(recorder, after=acts) if after else Faulty(recorder, before=acts)
    with rl.open(faulty) as ledger:
        report = ledger.import_history(ROWS)
    return report, other


def _assert_whole(report: rl.ImportReport, ledger: rl.Ledger, *, others: int) -> None:
    """Each row is there once, or listed once; and nothing of the others is lost."""
    entries = list(ledger.entries())
    assert len({entry.id for entry in entries}) == len(entries)
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    refused = [row.line for row in report.refused]
    assert len(set(refused)) == len(refused)
    assert report.recorded + report.known + len(refused) == len(ROWS)
    declared = [entry.name for entry in entries].count("ledger.declared")
    assert declared <= 1
    assert len(entries) == report.recorded + others + declared


def test_somebody_records_what_does_not_matter() -> None:
    """A stranger's joining between two batches shifts positions, and nothing else."""
    report, ledger = _import(
        {("append", 2): lambda other: other.record(rl.MemberJoined(member="zoe"), by="z")}, after=False
    )
    _assert_whole(report, ledger, others=1)
    assert [row.codes for row in report.refused] == [("not_joined",), ("invalid",)]


def test_somebody_records_what_matters() -> None:
    """Somebody gives ana the role while the batch that would give it is on its way."""
    role = rl.RoleAssigned(member="ana", role="lead")
    report, ledger = _import(
        {("append", 3): lambda other: other.record(role, by="z", occurred_at=DAY)}, after=False
    )
    _assert_whole(report, ledger, others=1)
    codes = [row.codes for row in report.refused]
    assert codes == [("role_held",), ("not_joined",), ("invalid",)]


def test_every_batch_meets_somebody() -> None:
    """Before every append somebody else records; all rows land all the same."""
    joined: list[str] = []

    def join(other: rl.Ledger) -> None:
        if len(joined) < 10 and (not joined or other.position > 0):
            joined.append(f"z{len(joined)}")
            other.record(rl.MemberJoined(member=joined[-1]), by="z")

    report, ledger = _import({("append", 0): join}, after=False)
    _assert_whole(report, ledger, others=len(joined))
    assert len(joined) >= 3


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_lost_reply(nth: int) -> None:
    """An append that succeeds but looks like a conflict is not repeated."""
    report, ledger = _import({("append", nth): lambda _: conflict()}, after=True)
    _assert_whole(report, ledger, others=0)
    assert report.recorded == len(ROWS) - 2


def test_others_never_stop() -> None:
    """Where every append meets a conflict the import says so, and what it wrote before stays."""
    recorder = rl.SQLiteRecorder(":memory:")
    with (
        rl.open(Faulty(recorder, before={("append", 0): conflict}), retries=3) as ledger,
        pytest.raises(rl.Conflict, match="import again"),
    ):
        ledger.import_history(ROWS)
    again = rl.open(recorder)
    assert again.position == 0
    _assert_whole(again.import_history(ROWS), again, others=0)


@pytest.mark.parametrize("nth", [2, 3, 4])
def test_two_import_the_same(nth: int) -> None:
    """Another import of the same rows runs whole before a batch: every row is there once."""
    report, ledger = _import({("append", nth - 1): lambda other: other.import_history(ROWS)}, after=False)
    entries = [entry for entry in ledger.entries() if entry.name != "ledger.declared"]
    assert len({entry.id for entry in entries}) == len(entries) == len(ROWS) - 2
    assert report.recorded + report.known + len(report.refused) == len(ROWS)

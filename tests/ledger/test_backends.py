"""One small life of a ledger, with equal results on every log that it can be kept in."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from recorders import LOGS
from reps_ledger.domain.entries import row_keys_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEGAN: Final = datetime(2018, 6, 1, 12, tzinfo=UTC)


class Ticking:
    """A clock that goes on by an hour whenever it is asked."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        """What time it is by now."""
        self.now += timedelta(hours=1)
        return self.now


def refused(ledger: rl.Ledger, fact: rl.Fact, **more: Any) -> list[Any]:
    """Try to record what is refused; give the refusals, with positions in place of ids."""
    before = ledger.position
    with pytest.raises(rl.Refused) as raised:
        ledger.record(fact, by="council", **more)
    assert ledger.position == before
    return [
        (refusal.code, refusal.words, [ledger.entry(one).position for one in refusal.entries])
        for refusal in raised.value.refusals
    ]


ROWS: Final = [
    {"fact": "member.joined", "member": "dan", "occurred_at": "2018-02-01", "by": "council"},
    {"fact": "report.filed", "member": "dan", "activity": "a", "occurred_at": "2018-02-02"},
    {"fact": "report.filed", "member": "eve", "activity": "a", "occurred_at": "2018-02-02"},
    {"fact": "no.such", "member": "dan"},
    {"fact": "role.asserted", "member": "dan", "role": "mentor", "held": True, "occurred_at": "2018-05-01"},
]


def life(target: Any, folder: Path) -> dict[str, Any]:
    """Live a small life in a ledger; tell all that it answered."""
    told: dict[str, Any] = {}
    with rl.open(target, zone="Asia/Jakarta", clock=Ticking(), rules=[rl.seats("lead", limit=1)]) as ledger:
        # Logs in memory do not declare themselves; here all of them do, under one identifier.
        itself = rl.LedgerDeclared(ledger="reps", zone="Asia/Jakarta")
        ledger.record(itself, by="council", occurred_at=date(2018, 1, 1), command_id="itself")
        people = [rl.MemberJoined(member=name) for name in ("ana", "ben", "cleo")]
        first = ledger.record_all(people, by="council", occurred_at=date(2018, 1, 1), command_id="a")
        told["first"] = [(e.id, e.position, e.occurred_at, e.day, e.tags) for e in first.entries]
        again = ledger.record_all(people, by="council", occurred_at=date(2018, 1, 1), command_id="a")
        told["again"] = (again.repeated, again.entries == first.entries, ledger.position)
        lead = ledger.record(
            rl.RoleAssigned(member="ana", role="lead", until=None),
            by="council",
            occurred_at=date(2018, 1, 2),
            command_id="b",
        )
        told["refusals"] = [
            refused(ledger, rl.RoleAssigned(member="ben", role="lead"), occurred_at=date(2018, 3, 1)),
            refused(ledger, rl.MemberJoined(member="ana")),
            refused(ledger, rl.Vouched(member="zoe", voucher="ana", reason="r")),
        ]
        vouch = rl.Vouched(member="ben", voucher="ana", reason="=known\n“well”")
        ledger.record(vouch, by="ana", on_behalf_of="council", source="a form", command_id="c")
        moment = ledger.entry(lead.id).recorded_at
        before = ledger.as_of()
        right = rl.RoleAssigned(member="cleo", role="lead")
        ledger.record(
            rl.EntryCorrected(target=lead.id, replacement=right, reason="it was Cleo"),
            by="council",
            command_id="d",
        )
        told["holders"] = [
            [(row.member, row.roles) for row in view.roster(role="lead")]
            for view in (before, ledger.as_of(), ledger.as_of(known_at=lead), ledger.as_of(known_at=moment))
        ]
        told["then"] = [e.fact for e in ledger.as_of(date(2018, 1, 1)).history("ana")]
        told["ana"] = [
            (e.position, e.origin, e.occurred_at, e.day, e.by, e.on_behalf_of, e.source, e.fact)
            for e in ledger.history("ana")
        ]
        report = ledger.import_history(ROWS)
        told["import"] = (report.rows, report.recorded, report.known, [r.codes for r in report.refused])
        report = ledger.import_history(ROWS)
        told["import again"] = (report.recorded, report.known, len(report.refused))
        told["reconcile"] = [(d.kind, d.at, d.words) for d in ledger.reconcile(at=date(2018, 7, 1))]
        view = ledger.as_of(date(2018, 6, 30))
        told["census"] = view.census(
            by=["standing", "vouch_level"], at=[date(2018, 1, 31), date(2018, 6, 30)]
        )
        told["graph"] = [(v.voucher, v.member, v.reason) for v in view.vouch_graph()]
        told["timeline"] = [(line.at, line.words) for line in view.member("ben").timeline]
        told["membership"] = view.member("dan").membership.spells
        with ledger.subscribe(after=first) as subscription:
            told["followed"] = [next(subscription).position for _ in range(ledger.position - first.position)]
        told["entries"] = [
            (e.position, e.name, e.id if e.command_id else "", e.recorded_at, e.tags if e.command_id else "")
            for e in ledger.entries()
        ]
        told["export"] = exported(ledger, folder)
        told["history"] = [(next(iter(row_keys_in(e.tags)), e.id), e.fact) for e in ledger.history()]
    with pytest.raises(rl.Closed):
        ledger.record(rl.MemberJoined(member="zoe"), by="x")
    return told


def exported(ledger: rl.Ledger, folder: Path) -> dict[str, Any]:
    """Export in each form, and import that into another ledger: the histories are equal."""
    found: dict[str, Any] = {}
    for name in ("all.jsonl", "all.jsonl.gz", "all.csv"):
        path = folder / name
        count = ledger.export(path)
        data = path.read_bytes()
        text = (gzip.decompress(data) if name.endswith("gz") else data).decode()
        rows = csv.DictReader(io.StringIO(text)) if "csv" in name else map(json.loads, text.splitlines())
        found[name] = (count, [row["fact"] for row in rows])
        with rl.open(None, zone="Asia/Jakarta", clock=Ticking()) as copy:
            report = copy.import_history(path)
            assert (report.recorded, len(report.refused)) == (count, 0)
            assert _told(copy) == _told(ledger)
    return found


def _told(ledger: rl.Ledger) -> list[tuple[Any, ...]]:
    return [
        (e.id, e.occurred_at, e.day, e.by, e.on_behalf_of, e.fact)
        for e in ledger.as_of(date(2019, 1, 1)).history()
    ]


@pytest.mark.parametrize("log", LOGS)
def test_a_life(log: str, targets: Callable[[str], Any], tmp_path: Path) -> None:
    """Whatever the log, every answer in a ledger's life is the one that SQLite in memory gives."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "reference").mkdir()
    told = life(targets(log), tmp_path / "ours")
    expected = life(None, tmp_path / "reference")
    assert told.keys() == expected.keys()
    for what, answer in expected.items():
        assert told[what] == answer, what


def test_the_reference_is_right(tmp_path: Path) -> None:
    """What all of them agree on is what should be: the main points of the life, by hand."""
    told = life(None, tmp_path)
    assert told["again"] == (True, True, 4)
    assert [[code for code, _, _ in found] for found in told["refusals"]] == [
        ["no_seat"],
        ["already_joined"],
        ["not_joined"],
    ]
    assert told["refusals"][0][0][2] == [5]
    assert [[who for who, _ in rows] for rows in told["holders"]] == [["ana"], ["cleo"], ["ana"], ["ana"]]
    assert told["import"] == (5, 3, 0, [("not_joined",), ("invalid",)])
    assert told["import again"] == (0, 3, 2)
    assert [kind for kind, _, _ in told["reconcile"]] == ["assertion_failed"]
    assert told["graph"] == [("ana", "ben", "=known\n“well”")]
    assert told["followed"] == [5, 6, 7, 8, 9, 10]
    assert sum(row.members for row in told["census"] if row.at.month == 1) == 3
    assert sum(row.members for row in told["census"] if row.at.month == 6) == 4


@pytest.mark.parametrize("log", LOGS)
def test_following_from_now_on(log: str, targets: Callable[[str], Any]) -> None:
    """A subscription without a position begins with what is recorded after it was made."""
    with rl.open(targets(log)) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x")
        with ledger.subscribe() as subscription:
            receipt = ledger.record(rl.MemberJoined(member="ben"), by="x")
            assert next(subscription) == receipt.entry
            subscription.stop()
            assert list(subscription) == []


@pytest.mark.parametrize("log", LOGS)
def test_stopping_a_subscription_that_waits(log: str, targets: Callable[[str], Any]) -> None:
    """``stop``, from another thread, ends a wait for the next entry."""
    with rl.open(targets(log)) as ledger, ledger.subscribe() as subscription:
        seen: list[rl.Entry] = []
        waiting = Thread(target=lambda: seen.extend(subscription), daemon=True)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        subscription.stop()
        waiting.join(10)
        assert not waiting.is_alive()
        assert seen == []


@pytest.mark.parametrize("log", LOGS)
def test_an_empty_ledger(log: str, targets: Callable[[str], Any]) -> None:
    """A ledger in which nothing was recorded answers everything with nothing."""
    with rl.open(targets(log)) as ledger:
        assert ledger.position == 0
        assert list(ledger.entries()) == list(ledger.history()) == []
        view = ledger.as_of()
        assert (view.known_at, view.roster(), view.census(), view.vouch_graph()) == (0, (), (), ())
        assert view.member("ana").history == ()
        assert not view.member("ana").membership.is_member
        assert ledger.reconcile() == ()
        assert ledger.export(io.BytesIO()) == 0
        with pytest.raises(rl.NotFound):
            ledger.entry("none")


@pytest.mark.parametrize("log", LOGS)
def test_a_batch_is_whole_or_not_at_all(log: str, targets: Callable[[str], Any]) -> None:
    """Where one fact of a batch is refused, nothing of it is recorded."""
    with rl.open(targets(log)) as ledger:
        batch = [rl.MemberJoined(member="ana"), rl.MemberJoined(member="ana")]
        with pytest.raises(rl.Refused) as raised:
            ledger.record_all(batch, by="x", command_id="c")
        assert [refusal.index for refusal in raised.value.refusals] == [1]
        assert ledger.position == 0
        assert not ledger.record(batch[0], by="x", command_id="c").repeated

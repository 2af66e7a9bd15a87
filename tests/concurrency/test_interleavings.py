"""Others who record at the worst moment; and replies that are lost. No chance is involved."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.persistence import IntegrityError, OperationalError

import reps_ledger as rl
from faulty import Faulty, conflict
from reps_ledger.errors import Conflict, Refused, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventsourcing.dcb.api import DCBRecorder

    from reps_ledger.log import SQLiteRecorder

COMMANDS = pytest.mark.parametrize("command_id", [None, "import-7"], ids=["alone", "command"])
REPORT = rl.ReportFiled(member="ana", activity="talk")


@pytest.fixture(params=["sqlite", "library"])
def recorder(request: pytest.FixtureRequest) -> DCBRecorder:
    """A log in memory, of ours or the library's, in which two people have joined."""
    found: SQLiteRecorder | InMemoryDCBRecorder
    found = request.getfixturevalue("memory_recorder") if request.param == "sqlite" else InMemoryDCBRecorder()
    people = [rl.MemberJoined(member="ana"), rl.MemberJoined(member="ben")]
    rl.open(found).record_all(people, by="council", occurred_at=date(2017, 1, 1))
    return found


def lost(error: type[Exception]) -> Callable[[], None]:
    """Say that something went wrong, although it did not."""

    def fail() -> None:
        raise error("server closed the connection unexpectedly")

    return fail


def entries(recorder: DCBRecorder) -> list[rl.Entry]:
    """All that was recorded after the two joined."""
    return list(rl.open(recorder).entries(after=2))


@COMMANDS
@pytest.mark.parametrize("retries", [0, 3])
def test_retries_are_bounded(recorder: DCBRecorder, command_id: str | None, retries: int) -> None:
    """Where others always come first, a recording gives up, and nothing was written."""
    faulty = Faulty(recorder, before={("append", 0): conflict})
    with pytest.raises(Conflict, match=f"gave up after {retries} retries"):
        rl.open(faulty, retries=retries).record(REPORT, by="ana", command_id=command_id)
    assert faulty.calls["append"] == retries + 1
    assert entries(recorder) == []


@COMMANDS
def test_a_conflict_is_judged_again(recorder: DCBRecorder, command_id: str | None) -> None:
    """What others recorded meanwhile is seen by the next try, which the rules then refuse."""
    vouch = rl.Vouched(member="ana", voucher="ben", reason="known")
    other = rl.open(recorder)
    faulty = Faulty(recorder, before={("append", 1): lambda: _record(other, vouch)})
    with pytest.raises(Refused) as refused:
        rl.open(faulty).record(vouch, by="ana", command_id=command_id)
    assert refused.value.codes == ("already_vouched",)
    assert [entry.by for entry in entries(recorder)] == ["other"]


def _record(ledger: rl.Ledger, fact: rl.Fact, **more: Any) -> None:
    ledger.record(fact, by="other", **more)


@COMMANDS
def test_a_lost_reply_that_looks_like_a_conflict(recorder: DCBRecorder, command_id: str | None) -> None:
    """Where the library's retry meets the very events that it appended, nothing is doubled."""
    faulty = Faulty(recorder, after={("append", 1): lost(IntegrityError)})
    facts = [REPORT, rl.ReportFiled(member="ben", activity="stall")]
    receipt = rl.open(faulty).record_all(facts, by="ana", command_id=command_id)
    assert list(receipt.entries) == entries(recorder)
    assert [entry.fact for entry in receipt.entries] == facts
    assert faulty.calls["append"] == 1
    assert receipt.position == 4


@COMMANDS
def test_a_lost_reply_is_told_and_not_tried_again(recorder: DCBRecorder, command_id: str | None) -> None:
    """Where nobody can know whether it was recorded, that is an error, and it is there once."""
    faulty = Faulty(recorder, after={("append", 1): lost(OperationalError)})
    with pytest.raises(StorageError, match="closed the connection") as raised:
        rl.open(faulty).record(REPORT, by="ana", command_id=command_id)
    assert not isinstance(raised.value, Conflict)
    assert faulty.calls["append"] == 1
    assert [entry.fact for entry in entries(recorder)] == [REPORT]


def test_a_command_told_again_gets_the_first_receipt(recorder: DCBRecorder) -> None:
    """Who lost the reply and tells the command again gets the receipt that was lost."""
    faulty = Faulty(recorder, after={("append", 1): lost(OperationalError)})
    ledger = rl.open(faulty)
    with pytest.raises(StorageError):
        ledger.record(REPORT, by="ana", command_id="c")
    receipt = ledger.record(REPORT, by="ana", command_id="c")
    assert receipt.repeated
    assert list(receipt.entries) == entries(recorder)
    assert faulty.calls["append"] == 1


def test_rules_keep_a_lost_fact_from_being_doubled(recorder: DCBRecorder) -> None:
    """Without a command id, whoever tells a vouch again is refused: it is there."""
    vouch = rl.Vouched(member="ana", voucher="ben", reason="known")
    ledger = rl.open(Faulty(recorder, after={("append", 1): lost(OperationalError)}))
    with pytest.raises(StorageError):
        ledger.record(vouch, by="ben")
    with pytest.raises(Refused):
        ledger.record(vouch, by="ben")
    assert len(entries(recorder)) == 1


@COMMANDS
def test_what_failed_before_it_was_written(recorder: DCBRecorder, command_id: str | None) -> None:
    """An append that fails writes nothing, and may be told again."""
    faulty = Faulty(recorder, before={("append", 1): lost(OperationalError)})
    ledger = rl.open(faulty)
    with pytest.raises(StorageError, match="could not be written"):
        ledger.record(REPORT, by="ana", command_id=command_id)
    assert entries(recorder) == []
    receipt = ledger.record(REPORT, by="ana", command_id=command_id)
    assert not receipt.repeated
    assert list(receipt.entries) == entries(recorder)


def test_a_read_that_fails(recorder: DCBRecorder) -> None:
    """A log that cannot be read says so with an error of ours."""
    faulty = Faulty(recorder)
    ledger = rl.open(faulty)
    faulty.before = {("read", 0): lost(OperationalError)}
    with pytest.raises(StorageError, match="could not be read"):
        rl.open(faulty)
    for ask in (lambda: ledger.position, lambda: list(ledger.entries()), ledger.history):
        with pytest.raises(StorageError, match="could not be read"):
            ask()
    with pytest.raises(StorageError, match="could not be read"):
        ledger.record(REPORT, by="ana")


@pytest.mark.parametrize("read", [1, 2])
def test_a_command_recorded_between_two_reads(recorder: DCBRecorder, read: int) -> None:
    """A command that somebody else records at any moment of ours is recorded once."""
    other = rl.open(recorder)
    faulty = Faulty(recorder, after={("read", read): lambda: _record(other, REPORT, command_id="c")})
    receipt = rl.open(faulty).record(REPORT, by="ana", command_id="c")
    assert faulty.calls["read"] >= read
    assert [entry.by for entry in entries(recorder)] == ["other"]
    assert receipt.repeated
    assert list(receipt.entries) == entries(recorder)


@pytest.mark.parametrize("read", [1, 2, 3, 4])
def test_a_row_imported_between_two_reads(recorder: DCBRecorder, read: int) -> None:
    """Two imports of one file at the same time record each row once, whatever the moment."""
    rows = [
        {"fact": "report.filed", "member": "ana", "activity": f"a{n}", "occurred_at": "2018-01-01"}
        for n in range(3)
    ]
    other = rl.open(recorder)
    faulty = Faulty(recorder, after={("read", read): lambda: _import(other, rows)})
    rl.open(faulty).import_history(rows)
    if faulty.calls["read"] < read:
        _import(other, rows)
    assert [entry.fact.activity for entry in entries(recorder)] == ["a0", "a1", "a2"]


def _import(ledger: rl.Ledger, rows: list[dict[str, str]]) -> None:
    ledger.import_history(rows)


def test_imports_that_overlap(recorder: DCBRecorder) -> None:
    """Two imports of overlapping files at the same time record what they share once."""
    rows = [
        {"fact": "report.filed", "member": "ana", "activity": f"a{n}", "occurred_at": "2018-01-01"}
        for n in range(4)
    ]
    other = rl.open(recorder)
    faulty = Faulty(recorder, before={("append", 1): lambda: _import(other, rows[1:])})
    report = rl.open(faulty).import_history(rows)
    assert sorted(entry.fact.activity for entry in entries(recorder)) == ["a0", "a1", "a2", "a3"]
    assert report.recorded + report.known == 4

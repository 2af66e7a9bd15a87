"""Columns agree with histories, whatever was corrected and however often they are updated."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import identities
import reps_ledger as rl
from histories import Offer, fill, histories, open_ledger
from replay.columns.tables import expected, same, told
from reps_ledger.domain.time import microseconds
from reps_ledger.errors import InvalidInput
from reps_ledger.replay.columns import MISSING, build, load_or_build
from reps_ledger.replay.columns.builder import sort_rows
from reps_ledger.testing import tell_all
from reps_ledger.testing.memory_log import entry_id
from scale import examples
from strategies import MentoringHeld

if TYPE_CHECKING:
    from pathlib import Path

    from reps_ledger.log import Reading
    from reps_ledger.testing.history import History

MANY = 12


def known(ledger: rl.Ledger, at: int | None = None) -> Reading:
    """What a ledger knows at a position, or now."""
    return ledger.as_of(known_at=at).reading


def verifying(told: list[Offer]) -> list[Offer]:
    """The same offers, with reports filed and verified among them."""
    found = []
    for number, offer in enumerate(told):
        found.append(offer)
        if number % 3 == 0:
            report = rl.ReportFiled(member="ana", activity="talk")
            found.append(Offer(fact=report, at=date(2018, 2, 1), envelope={"by": "ana"}))
            check = rl.ReportVerified(member="ana", report="?", verifier="ben")
            found.append(Offer(fact=check, at=date(2018, 3, 1 + number), envelope={"by": "ben"}))
    return found


def filled(ledger: rl.Ledger, told: list[Offer]) -> None:
    """Record what is allowed; each verification is of the last report."""
    last = ""
    for offer in told:
        if isinstance(offer.fact, rl.ReportVerified) and offer.fact.report == "?" and last:
            fact = rl.ReportVerified(member="ana", report=last, verifier="ben")
            try:
                ledger.record(fact, by="ben", occurred_at=offer.at)
            except rl.Refused:
                continue
        else:
            receipts = fill(ledger, [offer])
            if receipts and isinstance(offer.fact, rl.ReportFiled) and offer.target is None:
                last = receipts[0].id


@examples(0.6)
@given(histories(), st.data())
def test_columns_say_what_histories_say(offers: list[Offer], data: st.DataObject) -> None:
    """Row by row and field by field they agree with histories, at any position."""
    with open_ledger() as ledger:
        filled(ledger, verifying(offers))
        at = data.draw(st.integers(0, ledger.position))
        for position in (at, ledger.position):
            reading = known(ledger, position)
            assert told(build(reading)) == expected(reading)


@examples(0.4)
@given(histories(), st.data())
def test_what_comes_after_changes_nothing(offers: list[Offer], data: st.DataObject) -> None:
    """Columns at a position are the same to the last code, whatever was recorded after it."""
    with open_ledger() as ledger:
        half = data.draw(st.integers(0, len(offers)))
        filled(ledger, offers[:half])
        before = build(known(ledger))
        filled(ledger, offers[half:])
        assert same(before, build(known(ledger, before.position)))


@examples(0.4)
@given(offers=histories(), data=st.data())
def test_any_steps_come_to_the_same(
    offers: list[Offer], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Built at once, in steps, or loaded: the same to the last code."""
    folder = tmp_path_factory.mktemp("steps")
    with open_ledger() as ledger:
        filled(ledger, verifying(offers))
        stops = data.draw(st.lists(st.integers(0, ledger.position), max_size=4).map(sorted))
        for stop in [*stops, ledger.position]:
            made = load_or_build(known(ledger, stop), folder)
            whole = build(known(ledger, stop))
            assert same(made, whole)
            assert same(load_or_build(known(ledger, stop), folder), whole)


@examples(0.5)
@given(history=identities.histories(), data=st.data())
def test_amendments_step_by_step_come_to_the_same(
    history: History, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Merges, unmerges, corrections and retractions of any of them: only whom they touch is read again."""
    folder = tmp_path_factory.mktemp("steps")
    with history.ledger() as ledger:
        stops = data.draw(st.lists(st.integers(0, ledger.position), max_size=6).map(sorted))
        for stop in [*stops, ledger.position]:
            assert same(load_or_build(known(ledger, stop), folder), build(known(ledger, stop)))


def test_a_merge_that_names_only_duplicates_stays(tmp_path: Path) -> None:
    """It is in nobody's history, and yet in the columns when both are read again."""
    chain = identities.told(
        *identities.joins("ana", "ben", "cleo"),
        identities.merge("ben", "ana"),
        identities.merge("ana", "cleo"),
        identities.unmerge("ben", "ana"),
    )
    with chain.ledger() as ledger:
        for stop in range(1, ledger.position + 1):
            assert same(load_or_build(known(ledger, stop), tmp_path), build(known(ledger, stop)))


@given(st.data())
def test_new_rows_find_their_places(data: st.DataObject) -> None:
    """New rows merged into sorted ones end up where sorting all would put them."""
    few = st.integers(-1, 2)
    keys = data.draw(st.lists(st.tuples(few, few, st.integers(0, 99)), unique_by=lambda k: k[2]))
    settled = data.draw(st.integers(0, len(keys)))
    rows = np.array([*sorted(keys[:settled]), *keys[settled:]], np.int64).reshape(-1, 3)
    places = sort_rows(rows[:, 0].astype(np.int32), rows[:, 1], rows[:, 2], settled=settled)
    assert rows[places].tolist() == sorted(rows.tolist())


@given(st.data())
@examples(0.4)
def test_order_is_by_member_instant_and_position(data: st.DataObject) -> None:
    """Rows are in order, and `sorted_by` puts them in that of any person, those of nobody first."""
    days = st.integers(1, 4).map(lambda day: date(2018, 1, day))
    people = st.sampled_from(["ana", "ben", "cleo"])
    with open_ledger() as ledger:
        for who in ("ana", "ben", "cleo"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=date(2017, 1, 1))
        for who, cover, day in data.draw(st.lists(st.tuples(people, st.none() | people, days), max_size=20)):
            fact = rl.LeaveStarted(member=who, covered_by=cover)
            fill(ledger, [Offer(fact=fact, at=day, envelope={"by": "x"})])
            ended = rl.LeaveEnded(member=who)
            fill(ledger, [Offer(fact=ended, at=day, envelope={"by": "x"})])
        table = build(known(ledger)).table("leave.started")
    for person, rows in (("member", np.arange(len(table))), *_by(table, "covered_by")):
        keys = [(table.persons[person][row], table.at[row], table.order[row]) for row in rows.tolist()]
        assert keys == sorted(keys)
    assert table.sorted_by("covered_by") is table.sorted_by("covered_by")
    assert table.sorted_by("member").tolist() == list(range(len(table)))
    with pytest.raises(KeyError):
        table.sorted_by("nobody")


def _by(table: Any, *names: str) -> list[tuple[str, Any]]:
    return [(name, table.sorted_by(name)) for name in names]


def test_an_empty_ledger() -> None:
    """An empty ledger has an empty table of every kind that it knows, and of no other."""
    with open_ledger() as ledger:
        columns = ledger.columns()
        assert (columns.position, columns.people, dict(columns.tables)) == (0, (), {})
        table = columns.table("report.filed")
        assert len(table) == 0
        assert table.verified is not None
        assert set(table.numbers) == {"amount"}
        assert columns.table("role.assigned").instants["until"].dtype == np.int64
        assert columns.table("mentoring.held").fields["topics"].values == ()
        with pytest.raises(InvalidInput, match="knows no fact"):
            columns.table("no.such")


def test_a_services_own_facts() -> None:
    """Facts of a service have columns for each of their fields, but for personal text."""
    began = datetime(2018, 5, 1, 9, tzinfo=UTC)
    with open_ledger() as ledger:
        for who in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=date(2017, 1, 1))
        held = MentoringHeld(
            member="ben",
            mentor="ana",
            minutes=2**53 + 1,
            score=-0.0,
            began=began,
            day=date(2018, 5, 1),
            topics=("a", "b"),
            notes="private",
        )
        ledger.record(held, by="ana", occurred_at=date(2018, 5, 2))
        less = MentoringHeld(member="ana", mentor="ben", minutes=5)
        ledger.record(less, by="ben", occurred_at=date(2018, 5, 2))
        table = ledger.columns().table("mentoring.held")
    assert "notes" not in {*table.fields, *table.persons, *table.instants}
    assert table.fields["topics"].values == (("a", "b"), ())
    assert table.fields["minutes"].values == (5, 2**53 + 1)
    assert str(table.fields["score"].values) == "(0.0,)"
    assert table.fields["score"].codes.tolist() == [-1, 0]
    assert table.fields["day"].values == (date(2018, 5, 1),)
    assert table.instants["began"].tolist() == [MISSING, microseconds(began)]
    assert np.isnan(table.numbers["score"][0])
    assert table.numbers["minutes"].tolist() == [5.0, float(2**53)]
    assert table.persons["mentor"].tolist() == [1, 0]


def test_who_was_merged_is_nobody_and_yet_told() -> None:
    """A duplicate has no code, as it is nobody's identifier; the merge's own text is kept."""
    with open_ledger() as ledger:
        for who in ("ana", "ann", "ben"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=date(2017, 1, 1))
        merge = rl.MembersMerged(member="ana", duplicate="ann", reason="r")
        ledger.record(merge, by="x", occurred_at=date(2018, 1, 1))
        columns = ledger.columns()
        merges = columns.table("members.merged")
    assert columns.people == ("ana", "ben")
    assert merges.persons["duplicate"].tolist() == [-1]
    assert merges.fields["duplicate"].values == ("ann",)
    assert columns.table("member.joined").persons["member"].tolist() == [0, 0, 1]


def test_a_verification_follows_corrections() -> None:
    """A report corrected after it was verified is verified still; the first time is what counts."""
    with open_ledger() as ledger:
        for who in ("ana", "ben", "cleo"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=date(2017, 1, 1))
        filed = rl.ReportFiled(member="ana", activity="talk")
        report = ledger.record(filed, by="ana", occurred_at=date(2018, 1, 1))
        for day, who in ((7, "ben"), (5, "cleo")):
            check = rl.ReportVerified(member="ana", report=report.id, verifier=who)
            ledger.record(check, by=who, occurred_at=date(2018, 1, day))
        other = rl.ReportFiled(member="ana", activity="walk")
        fixed = rl.EntryCorrected(target=report.id, replacement=other, reason="r")
        ledger.record(fixed, by="ana")
        table = ledger.columns().table("report.filed")
    assert table.fields["activity"].values == ("walk",)
    assert table.verified is not None
    assert table.verified.tolist() == [microseconds(datetime(2018, 1, 5, tzinfo=UTC))]


def test_later_verifications_of_earlier_reports(tmp_path: Path) -> None:
    """Verified after columns were kept, a report is found again, corrected or not."""
    with open_ledger() as ledger:
        for who in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=date(2017, 1, 1))
        reports = [
            ledger.record(
                rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=date(2018, 1, day)
            ).id
            for day in range(1, MANY)
        ]
        other = rl.ReportFiled(member="ana", activity="walk")
        fixed = rl.EntryCorrected(target=reports[3], replacement=other, reason="r")
        correction = ledger.record(fixed, by="ana", occurred_at=date(2018, 1, 2)).id
        load_or_build(known(ledger), tmp_path)
        for report in (reports[0], reports[3], correction, reports[5]):
            check = rl.ReportVerified(member="ana", report=report, verifier="ben")
            ledger.record(check, by="ben", occurred_at=date(2018, 2, 1))
        made = load_or_build(known(ledger), tmp_path)
        assert same(made, build(known(ledger)))
        assert told(made) == expected(known(ledger))
    verified = made.table("report.filed").verified
    assert verified is not None
    assert (verified != MISSING).sum() == 3


def test_columns_as_known_at(tmp_path: Path) -> None:
    """A ledger gives columns as known at a position, a receipt or a datetime, kept or not."""
    with open_ledger(tmp_path / "reps.db") as ledger:
        first = ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2017, 1, 1))
        ledger.record(rl.MemberJoined(member="ben"), by="x", occurred_at=date(2017, 1, 1))
        assert ledger.columns().people == ("ana", "ben")
        assert (tmp_path / "reps.db.columns" / "manifest.json").exists()
        for at in (2, first):
            assert ledger.columns(at).people == ("ana",)
        assert ledger.columns(datetime(2050, 1, 1, tzinfo=UTC)).position == 3
        with pytest.raises(InvalidInput):
            ledger.columns(-1)
        assert ledger.columns(folder=tmp_path / "other").position == 3
        assert (tmp_path / "other" / "manifest.json").exists()
    with pytest.raises(rl.Closed):
        ledger.columns()


def test_a_verification_is_of_whose_report_it_names() -> None:
    """As in the reference: only what names the person whose report it is now verifies it."""
    joining = [(rl.MemberJoined(member=who), "2017-01-01") for who in ("ana", "ben", "cleo")]
    mine = rl.ReportFiled(member="ana", activity="talk")
    ids = [entry_id(number) for number in range(4, 8)]
    checks: list[rl.Fact] = [
        rl.ReportVerified(member="ana", report=each, verifier="cleo") for each in ids[:3]
    ]
    fixed: list[rl.Fact] = [
        rl.EntryCorrected(target=each, replacement=rl.ReportFiled(member=who, activity="talk"), reason="r")
        for each, who in zip(ids, ("ben", "cleo"), strict=False)
    ]
    retracted = rl.EntryRetracted(target=ids[2], reason="r")
    story: list[tuple[rl.Fact, str]] = [
        *joining,
        *[(mine, "2018-01-01")] * 4,
        *[(fact, "2018-01-05") for fact in checks],
        *[(fact, "2018-01-01") for fact in [*fixed, retracted]],
    ]
    # No rule is asked, as one would refuse to take a report from its verification.
    with tell_all(*story).ledger() as ledger:
        columns = ledger.columns()
        assert told(columns) == expected(known(ledger))
    verified = columns.table("report.filed").verified
    assert verified is not None
    at = microseconds(datetime(2018, 1, 5, tzinfo=UTC))
    assert verified.tolist() == [MISSING, MISSING, at]  # of ana, ben and cleo

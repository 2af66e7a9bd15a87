"""A ledger keeps its time zone: it is declared in the log, and holds for whoever opens it."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from faulty import Faulty
from golden import make
from reps_ledger.audit import make_key
from reps_ledger.cli.app import app
from reps_ledger.domain.time import zone_name, zone_of
from reps_ledger.live import LedgerApplication
from reps_ledger.policies import Policy, reports, this, when
from scenarios import fixed_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path

ANA: Final = rl.MemberJoined(member="ana")
DAY: Final = date(2018, 1, 1)
TOKYO: Final = datetime(2017, 12, 31, 15, tzinfo=UTC)


def names(ledger: rl.Ledger) -> list[str]:
    """The kinds of all entries."""
    return [entry.name for entry in ledger.entries()]


@pytest.mark.parametrize("log", ["sqlite", "postgres", "umadb"])
def test_a_new_ledger_keeps_its_zone(log: str, targets: Callable[[str], Any]) -> None:
    """Left out, the zone is the ledger's own; another is an error that names both."""
    target = targets(log)
    with rl.open(target, zone="Asia/Tokyo") as ledger:
        receipt = ledger.record(ANA, by="council", occurred_at=DAY)
        assert (receipt.entry.fact, receipt.entry.occurred_at) == (ANA, TOKYO)
        assert names(ledger) == ["ledger.declared", "member.joined"]
    with rl.open(target) as ledger:
        assert ledger.zone == ZoneInfo("Asia/Tokyo")
        assert ledger.as_of(date(2017, 12, 31)).member("ana").membership.is_member is False
        assert ledger.as_of(DAY).member("ana").membership.is_member
    with pytest.raises(rl.OtherZone, match=r"read in Asia/Tokyo.*opened with UTC.*in_zone") as raised:
        rl.open(target, zone="UTC")
    assert (raised.value.own, raised.value.given) == ("Asia/Tokyo", "UTC")


def test_the_default_is_kept_too(sqlite_path: Path) -> None:
    """A ledger that was made without a zone is in UTC, and says so to whoever gives another."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(ANA, by="council", occurred_at=DAY)
    with pytest.raises(rl.OtherZone, match=r"read in UTC.*opened with Asia/Tokyo"):
        rl.open(sqlite_path, zone="Asia/Tokyo")
    for same in ("UTC", "Etc/UTC", UTC, ZoneInfo("UTC")):
        rl.open(sqlite_path, zone=same).close()


def test_nothing_is_declared_before_the_first_entry(sqlite_path: Path) -> None:
    """Opening, reading, and what is refused write nothing, so that the next may give another zone."""
    with rl.open(sqlite_path, zone="Asia/Tokyo") as ledger:
        assert list(ledger.as_of().history()) == []
        with pytest.raises(rl.Refused) as refused:
            ledger.record_all([ANA, rl.Vouched(member="ana", voucher="ben")], by="x")
        assert [refusal.index for refusal in refused.value.refusals] == [1]
        stopped = [{"fact": "report.filed", "occurred_at": "2018-01-01", "member": "zoe", "activity": "a"}]
        with pytest.raises(rl.ImportStopped):
            ledger.import_history(stopped, on_refused="stop")
        assert len(ledger.import_history(stopped).refused) == 1
        assert ledger.position == 0
    with rl.open(sqlite_path, zone="Europe/Paris") as ledger:
        ledger.record(ANA, by="council", occurred_at=DAY)
        assert names(ledger) == ["ledger.declared", "member.joined"]


def test_a_command_with_which_a_ledger_begins_is_told_again(sqlite_path: Path) -> None:
    """The declaration is no part of it: the receipt is the first one."""
    with rl.open(sqlite_path, zone="Asia/Tokyo") as ledger:
        first = ledger.record(ANA, by="council", occurred_at=DAY, command_id="c")
        again = ledger.record(ANA, by="council", occurred_at=DAY, command_id="c")
        assert (again.repeated, again.entries) == (True, first.entries)


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_two_begin_a_ledger_at_once(zone: str | None, sqlite_path: Path) -> None:
    """Whoever comes second reads days in the zone of the first, or is told that it is another."""
    slow = rl.open(sqlite_path, zone=zone)
    with rl.open(sqlite_path, zone="Europe/Paris") as quick:
        quick.record(ANA, by="council", occurred_at=DAY)
    if zone is not None:
        with pytest.raises(rl.OtherZone):
            slow.record(rl.MemberJoined(member="ben"), by="x", occurred_at=DAY)
        return
    ben = slow.record(rl.MemberJoined(member="ben"), by="x", occurred_at=DAY).entry
    assert ben.occurred_at == datetime(2017, 12, 31, 23, tzinfo=UTC)
    assert names(slow) == ["ledger.declared", "member.joined", "member.joined"]


@pytest.mark.parametrize("how", ["record", "import"])
def test_somebody_begins_it_right_before_the_first_append(how: str, sqlite_path: Path) -> None:
    """Even between reading and appending there is one declaration, and days are read in its zone."""
    recorder = rl.SQLiteRecorder(sqlite_path)
    other = rl.open(recorder, zone="Europe/Paris")

    def first() -> None:
        other.record(ANA, by="council", occurred_at=DAY)

    ledger = rl.open(Faulty(recorder, before={("append", 1): first}))
    if how == "record":
        ledger.record(rl.MemberJoined(member="ben"), by="x", occurred_at=DAY)
    else:
        rows = [{"fact": "member.joined", "occurred_at": "2018-01-01", "member": "ben"}]
        with pytest.raises(rl.Conflict, match="another time zone; import again"):
            ledger.import_history(rows)
        assert ledger.import_history(rows).recorded == 1
    joined = [entry for entry in ledger.entries() if entry.name == "member.joined"]
    assert names(ledger).count("ledger.declared") == 1
    assert {entry.occurred_at for entry in joined} == {datetime(2017, 12, 31, 23, tzinfo=UTC)}
    recorder.close()


def test_a_view_may_ask_for_another_zone(sqlite_path: Path) -> None:
    """Days of one view in another zone, by its name; the ledger stays what it is."""
    month = Policy("m", cases=[when(reports(within=this("month")) >= 1).then("yes")], otherwise="no")
    with rl.open(sqlite_path, zone="Asia/Tokyo") as ledger:
        ledger.record(ANA, by="council", occurred_at=date(2017, 1, 1))
        ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana", occurred_at=DAY)
        view = ledger.as_of(datetime(2018, 1, 20, tzinfo=UTC))
        assert view.evaluate(month, "ana").outcome == "yes"
        assert view.in_zone("UTC").evaluate(month, "ana").outcome == "no"
        assert ledger.zone == ZoneInfo("Asia/Tokyo")
    with pytest.raises(rl.InvalidTime, match="unknown time zone"):
        view.in_zone("Mars/Olympus")


def test_another_zone_may_be_declared(sqlite_path: Path) -> None:
    """From then on days are read in it, also elsewhere; views by what was known before stay."""
    with rl.open(sqlite_path, zone="Asia/Tokyo") as ledger, rl.open(sqlite_path) as elsewhere:
        ledger.record(ANA, by="council", occurred_at=DAY)
        known = ledger.position
        declared = ledger.declare(zone="Europe/Paris", by="council").entry.fact
        assert zone_name(ledger.zone) == "Europe/Paris"
        assert declared.ledger == next(ledger.entries()).fact.ledger
        assert ledger.as_of(DAY).valid_at == datetime(2018, 1, 1, 22, 59, 59, 999_999, UTC)
        assert ledger.as_of(DAY, known_at=known).valid_at == datetime(2018, 1, 1, 14, 59, 59, 999_999, UTC)
        assert elsewhere.as_of(DAY).zone == ZoneInfo("Europe/Paris")
        ben = ledger.record(rl.MemberJoined(member="ben"), by="x", occurred_at=DAY).entry
        assert ben.occurred_at == datetime(2017, 12, 31, 23, tzinfo=UTC)
        wrong = ledger.declare(zone="America/Havana", by="x")
        ledger.record(rl.EntryRetracted(target=wrong.id, reason="a slip"), by="council")
        assert zone_name(ledger.zone) == "Europe/Paris"
    with pytest.raises(rl.OtherZone, match="Europe/Paris"):
        rl.open(sqlite_path, zone="Asia/Tokyo")


def test_the_last_that_was_decided_is_in_force() -> None:
    """A declaration is dated as any fact: what was decided before does not supersede it."""
    with rl.open(clock=fixed_clock) as ledger:
        ledger.declare(zone="Europe/Paris", by="x", occurred_at=date(2018, 1, 1))
        ledger.declare(zone="Asia/Tokyo", by="x", occurred_at=date(2015, 1, 1))
        assert zone_name(ledger.zone) == "Europe/Paris"
        ledger.declare(zone="Asia/Jakarta", by="x", occurred_at=date(2090, 1, 1))  # still to come
        assert zone_name(ledger.zone) == "Europe/Paris"


def test_another_ledger_cannot_declare_itself_here(sqlite_path: Path) -> None:
    """The identifier stays; an export of another ledger comes in without its declaration."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(ANA, by="council")
        other = rl.LedgerDeclared(ledger="another", zone="Asia/Tokyo")
        with pytest.raises(
            rl.Refused, match=r"whose days are read in UTC; another, in Asia/Tokyo"
        ) as refused:
            ledger.record(other, by="x")
        assert refused.value.codes == ("another_ledger",)
        rows = [
            {
                "fact": "ledger.declared",
                "occurred_at": "2018-01-01",
                "ledger": "another",
                "zone": "Asia/Tokyo",
            },
            {"fact": "member.joined", "occurred_at": "2018-01-01", "member": "ben"},
        ]  # fmt: skip
        report = ledger.import_history(rows)
        assert [row.codes for row in report.refused] == [("another_ledger",)]
        *_, ben = ledger.entries()
        assert ben.occurred_at == datetime(2018, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
@pytest.mark.parametrize("stop", [False, True])
def test_an_export_takes_its_zone_along(stop: bool, name: str, tmp_path: Path) -> None:
    """A new ledger into which it is imported is the same one; a changed zone is followed."""
    with rl.open(tmp_path / "reps.db", zone="Asia/Tokyo") as ledger:
        ledger.record(ANA, by="council", occurred_at=DAY)
        ledger.declare(zone="Europe/Paris", by="council")
        ledger.record(rl.MemberJoined(member="ben"), by="council", occurred_at=DAY)
        ledger.export(tmp_path / name)
        said = [(entry.id, entry.occurred_at, entry.fact) for entry in ledger.entries()]
    on_refused = "stop" if stop else "quarantine"
    with rl.open(tmp_path / "copy.db") as copy:
        report = copy.import_history(tmp_path / name, on_refused=on_refused)
        assert (report.recorded, len(report.refused)) == (4, 0)
        assert [(entry.id, entry.occurred_at, entry.fact) for entry in copy.entries()] == said
        assert zone_name(copy.zone) == "Europe/Paris"
    with rl.open(tmp_path / "other.db", zone="UTC") as other:
        with pytest.raises(rl.OtherZone, match="Asia/Tokyo"):
            other.import_history(tmp_path / name, on_refused=on_refused)
        assert other.position == 0


def test_a_ledger_of_before_has_the_zone_that_it_is_given(tmp_path: Path) -> None:
    """It declares none: UTC without one, whatever is given with one; verifying says so."""
    path = str(shutil.copy(make.FOLDER / "0.1.0" / "ledger.db", tmp_path / "old.db"))
    for given in (None, "Asia/Tokyo", "Europe/Paris"):
        with rl.open(path, zone=given) as ledger:
            assert zone_name(ledger.zone) == (given or "UTC")
            ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
            assert "ledger.declared" not in names(ledger)
    key = make_key("example.org/reps")
    with rl.open(path) as ledger:
        kept = ledger.checkpoint(key)
        assert ledger.verify(kept, key.verifying).zone is None
        (tmp_path / "kept").write_text(kept.note)
    run = CliRunner().invoke
    verify = ["verify", str(tmp_path / "kept"), "-l", path]
    assert "declares no time zone" in run(app, verify).output
    assert run(app, ["declare", "-l", path, "--by", "x", "--in", "Asia/Tokyo"]).exit_code == 0
    assert "declares no time zone" not in run(app, verify).output
    with rl.open(path) as ledger:
        assert zone_name(ledger.zone) == "Asia/Tokyo"
        assert ledger.verify(kept, key.verifying).zone == "Asia/Tokyo"
        assert zone_name(ledger.as_of(known_at=10).zone) == "UTC"


def test_the_command_line_keeps_the_zone(sqlite_path: Path) -> None:
    """Without --zone it reads days in the ledger's; with another it says so and does nothing."""
    with rl.open(sqlite_path, zone="Asia/Tokyo") as ledger:
        ledger.record(ANA, by="council", occurred_at=DAY)
    run = CliRunner().invoke
    assert "2018-01-01" in run(app, ["history", "ana", "-l", str(sqlite_path)]).output
    wrong = run(app, ["history", "ana", "-l", str(sqlite_path), "--zone", "UTC"])
    assert wrong.exit_code == 2
    assert "Asia/Tokyo" in wrong.output
    declared = run(app, ["declare", "-l", str(sqlite_path), "--by", "council", "--in", "Europe/Paris"])
    assert declared.output == "days are read in Europe/Paris from position 3 on; before, in Asia/Tokyo\n"


def test_an_application_knows_the_zone(sqlite_path: Path) -> None:
    """So does who follows the ledger under the library's runners."""
    env = {"PERSISTENCE_MODULE": "reps_ledger.log.sqlite", "SQLITE_DBNAME": str(sqlite_path)}
    with LedgerApplication(env) as application:
        assert application.zone is None
        with rl.open(sqlite_path, zone="Asia/Tokyo") as ledger:
            ledger.record(ANA, by="council")
        assert application.zone == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("utc", "UTC"),
        ("Etc/UCT", "UTC"),
        (ZoneInfo("Zulu"), "UTC"),
        (UTC, "UTC"),
        ("Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_names_of_zones(zone: str | tzinfo, name: str) -> None:
    """All names of UTC are one; others stay as they are."""
    assert zone_name(zone_of(zone)) == name


def test_a_zone_without_a_name_cannot_be_kept(sqlite_path: Path) -> None:
    """Nobody could open the ledger in it again; in memory nobody need."""
    nameless = timezone(timedelta(hours=2))
    with pytest.raises(rl.InvalidTime, match="by its name"):
        rl.open(sqlite_path, zone=nameless)
    with rl.open(zone=nameless) as ledger:
        assert ledger.zone is nameless
        with pytest.raises(rl.InvalidTime, match="no IANA name"):
            ledger.declare(zone=nameless, by="x")

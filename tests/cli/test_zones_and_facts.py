"""The command line in the ledger's own days, and with a service's own facts."""

from __future__ import annotations

import importlib
from datetime import date
from typing import TYPE_CHECKING

from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RUNNER = CliRunner()
OUR_OWN = """
import attrs
import reps_ledger as rl

@rl.fact("tea.drunk", act="member")
@attrs.frozen(kw_only=True)
class TeaDrunk:
    member: str

FACTS = [TeaDrunk]
"""


def test_days_are_the_zones(tmp_path: Path) -> None:
    """In a zone ahead of UTC every command shows the day that was recorded."""
    path = tmp_path / "tokyo.db"
    with rl.open(path, zone="Asia/Tokyo") as ledger:
        told: list[tuple[rl.Fact, date]] = [
            (rl.MemberJoined(member="ana"), date(2020, 1, 1)),
            (rl.RoleAssigned(member="ana", role="lead", until=date(2020, 6, 3)), date(2020, 2, 2)),
            (rl.LeaveStarted(member="ana", expected_return=date(2020, 8, 9)), date(2020, 7, 7)),
        ]
        for fact, when in told:
            ledger.record(fact, by="council", occurred_at=when)
    for command, shown in {
        "show ana": ["2020-01-01", "2020-02-02", "2020-06-03"],
        "roster": ["2020-01-01"],
        "history ana": ["2020-01-01", "2020-02-02", "2020-07-07"],
        "reconcile": ["2020-08-09"],
    }.items():
        result = RUNNER.invoke(app, [*command.split(), "-l", str(path), "--zone", "Asia/Tokyo"])
        for day in shown:
            assert day in result.output, command
        assert "2019-12-31" not in result.output


def test_a_services_own_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """REPS_LEDGER_FACTS names the classes of facts that the command line would not know."""
    (tmp_path / "our_own_facts.py").write_text(OUR_OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    ours = importlib.import_module("our_own_facts").FACTS
    path = tmp_path / "own.db"
    with rl.open(path, facts=ours) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record(ours[0](member="ana"), by="ana")
    assert RUNNER.invoke(app, ["census", "-l", str(path)]).exit_code == 3
    monkeypatch.setenv("REPS_LEDGER_FACTS", "our_own_facts:FACTS")
    assert RUNNER.invoke(app, ["census", "-l", str(path)]).exit_code == 0
    for wrong in ("our_own_facts:NONE", "no.such.module:FACTS", "our_own_facts"):
        monkeypatch.setenv("REPS_LEDGER_FACTS", wrong)
        assert RUNNER.invoke(app, ["census", "-l", str(path)]).exit_code == 2


def test_nothing_is_made_for_nothing(tmp_path: Path) -> None:
    """An import of a missing file makes no ledger, and none is taken for a quarantine."""
    path = tmp_path / "reps.db"
    told = RUNNER.invoke(app, ["import", str(tmp_path / "none.csv"), "-l", str(path)])
    assert told.exit_code == 3
    assert not path.exists()
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"fact": "member.joined", "occurred_at": "2018-01-01", "member": "ana"}\n')
    assert RUNNER.invoke(app, ["import", "--new", str(rows), "-l", str(path)]).exit_code == 0
    for name in (path, rows, f"{path}-wal"):
        told = RUNNER.invoke(app, ["import", str(rows), "-l", str(path), "--quarantine", str(name)])
        assert told.exit_code == 2
    with rl.open(path) as ledger:
        assert ledger.position == 2

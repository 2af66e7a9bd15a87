"""The commands about tables of state: what they print, and how they end."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from cli.test_cli import ROWS
from processes import Program
from reps_ledger.cli.app import app
from reps_ledger.policies import Policy, reports, save, weeks, when

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS: Final = ("check", "follow", "rebuild", "refresh", "sql")
BUSY: Final = Policy("busy", cases=[when(reports(within=weeks(4)) >= 1).then("yes")], otherwise="no")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with a small ledger and a policy, called as in the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPS_LEDGER", "reps.db")
    with rl.open("reps.db") as ledger:
        ledger.import_history(ROWS, by="council")
    save(BUSY, tmp_path / "activity.toml")
    return tmp_path


def run(*arguments: str, code: int = 0) -> Any:
    """Run a command of the group."""
    result = CliRunner().invoke(app, ["state", *arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "follow"])
def test_help_and_its_example(command: str) -> None:
    """Every command has help, with an example that works as it stands."""
    words = " ".join(run(command, "--help").split())
    example = re.search(r"Example: reps-ledger state (.*)$", words)
    assert example is not None
    arguments = example[1].replace('"SELECT * FROM roles_today"', "QUERY").split()
    run(*(a if a != "QUERY" else "SELECT * FROM roles_today" for a in arguments))


def test_refreshing_says_what_it_did() -> None:
    """Made anew first, then what is new, then nothing."""
    first = run("refresh")
    assert re.match(
        r"at position \d+: \d+ new entries, 3 people derived; made anew, as there were none\n", first
    )
    with rl.open("reps.db") as ledger:
        ledger.record(rl.ReportFiled(member="ben", activity="talk"), by="ben")
    assert json.loads(run("refresh", "--json"))["people"] == 1
    assert "0 new entries, 0 people derived\n" in run("refresh")
    assert "made anew, as that was asked for" in run("rebuild")


def test_policies_are_kept_until_others_are_named() -> None:
    """Without --policy the tables go on with those that they keep."""
    assert "made anew" in run("refresh", "--policy", "activity.toml")
    assert "made anew" not in run("refresh")
    (row,) = json.loads(run("sql", "SELECT DISTINCT policy FROM standing WHERE policy <> ''", "--json"))
    assert row == {"policy": "busy"}


def test_checking_finds_what_does_not_follow(here: Path) -> None:
    """Whatever somebody changed in the tables, with what should be there."""
    run("refresh")
    assert re.search(r"the tables are those of position \d+", run("check"))
    with closing(sqlite3.connect(here / "reps.db.state")) as connection:
        connection.execute("UPDATE span SET k1 = 'king' WHERE k1 = 'mentor'")
        connection.commit()
    words = run("check", code=1)
    assert "span lacks member 'ana', kind 'role.assigned', k1 'mentor'" in words
    assert "span has member 'ana', kind 'role.assigned', k1 'king'" in words
    assert len(json.loads(run("check", "--json", code=1))) == 2
    run("rebuild")
    run("check")


def test_queries_are_shown_as_tables_and_json() -> None:
    """Of the tables as they are once they are up to date."""
    words = run("sql", "SELECT member, role FROM roles_today")
    assert "1 rows" in words
    assert json.loads(run("sql", "SELECT member, role FROM roles_today", "--json")) == [
        {"member": "ana", "role": "mentor"}
    ]
    assert "[/x]" in run("sql", 'SELECT 1 AS "[/x]"')
    assert "no such table" in run("sql", "SELECT * FROM nowhere", code=2)
    assert "readonly" in run("sql", "DELETE FROM span", code=3)


def test_a_file_of_another_program_is_refused(here: Path) -> None:
    """It is left as it is."""
    with closing(sqlite3.connect(here / "notes.db")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    assert "another program" in run("refresh", "--path", "notes.db", code=2)
    assert "made anew" in run("refresh", "--path", "own.state")


def test_following_until_interrupted(here: Path) -> None:
    """Entries come to be in the tables while it runs; it ends when it is told to."""
    program = ("-c", "from reps_ledger.cli import main; main()", "state", "follow", "-l", here / "reps.db")
    with Program(*program) as process, rl.open(here / "reps.db") as ledger:
        assert "at position" in process.hear()
        ledger.record(rl.MemberJoined(member="new"), by="c")
        process.send_signal(signal.SIGTERM)
        assert process.hear() == f"stopped at position {ledger.position}"
        assert process.wait(60) == 0

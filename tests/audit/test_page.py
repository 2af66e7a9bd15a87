"""The page on audit: its commands run, and its SQL makes the roles, as they stand there."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.audit import CODES
from reps_ledger.cli.app import app
from reps_ledger.errors import ReadOnly
from reps_ledger.ledger import CHECKS
from reps_ledger.log.postgres import roles_sql
from reps_ledger.policies import Policy, reports, weeks, when

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
POLICY: Final = Policy(
    "activity",
    cases=[when(reports(within=weeks(8)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)


def block(kind: str) -> str:
    """The only block of a language on the page."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    text: str = found
    return text


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page runs, one after the other, in a folder with such a ledger."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPS_LEDGER", raising=False)
    day = date(2018, 7, 1)
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        role = rl.RoleAssigned(member="ana", role="mentor")
        ledger.record(role, by="council", occurred_at=date(2018, 2, 1))
        ledger.open_reviews(POLICY, by="council", at=day, occurred_at=day)
        ledger.decide("activity/2018-07-01/ana", "inactive", "r", by="council", occurred_at=day)
    commands = block("sh").splitlines()
    assert len(commands) == 13
    for line in commands:
        program, *arguments = shlex.split(line)
        assert program == "reps-ledger"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{line}: {result.output}"
        if arguments[0] == "make-key":
            Path("reps.pub").write_text(result.stdout)
        if arguments[0] == "checkpoint":
            Path("newer.checkpoint").write_text(Path("reps.checkpoint").read_text())
        if arguments[0] == "consistency":
            Path("proof.json").write_text(result.stdout)


def test_it_lists_every_code() -> None:
    """Each code of a finding is on the page, with its meaning."""
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert told == CODES | CHECKS


@pytest.fixture
def served(postgres_dsn: str) -> Iterator[str]:
    """A database from which the page's roles are removed afterwards."""
    yield postgres_dsn
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name in ("app", "report", "reps_writer", "reps_reader"):
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def test_its_sql_makes_the_roles(served: str) -> None:
    """The SQL of the page is what the command prints, and does what the page says."""
    assert block("sql") == roles_sql()
    rl.open(served).close()
    with psycopg.connect(served, autocommit=True) as connection:
        connection.execute(block("sql").encode())
        connection.execute("CREATE ROLE app LOGIN IN ROLE reps_writer")
        connection.execute("CREATE ROLE report LOGIN IN ROLE reps_reader")
    joined = rl.MemberJoined(member="ana")
    with rl.open(served.replace("postgres@", "app@")) as ledger:
        ledger.record(joined, by="council", occurred_at=date(2018, 1, 1))
    with rl.open(served.replace("postgres@", "report@")) as ledger:
        assert ledger.as_of().member("ana").membership.is_member
        with pytest.raises(ReadOnly):
            ledger.record(rl.MemberJoined(member="ben"), by="council")
    for who in ("app", "report"):
        with (
            psycopg.connect(served.replace("postgres@", f"{who}@")) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("DELETE FROM reps_events_tt_main")

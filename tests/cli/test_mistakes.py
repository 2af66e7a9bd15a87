"""Mistakes on the command line of policies, reviews and charters, and what is said of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.cli.app import app
from reps_ledger.policies import Policy, count, notice, reports, save, weeks, when
from reps_ledger.policies.charter import Charter, RoleClause, Vouching, save_charter

if TYPE_CHECKING:
    from pathlib import Path

POLICY: Final = Policy(
    "activity",
    cases=[when(reports(within=weeks(4)) >= 1).then("active")],
    otherwise="quiet",
    notices=[notice("quiet", "nudge", answer_within=weeks(4))],
)
CLAUSES: Final = {
    "roles": [RoleClause(role="mentor", courses=["coaching"])],
    "vouching": Vouching(most=1, may=reports() >= 1),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger, in which ana joined, a policy, and a charter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPS_LEDGER", "reps.db")
    save(POLICY, "activity.toml")
    unknown = when(count("reprot.filed") >= 1).then("active")
    save(Policy("slip", cases=[unknown], otherwise="quiet"), "slip.toml")
    save_charter(Charter(name="reps", version="1", **CLAUSES), "charter.toml")  # type: ignore[arg-type]  # what is refused
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="c", occurred_at=date(2018, 1, 1))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("evaluate none.toml ana", 1, "none.toml cannot be read: No such file"),
        ("evaluate charter.toml ana", 2, "this is a charter, and no policy"),
        ("policy check charter.toml", 2, "this is a charter, and no policy"),
        ("charter adopt activity.toml --by c", 2, "this is a policy, and no charter"),
        ("charter diff x charter.toml", 1, "there is no file x, and it is no date either"),
        ("policy check slip.toml", 1, "warning: this ledger knows no fact reprot.filed"),
        ("evaluate activity.toml zoe", 0, "note: nothing is known of zoe then"),
    ],
)
def test_a_mistake_is_named(command: str, code: int, words: str) -> None:
    """Each is said in one line, with the exit code that the help promises."""
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == code, result.output
    assert words in result.output


def test_a_due_date_is_shown_as_it_was_given() -> None:
    """A deadline at the end of a day is of that day; so is one at the start of the next."""
    dates = "--by c --at 2018-10-01 --on 2018-10-02"
    shown = CliRunner().invoke(app, f"review open activity.toml {dates} --due 2018-11-01".split())
    assert shown.output.startswith("1 open review ")
    assert "2018-11-01" in shown.output
    assert "2018-11-02" not in shown.output
    sent = CliRunner().invoke(app, f"review notify activity.toml {dates}".split())
    assert "2018-10-29" in sent.output


def test_a_charter_speaks_of_one_and_of_those() -> None:
    """One course and one vouch are not called courses and vouches."""
    adopted = CliRunner().invoke(app, ["charter", "adopt", "charter.toml", "--by", "c"])
    assert adopted.exit_code == 0
    shown = CliRunner().invoke(app, ["charter", "show"]).output
    assert "asks for the course coaching." in shown
    assert "more than 1 standing vouch." in shown
    assert "Who may vouch: those of whom it is so that" in shown

"""The commands of policies, reviews and charters, called as people call them."""

from __future__ import annotations

import json
import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.cli.app import app
from reps_ledger.policies import Policy, on_leave, reports, save, weeks, when
from reps_ledger.policies.charter import Charter, RoleClause, Standing, save_charter

POLICY: Final = Policy(
    "activity",
    cases=[
        when(on_leave()).then("active", "on leave"),
        when(reports(within=weeks(4)) >= 1).then("active"),
        when(reports(within=weeks(8)) >= 1).then("nudge", "no report for four weeks"),
    ],
    otherwise="inactive",
    scale=["active", "nudge", "inactive"],
)
CHARTER: Final = Charter(
    name="reps",
    version="2018",
    roles=(RoleClause(role="lead", closed=True),),
    policies=(POLICY,),
    standing=Standing(policy="activity"),
)
GROUPS: Final = {
    "policy": ["check"],
    "review": ["decide", "list", "notify", "open", "replay"],
    "charter": ["adopt", "diff", "show"],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger, a policy and two charters, named as in the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPS_LEDGER", raising=False)
    save(POLICY, "activity.toml")
    text = Path("activity.toml").read_text(encoding="utf-8")
    Path("template.toml").write_text(text.replace("4 weeks", "$weeks weeks"), encoding="utf-8")
    save_charter(CHARTER, "reps-2018.toml")
    save_charter(Charter(name="reps", version="2019", policies=(POLICY,)), "reps-2019.toml")
    with rl.open("reps.db") as ledger:
        for member in ("ana", "ben"):
            joined = rl.MemberJoined(member=member)
            ledger.record(joined, by="council", occurred_at=date(2018, 1, 1))
        for member, day in (("ana", date(2018, 8, 20)), ("ben", date(2018, 9, 20))):
            report = rl.ReportFiled(member=member, activity="talk")
            ledger.record(report, by=member, occurred_at=day)
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    """Run a command; it exits as expected. Return what it printed."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def told(*arguments: str, code: int = 0) -> Any:
    """Return the JSON that a command prints."""
    return json.loads(run(*arguments, "--json", code=code))


def commands() -> list[tuple[str, ...]]:
    """Every command below a group, and the two that judge."""
    alone = ["audit", "backtest", "evaluate", "explain", "sweep"]
    return [*((name,) for name in alone), *((g, c) for g, names in GROUPS.items() for c in names)]


def test_every_command_is_known() -> None:
    """These tests know every command of every group."""
    groups: Any = typer.main.get_command(app)
    for name, expected in GROUPS.items():
        assert sorted(groups.commands[name].commands) == expected


@pytest.mark.parametrize("command", commands(), ids="-".join)
def test_help_and_its_example(command: tuple[str, ...]) -> None:
    """Every command has help, with an example that works as it stands."""
    words = " ".join(run(*command, "--help").split())
    example = re.search(r"Example: reps-ledger (.*)$", words)
    assert example is not None
    if command == ("charter", "show"):
        run("charter", "adopt", "reps-2018.toml", "-l", "reps.db", "--by", "council", "--on", "2018-11-01")
    if command in {("review", "decide"), ("review", "replay"), ("audit",)}:
        opening = "review open activity.toml -l reps.db --by council --at 2018-10-01"
        run(*shlex.split(opening), "--on", "2018-10-02")
    if command in {("review", "replay"), ("audit",)}:
        decision = "review decide activity/2018-10-01/ana nudge -l reps.db --by council --reason r"
        run(*shlex.split(decision), "--on", "2018-10-09")
    if "--from 2018-11-01" in example[1]:
        example = re.match("(.*)", f"{example[1]} --on 2018-10-01")
        assert example is not None
    run(*shlex.split(example[1]), code=1 if command == ("charter", "diff") else 0)


def test_checking_a_policy() -> None:
    """It is said in words, with its digest; a case without effect is warned of: exit code 1."""
    out = run("policy", "check", "activity.toml")
    assert '1. "active" (on leave) if they are on leave;' in out
    assert re.search(r"^digest [0-9a-f]{64}$", out, re.MULTILINE)
    dead = Policy("dead", cases=[*POLICY.cases, POLICY.cases[1]], otherwise="inactive")
    save(dead, "dead.json")
    found = told("policy", "check", "dead.json", code=1)
    assert [each["case"] for each in found["warnings"]] == [3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("policy = 'p'\notherwise = 'x'\ncases = [{ outcome = 'y', when = { on = 1 } }]", "cases[0].when"),
        ("policy = ", "Invalid value"),
        ("", "empty"),
    ],
)
def test_a_policy_that_makes_no_sense(text: str, words: str) -> None:
    """Exit code 2, and the place in the file."""
    Path("bad.toml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["policy", "check", "bad.toml"])
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_policy_that_is_not_there() -> None:
    """Exit code 1 for a file, and for a name that no charter has."""
    run("policy", "check", "none.toml", code=1)
    run("evaluate", "none", "ana", "-l", "reps.db", code=1)


def test_evaluating_one_and_all() -> None:
    """One member with reasons and shortfalls; everyone counted by outcome."""
    out = run("evaluate", "activity.toml", "ana", "-l", "reps.db", "--at", "2018-10-01")
    assert "ana on 2018-10-01: nudge: no report for four weeks" in out
    assert "for active: 1 more report in the last 4 weeks" in out
    one = told("evaluate", "activity.toml", "ana", "-l", "reps.db", "--at", "2018-10-01")
    assert (one["outcome"], one["lapses_to"]) == ("nudge", "inactive")
    assert one["shortfalls"]["active"][0]["needs"][0]["missing"] == 1
    assert [found["holds"] for found in one["findings"]] == [False, False, True]
    everyone = told("evaluate", "activity.toml", "-l", "reps.db", "--at", "2018-10-01")
    assert everyone["counts"] == {"nudge": 1, "active": 1}
    table = run("evaluate", "activity.toml", "-l", "reps.db", "--at", "2018-10-01")
    assert table.index("active") < table.index("nudge")


def test_explaining_a_member() -> None:
    """By the default rule without a charter, by its policy with one; and who gave which role."""
    with rl.open("reps.db") as ledger:
        fact = rl.RoleAssigned(member="ana", role="mentor", reason="elected")
        ledger.record(fact, by="council", occurred_at=date(2018, 2, 1))
    out = run("explain", "ana", "-l", "reps.db", "--at", "2018-10-01")
    assert "by the default rule" in out
    assert "Charter in force: none" in out
    assert re.search(r"mentor\s.*council\s.*elected", out)
    run("charter", "adopt", "reps-2018.toml", "-l", "reps.db", "--by", "council", "--on", "2018-09-01")
    out = run("explain", "ana", "-l", "reps.db", "--at", "2018-10-01")
    assert "nudge: no report for four weeks (by case 3 of activity)" in out
    assert "Charter in force: reps, version 2018" in out
    found = told("explain", "ana", "-l", "reps.db", "--at", "2018-10-01")
    assert (found["standing"], found["counts_as_member"]) == ("nudge", True)
    assert found["verdict"]["policy"] == "activity"
    assert [held["role"] for held in found["roles"]] == ["mentor"]
    run("explain", "nobody", "-l", "reps.db", code=1)


def test_a_review_from_its_opening_to_its_replay() -> None:
    """Open, list, notify, decide and replay, as a coordinator would."""
    base = ("-l", "reps.db", "--by", "council")
    out = run(
        "review",
        "open",
        "activity.toml",
        *base,
        "--at",
        "2018-10-01",
        "--due",
        "2018-11-01",
        "--on",
        "2018-10-02",
    )
    assert "1 open review" in out
    assert re.search(r"activity/2018-10-01/ana .*nudge .*1 more report", out)
    listed = told("review", "list", "-l", "reps.db", "--at", "2018-10-03")
    assert [(r["member"], r["recommended"], r["overdue"]) for r in listed["reviews"]] == [
        ("ana", "nudge", False)
    ]
    sent = told("review", "notify", "activity.toml", *base, "--at", "2018-10-01", "--on", "2018-10-02")
    assert sent == []
    name = "activity/2018-10-01/ana"
    said = run("review", "decide", name, "active", *base, "--reason", "we met", "--on", "2018-10-09")
    assert "decided active; the policy recommended nudge" in said
    replayed = run("review", "replay", name, "-l", "reps.db")
    assert "council decided otherwise: active (we met)." in replayed
    assert run("review", "list", "-l", "reps.db", "--at", "2018-10-10").startswith("0 open reviews")
    run("review", "decide", name, "gone", *base, "--reason", "r", code=2)
    run("review", "decide", name, "active", *base, "--reason", "again", code=1)
    run("review", "replay", "none", "-l", "reps.db", code=1)


def test_notices_are_listed_until_something_is_heard() -> None:
    """What was sent, and who has not answered."""
    from reps_ledger.policies import notice

    told_policy = Policy(
        "activity",
        cases=POLICY.cases,
        otherwise="inactive",
        notices=[notice("nudge", "nudge", answer_within=weeks(4))],
    )
    save(told_policy, "activity.toml", replace=True)
    base = ("-l", "reps.db", "--by", "council", "--at", "2018-10-01")
    out = run("review", "notify", "activity.toml", *base, "--channel", "mail", "--on", "2018-10-02")
    assert re.search(r"ana .*nudge .*2018-10-29", out)
    listed = run("review", "list", "-l", "reps.db", "--at", "2018-10-03")
    assert "1 notice after which nothing was heard" in listed


def test_charters_on_the_command_line() -> None:
    """Adopt, show in words, and compare files or dates; refusals exit with 1."""
    adopt = ("charter", "adopt")
    base = ("-l", "reps.db", "--by", "council")
    run("charter", "show", "-l", "reps.db", code=1)
    out = run(*adopt, "reps-2018.toml", *base, "--on", "2018-10-01", "--from", "2018-11-01")
    assert "reps, version 2018, governs from 2018-11-01 on" in out
    run("charter", "show", "-l", "reps.db", "--at", "2018-10-31", code=1)
    shown = run("charter", "show", "-l", "reps.db", "--at", "2018-11-01")
    assert "lead: given to nobody any more; who holds it keeps it." in shown
    assert told("charter", "show", "-l", "reps.db")["version"] == "2018"
    run(*adopt, "reps-2019.toml", *base, "--on", "2019-01-01", "--from", "2018-01-01", code=1)
    run(*adopt, "reps-2019.toml", *base, "--on", "2019-01-01")
    by_file = run("charter", "diff", "reps-2018.toml", "reps-2019.toml", code=1)
    by_date = run("charter", "diff", "2018-12-01", "2019-12-01", "-l", "reps.db", code=1)
    assert by_file == by_date
    assert "dropped: lead: given to nobody any more" in by_file
    assert run("charter", "diff", "reps-2018.toml", "reps-2018.toml") == "nothing changes\n"
    assert told("charter", "diff", "reps-2018.toml", "reps-2018.toml") == []
    run("charter", "diff", "none.toml", "reps-2018.toml", code=1)


def test_adopting_warns_of_what_has_no_effect() -> None:
    """A charter is adopted although a case of a policy can never match; it is said."""
    dead = Policy("dead", cases=[*POLICY.cases, POLICY.cases[1]], otherwise="inactive")
    save_charter(Charter(name="reps", version="3", policies=(dead,)), "dead.toml")
    result = CliRunner().invoke(app, ["charter", "adopt", "dead.toml", "-l", "reps.db", "--by", "council"])
    assert result.exit_code == 0
    assert "warning: dead: case 4 can never match" in " ".join(result.stderr.split())


def test_a_backtest_on_the_command_line() -> None:
    """Counts, transitions and flips, as tables and as JSON; the table of it in a file."""
    base = ("activity.toml", "-l", "reps.db", "--from", "2018", "--to", "2018")
    longer = Policy(
        "longer", cases=[when(reports(within=weeks(20)) >= 1).then("active")], otherwise="inactive"
    )
    save(longer, "longer.toml")
    found = told("backtest", *base, "--every", "month", "--against", "longer.toml")
    assert [row["members"]["active"] for row in found["counts"][7:11]] == [1, 1, 0, 0]
    assert found["flips"] > 0
    assert len(found["explained"]) == min(found["flips"], 3)
    first, second = found["explained"][0]["verdicts"]
    assert "activity" in first
    assert "longer" in second
    assert "of longer)" in run("backtest", *base, "--against", "longer.toml")
    out = run("backtest", *base, "--out", "table.csv")
    assert "From one date to the next" in out
    assert Path("table.csv").read_text(encoding="utf-8").startswith('"member","date","outcome"')
    run("backtest", *base, "--every", "fortnight", code=2)


@pytest.mark.parametrize(
    ("first", "last", "every", "days"),
    [
        ("2018", "2018", "quarter", ["2018-03-31", "2018-06-30", "2018-09-30", "2018-12-31"]),
        ("2018-03-31", "2018-09-29", "quarter", ["2018-03-31", "2018-06-30"]),
        ("2018-09-20", "2018-11-01", "month", ["2018-09-30", "2018-10-31"]),
        ("2018-09-29", "2018-10-01", "day", ["2018-09-29", "2018-09-30", "2018-10-01"]),
        ("2017-06-01", "2018", "year", ["2017-12-31", "2018-12-31"]),
    ],
)
def test_the_dates_of_a_backtest(first: str, last: str, every: str, days: list[str]) -> None:
    """The ends of days, months, quarters or years, in years or between days."""
    asked = ("-l", "reps.db", "--from", first, "--to", last, "--every", every)
    found = told("backtest", "activity.toml", *asked)
    assert [row["at"][:10] for row in found["counts"]] == days


@pytest.mark.parametrize(
    ("first", "last", "every"),
    [
        ("2018-02-30", "2018", "month"),
        ("18", "2018", "month"),
        ("0000", "2018", "year"),
        ("2018", "2018-13-01", "day"),
        ("2018-10-02", "2018-10-01", "day"),
        ("2018-10-02", "2018-10-30", "month"),
        ("2019", "2018", "month"),
    ],
)
def test_dates_that_make_no_sense(first: str, last: str, every: str) -> None:
    """They are wrong usage, and named."""
    asked = ("-l", "reps.db", "--from", first, "--to", last, "--every", every)
    run("backtest", "activity.toml", *asked, code=2)


def test_a_backtest_against_decisions() -> None:
    """How many decisions the policy comes to as well, and which it does not."""
    base = ("-l", "reps.db", "--by", "council")
    run("review", "open", "activity.toml", *base, "--at", "2018-10-01", "--on", "2018-10-02")
    name = "activity/2018-10-01/ana"
    run("review", "decide", name, "active", *base, "--reason", "we met", "--on", "2018-10-09")
    again = ("backtest", "activity.toml", "-l", "reps.db", "--from", "2018", "--to", "2018")
    out = run(*again, "--against", "decisions")
    assert "0 of 1 decisions are what the policy comes to" in out
    found = told(*again, "--against", "decisions")
    assert (found["against"], found["decisions"], found["agreed"]) == ("decisions", 1, 0)
    assert [each["decided"] for each in found["disagreements"]] == ["active"]
    assert {each["outcome"]: each["recall"] for each in found["outcomes"]}["active"] == 0


def test_a_sweep_on_the_command_line() -> None:
    """A row for each value of the parameter."""
    base = ("template.toml", "-l", "reps.db", "--from", "2018", "--to", "2018", "--every", "quarter")
    out = run("sweep", *base, "--set", "weeks=1,15")
    assert re.search(r"1 .*0", out)
    rows = told("sweep", *base, "--set", "weeks=1,15")
    assert {tuple(row["parameters"]) for row in rows} == {(1,), (15,)}
    out = run("sweep", *base, "--set", "weeks=1,15", "--out", "rows.csv")
    assert "rows.csv written" in out
    written = Path("rows.csv").read_text(encoding="utf-8")
    assert written.startswith('"weeks","date","outcome","members"')
    assert len(written.splitlines()) == 1 + len(rows)
    run("sweep", *base, "--set", "weeks", code=2)
    run("sweep", *base, "--set", "weeks=1", "--set", "other=1", code=2)
    run("sweep", *base, "--set", "other=1", code=2)

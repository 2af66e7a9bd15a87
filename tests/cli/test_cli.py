"""The command line: what it prints, for people and programs, and how it ends."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

import reps_ledger as rl
from processes import PATIENCE, Program
from reps_ledger.cli import main
from reps_ledger.cli.app import app
from reps_ledger.cli.output import reading

PROGRAM: Final = [sys.executable, "-c", "from reps_ledger.cli import main; main()"]
ELSEWHERE: Final = [
    *("doctor", "backtest", "charter", "evaluate", "explain", "policy", "review", "sweep"),
    *("bundle", "check", "checkpoint", "consistency", "make-key", "prove", "verify", "verify-bundle"),
    *("audit", "postgres-roles", "state", "verify-consistency", "void"),
    *("begin-sealing", "due-erasures", "erase", "erase-due", "find", "portable", "redact"),
]
"""Those that test_judging.py, test_auditing.py, test_state.py, test_doctor.py and test_privacy.py know."""

COMMANDS: Final = [
    *("backup", "census", "declare", "export", "history", "import", "reconcile", "repair"),
    *("restore", "roster", "show"),
]

ROWS: Final[list[dict[str, Any]]] = [
    {"fact": "community.founded", "community": "indonesia", "occurred_at": "2016-01-01"},
    {"fact": "member.joined", "member": "ana", "occurred_at": "2016-02-01"},
    {"fact": "member.joined", "member": "ben", "occurred_at": "2016-02-01", "kind": "staff"},
    {"fact": "member.joined", "member": "[bold]cleo[/bold] :smile:", "occurred_at": "2017-03-01"},
    {"fact": "community.joined", "member": "ana", "community": "indonesia", "occurred_at": "2016-03-01"},
    {
        "fact": "vouch.given",
        "member": "ana",
        "voucher": "ben",
        "reason": "[red]known[/red] " * 12,
        "occurred_at": "2016-03-02",
    },
    {
        "fact": "role.assigned",
        "member": "ana",
        "role": "mentor",
        "community": "indonesia",
        "occurred_at": "2016-04-01",
    },
    {"fact": "report.filed", "member": "ana", "activity": "[/]talk", "occurred_at": "2018-09-01"},
    {
        "fact": "role.asserted",
        "member": "ben",
        "role": "mentor",
        "community": "indonesia",
        "held": True,
        "occurred_at": "2018-01-01",
    },
]
REFUSED: Final[list[dict[str, Any]]] = [
    {"fact": "report.filed", "member": "[bold]zoe", "activity": "a", "occurred_at": "2018-01-01"},
    {"fact": "member.joined", "member": "ana", "occurred_at": "2019-01-01"},
    {"fact": "no.such", "member": "ana"},
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, with the files of the examples, and no ledger named around it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPS_LEDGER", raising=False)
    write(tmp_path / "history.jsonl", ROWS)
    with gzip.open(tmp_path / "history.jsonl.gz", "wb") as file:
        file.write((tmp_path / "history.jsonl").read_bytes())
    return tmp_path


@pytest.fixture
def ledger(here: Path) -> Path:
    """A small ledger, called as in the examples."""
    with rl.open("reps.db") as opened:
        report = opened.import_history(ROWS, by="council")
        assert (report.recorded, len(report.refused)) == (len(ROWS), 0)
    return here / "reps.db"


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows of the exchange format."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run(*arguments: str) -> Any:
    """Run a command in this process; only exits are let through."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def answered(*arguments: str, code: int = 0) -> Any:
    """The JSON that a command prints, and nothing beside it."""
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_every_command_is_known() -> None:
    """These tests know every command that there is."""
    group: Any = typer.main.get_command(app)
    assert sorted(group.commands) == sorted([*COMMANDS, *ELSEWHERE])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_its_example(command: str, ledger: Path) -> None:
    """Every command has help, with an example that works as it stands."""
    result = run(command, "--help")
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert "--ledger" in words
    example = re.search(r"Example: reps-ledger (.*)$", words)
    assert example is not None
    if command == "import":
        ledger.unlink()
    if command == "restore":
        ledger.rename("reps-2018-10-01.db")
    result = run(*shlex.split(example[1]))
    assert result.exit_code == (1 if command == "reconcile" else 0), result.output
    assert result.stdout or command == "export"


def test_without_a_command_there_is_help() -> None:
    """Who names no command is shown what there is, and the exit codes."""
    result = run()
    assert result.exit_code == 2
    assert "Exit codes: 0 done" in result.output
    assert all(f"  {command}" in result.output for command in COMMANDS)


def test_show(ledger: Path) -> None:
    """One member: as a page, and as JSON with what the page says and more."""
    page = run("show", "ana", "-l", str(ledger), "--at", "2018-10-01").stdout
    assert "ana: member since 2016-02-01, active since" in page
    assert "mentor in indonesia" in page
    assert "Vouched for by 1" in page
    found = answered("show", "ana", "-l", str(ledger), "--at", "2018-10-01")
    assert (found["member"], found["is_member"], found["standing"]) == ("ana", True, "active")
    assert [role["role"] for role in found["roles"]] == ["mentor"]
    assert found["communities"] == ["indonesia"]
    assert found["vouch_level"] == 1
    assert answered("show", "ana", "-l", str(ledger), "--at", "2016-03-15")["roles"] == []


def test_show_nobody(ledger: Path) -> None:
    """Of somebody unknown nothing is shown, said on standard error, and that is not success."""
    for flags in ([], ["--json"]):
        result = run("show", "nobody", "-l", str(ledger), *flags)
        assert result.exit_code == 1
        assert result.stdout == ("null\n" if flags else "")
        assert "nobody: nothing is known of them then" in result.stderr
    assert run("show", "ana", "-l", str(ledger), "--at", "2015-01-01").exit_code == 1
    assert run("show", "ana", "-l", str(ledger), "--known-at", "0").exit_code == 1


def test_show_a_stranger_who_never_joined(ledger: Path) -> None:
    """Somebody of whom only a claim was recorded is told to have never joined."""
    with rl.open(ledger) as opened:
        claim = rl.RoleAsserted(member="guest", role="mentor", held=True)
        opened.record(claim, by="x", occurred_at=date(2018, 1, 1))
    assert "guest: never joined" in run("show", "guest", "-l", str(ledger)).stdout


def test_roster(ledger: Path) -> None:
    """Who is there, and who holds a role where."""
    assert {row["member"] for row in answered("roster", "-l", str(ledger))} == {
        "ana",
        "ben",
        "[bold]cleo[/bold] :smile:",
    }
    mentors = answered("roster", "-l", str(ledger), "--role", "mentor", "--community", "indonesia")
    assert [row["member"] for row in mentors] == ["ana"]
    assert answered("roster", "-l", str(ledger), "--role", "none") == []
    assert "0 people" in run("roster", "-l", str(ledger), "--role", "none").stdout


def test_census(ledger: Path) -> None:
    """Members counted, by dimensions and through time."""
    (row,) = answered("census", "-l", str(ledger))
    assert row["members"] == 3
    dates = ["--each", "2016-12-31", "--each", "2017-12-31", "--each", "2015-12-31"]
    rows = answered("census", "-l", str(ledger), "--by", "standing", "--by", "community", *dates)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["at"][:4]] = counts.get(row["at"][:4], 0) + row["members"]
    assert counts == {"2016": 2, "2017": 3} | ({"2015": 0} if "2015" in counts else {})
    page = run("census", "-l", str(ledger), "--by", "standing", *dates).stdout
    assert "2016-12-31" in page


def test_history(ledger: Path) -> None:
    """What happened, a line an entry; as JSON, one object a line."""
    lines = run("history", "-l", str(ledger)).stdout.splitlines()
    assert len(lines) == len(ROWS) + 1
    assert "ledger declared" in lines.pop()
    assert lines[0].startswith("2016-01-01")
    own = run("history", "ana", "-l", str(ledger)).stdout.splitlines()
    assert len(own) == 5
    told = run("history", "ana", "-l", str(ledger), "--json").stdout.splitlines()
    entries = [json.loads(line) for line in told]
    assert [entry["fact"] for entry in entries] == [
        "member.joined",
        "community.joined",
        "vouch.given",
        "role.assigned",
        "report.filed",
    ]
    assert entries[-1]["fields"]["activity"] == "[/]talk"
    assert run("history", "nobody", "-l", str(ledger)).stdout == ""


def test_as_known_then(ledger: Path) -> None:
    """A position, a day or an instant says as known when."""
    with rl.open(ledger) as opened:
        last = list(opened.entries())[-1].recorded_at

    def seen(known: str) -> int:
        return len(run("history", "-l", str(ledger), "--known-at", known).stdout.splitlines())

    assert [seen("0"), seen("4"), seen("999")] == [0, 4, len(ROWS) + 1]
    assert seen("2017-01-01") == 0
    assert seen(last.date().isoformat()) == seen(last.isoformat()) == len(ROWS) + 1


def test_corrections_are_marked(ledger: Path) -> None:
    """An entry that stands in another's place says so."""
    with rl.open(ledger) as opened:
        target = next(entry for entry in opened.entries() if entry.name == "report.filed")
        right = rl.ReportFiled(member="ana", activity="stall")
        opened.record(rl.EntryCorrected(target=target.id, replacement=right, reason="typo"), by="ana")
    lines = run("history", "ana", "-l", str(ledger)).stdout.splitlines()
    assert [line.endswith("(corrected)") for line in lines] == [False] * 4 + [True]
    assert "stall" in lines[-1]


def test_reconcile(ledger: Path) -> None:
    """What does not add up is listed, and is not success; where all does, it is."""
    found = answered("reconcile", "-l", str(ledger), code=1)
    assert [item["kind"] for item in found] == ["assertion_failed"]
    assert "1 discrepancies" in run("reconcile", "-l", str(ledger)).stdout
    assert answered("reconcile", "-l", str(ledger), "--at", "2017-01-01") == []
    more = answered("reconcile", "-l", str(ledger), "--complete-rosters", code=1)
    assert len(more) == 2


def test_import(here: Path) -> None:
    """Imported once, all is recorded; imported again, all is known."""
    first = answered("import", "--new", "-l", "new.db", "history.jsonl", "--by", "council")
    assert first == {
        "history.jsonl": {
            "rows": 9,
            "recorded": 9,
            "known": 0,
            "joined": 0,
            "trimmed": 0,
            "position": 10,
            "refused": [],
        }
    }  # fmt: skip
    assert answered("import", "--new", "-l", "new.db", "history.jsonl.gz")["history.jsonl.gz"]["known"] == 9
    assert "9 known already, 0 refused" in run("import", "--new", "-l", "new.db", "history.jsonl").stdout
    with rl.open(here / "new.db") as opened:
        assert {entry.by for entry in opened.entries()} == {"council"}


def test_refused_rows(here: Path, ledger: Path) -> None:
    """Refused rows are listed, end with 1, and go to quarantine with their lines and reasons."""
    write(here / "bad.jsonl", REFUSED)
    (here / "worse.jsonl").write_text("{\n", encoding="utf-8")
    arguments = ["import", "-l", str(ledger), "bad.jsonl", "worse.jsonl", "--quarantine", "q.jsonl"]
    found = answered(*arguments, code=1)
    assert [row["line"] for row in found["bad.jsonl"]["refused"]] == [1, 2, 3]
    assert [row["codes"] for row in found["bad.jsonl"]["refused"]] == [
        ["not_joined"],
        ["already_joined"],
        ["invalid"],
    ]
    kept = [json.loads(line) for line in (here / "q.jsonl").read_text().splitlines()]
    assert [row["line"] for row in kept] == [1, 2, 3, 1]
    assert [row["row"] for row in kept[:3]] == REFUSED
    assert all(row["reasons"] for row in kept)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "q.jsonl is there already" in result.stderr
    result = run(*arguments, "--replace")
    assert result.exit_code == 1
    assert "Refused, by kind" in result.stdout
    assert "[bold]zoe had not joined" in result.stdout


def test_quarantine_does_not_overwrite_what_is_imported(here: Path, ledger: Path) -> None:
    """Rows that were put right and are imported again are not lost to their own quarantine."""
    write(here / "q.jsonl", REFUSED)
    before = (here / "q.jsonl").read_bytes()
    result = run("import", "-l", str(ledger), "q.jsonl", "--quarantine", str(here / "q.jsonl"))
    assert result.exit_code == 2
    assert "name another file" in result.stderr
    assert (here / "q.jsonl").read_bytes() == before
    result = run("import", "-l", str(ledger), "q.jsonl", "--quarantine", "no/such/q.jsonl")
    assert result.exit_code == 3
    assert "cannot be written" in result.stderr


def test_stopping_an_import(here: Path, ledger: Path) -> None:
    """With ``stop``, the first refused row ends it, and nothing of the file is left behind."""
    write(here / "bad.jsonl", [{**ROWS[1], "member": "dan"}, *REFUSED[:2]])
    result = run("import", "-l", str(ledger), "bad.jsonl", "--on-refused", "stop")
    assert result.exit_code == 1
    assert "line 2" in result.stderr
    with rl.open(ledger) as opened:
        assert opened.position == len(ROWS) + 1


def test_people_may_be_inferred(here: Path, ledger: Path) -> None:
    """With ``join``, people joined when a row first names them."""
    write(here / "bad.jsonl", REFUSED[:1])
    result = run("import", "-l", str(ledger), "bad.jsonl", "--on-unknown-member", "join")
    assert result.exit_code == 0
    assert "1 people inferred to have joined" in result.stdout


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv"])
def test_export(name: str, here: Path, ledger: Path) -> None:
    """An export holds every entry, and imports as the same history."""
    result = run("export", name, "-l", str(ledger))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "10 entries written" in result.stderr
    if name.endswith("csv"):
        with (here / name).open(newline="", encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == len(ROWS) + 1
    assert answered("import", "--new", "-l", "copy.db", name)[name]["recorded"] == len(ROWS) + 1
    assert _told(here / "copy.db") == _told(ledger)


def _told(path: Path) -> list[Any]:
    with rl.open(path) as opened:
        return [(e.id, e.fact, e.by, e.occurred_at) for e in opened.history()]


def test_export_to_standard_output(ledger: Path) -> None:
    """A dash means standard output: JSON lines and nothing else; a position ends it earlier."""
    result = run("export", "-", "-l", str(ledger), "--known-at", "4")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["position"] for row in rows] == [1, 2, 3, 4]
    assert "4 entries written" in result.stderr


def test_text_is_shown_as_it_is(ledger: Path) -> None:
    """What looks like markup or an emoji in data is shown to the letter, on one line, uncut."""
    cleo = "[bold]cleo[/bold] :smile:"
    long = "[red]known[/red] " * 12
    assert f"{cleo}: member since" in run("show", cleo, "-l", str(ledger)).stdout
    for arguments, text in (
        (["roster"], cleo),
        (["history"], f"{cleo} joined"),
        (["show", "ana"], long.strip()),
        (["history", "ana"], long.strip()),
        (["history", "ana"], "[/]talk"),
    ):
        assert text in run(*arguments, "-l", str(ledger)).stdout
    assert "[/nobody]" in run("show", "[/nobody]", "-l", str(ledger)).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["show", "ana"],
        ["explode"],
        ["roster", "-l", "reps.db", "--at", "2018-02-30"],
        ["roster", "-l", "reps.db", "--at", "yesterday"],
        ["roster", "-l", "reps.db", "--at", "2018-02-01T12:00:00"],
        ["roster", "-l", "reps.db", "--known-at", "-1"],
        ["roster", "-l", "reps.db", "--known-at", "2018x"],
        ["roster", "-l", "reps.db", "--zone", "Mars/Olympus"],
        ["census", "-l", "reps.db", "--by", "colour"],
        ["census", "-l", "reps.db", "--each", "2018-01-01", "--at", "2017-01-01"],
        ["import", "-l", "reps.db"],
        ["import", "-l", "reps.db", "history.jsonl", "--on-refused", "explode"],
        ["import", "-l", "reps.db", "history.jsonl", "--on-unknown-member", "explode"],
        ["roster", "-l", "mysql://somewhere"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], ledger: Path) -> None:
    """What is wrong in a command ends it with 2, words on standard error, and nothing else."""
    assert ledger.exists()
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.strip()
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [*(c for c in COMMANDS if c not in {"declare", "restore"})])
@pytest.mark.parametrize("target", ["none.db", "sqlite:///none.db", "no/such/folder/none.db"])
def test_a_ledger_that_does_not_exist(command: str, target: str, here: Path) -> None:
    """Asking a ledger that is not there says so, ends with 3, and does not make one."""
    argument = {
        "show": ["ana"],
        "export": ["out.jsonl"],
        "backup": ["out.jsonl"],
        "import": ["history.jsonl"],
    }.get(command, [])
    result = run(command, *argument, "-l", target)
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"there is no ledger {target}" in result.stderr
    assert not list(here.glob("**/none.db*"))
    assert not (here / "out.jsonl").exists()


def test_backup_and_restore(here: Path, ledger: Path) -> None:
    """A copy is made, and a ledger of it; neither over anything, and no ledger of what is none."""
    result = run("backup", "kept.db", "-l", str(ledger))
    assert result.exit_code == 0
    assert result.stdout == "kept.db: a whole copy, up to position 10\n"
    result = run("restore", "kept.db", "-l", "again.db")
    assert (result.exit_code, result.stdout) == (0, "again.db: restored up to position 10\n")
    shown = [run("show", "ana", "-l", each).stdout for each in (str(ledger), "again.db")]
    assert shown[0] == shown[1]
    for arguments in (("backup", "kept.db", "-l", str(ledger)), ("restore", "kept.db", "-l", "again.db")):
        result = run(*arguments)
        assert (result.exit_code, "is there already" in result.stderr) == (3, True)
    (here / "no.db").write_text("no ledger")
    result = run("restore", "no.db", "-l", "new.db")
    assert (result.exit_code, "not a ledger" in result.stderr) == (3, True)
    assert not (here / "new.db").exists()


def test_what_was_recorded_goes_out_and_in(here: Path, ledger: Path) -> None:
    """Byte for byte, into an empty ledger and no other, and with no option that judges."""
    result = run("export", "kept.jsonl.gz", "-l", str(ledger), "--as-recorded")
    assert (result.exit_code, result.stderr) == (0, "10 entries written\n")
    result = run("import", "kept.jsonl.gz", "-l", "again.db", "--as-recorded", "--new")
    assert (result.exit_code, result.stdout) == (0, "kept.jsonl.gz: 10 entries, as they were recorded\n")
    run("export", "again.jsonl.gz", "-l", "again.db", "--as-recorded")
    assert (here / "again.jsonl.gz").read_bytes() == (here / "kept.jsonl.gz").read_bytes()
    assert answered("import", "kept.jsonl.gz", "-l", "third.db", "--as-recorded", "--new") == {
        "kept.jsonl.gz": {"recorded": 10}
    }
    for target, options, code, words in (
        ("again.db", (), 2, "only an empty ledger"),
        ("new.db", ("--by", "me"), 2, "leave out --by"),
        ("new.db", ("--quarantine", "q.jsonl"), 2, "leave out --by"),
        ("new.db", ("history.jsonl",), 2, "one file"),
    ):
        result = run("import", "kept.jsonl.gz", *options, "-l", target, "--as-recorded")
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
    result = run("import", "history.jsonl", "-l", "new.db", "--as-recorded", "--new")
    assert (result.exit_code, "line 1: this was not exported" in result.stderr) == (1, True)


def test_what_cannot_be_read_or_written(here: Path, ledger: Path) -> None:
    """Files that are no ledger, or cannot be read or written, end with 3."""
    for arguments in (
        ["roster", "-l", "history.jsonl"],
        ["roster", "-l", str(here)],
        ["import", "-l", str(ledger), "missing.jsonl"],
        ["import", "--new", "-l", "no/such/new.db", "history.jsonl"],
        ["export", "no/such/out.jsonl", "-l", str(ledger)],
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (3, ""), arguments
        assert result.stderr.startswith("reps-ledger: ")


@rl.fact("badge.won")
@attrs.frozen(kw_only=True)
class BadgeWon:
    """A fact that the command line was not told of."""

    member: str


def test_a_ledger_with_facts_of_a_service(ledger: Path) -> None:
    """A fact that the command line does not know cannot be read: it says which, and ends with 3."""
    with rl.open(ledger, facts=[BadgeWon]) as opened:
        opened.record(BadgeWon(member="ana"), by="ana")
    result = run("show", "ana", "-l", str(ledger))
    assert result.exit_code == 3
    assert "badge.won" in result.stderr


def test_a_ledger_named_in_the_environment(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may say which ledger it is."""
    monkeypatch.setenv("REPS_LEDGER", str(ledger))
    assert answered("census")[0]["members"] == 3


def test_days_are_read_in_a_zone(here: Path) -> None:
    """A day without an hour is that day in the given zone."""
    run("import", "--new", "-l", "zone.db", "history.jsonl", "--zone", "Asia/Jakarta")
    with rl.open(here / "zone.db") as opened:
        assert next(opened.entries(after=1)).occurred_at.hour == 17
    shown = answered("show", "ana", "-l", "zone.db", "--at", "2016-02-01", "--zone", "Asia/Jakarta")
    assert shown["joined_at"] == "2016-01-31T17:00:00Z"


def test_a_real_process(ledger: Path) -> None:
    """As a program of its own it prints the same, to the right places, with its exit codes."""
    for arguments in (["show", "ana"], ["reconcile", "--json"], ["show", "nobody"]):
        real = subprocess.run(
            [*PROGRAM, *arguments, "-l", str(ledger)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            encoding="utf-8",
        )
        here = run(*arguments, "-l", str(ledger))
        assert (real.returncode, real.stdout, real.stderr) == (here.exit_code, here.stdout, here.stderr)


def test_the_program_is_installed() -> None:
    """The package's program is there, under its name, and as a module."""
    program = Path(sys.executable).with_name("reps-ledger")
    for command in ([str(program)], [sys.executable, "-m", "reps_ledger.cli"]):
        done = subprocess.run([*command, "--help"], capture_output=True, check=True, timeout=PATIENCE)
        assert b"immutable facts" in done.stdout


def test_a_reader_that_goes_away(ledger: Path) -> None:
    """Where the reader of a pipe has seen enough, there is no traceback."""
    with rl.open(ledger) as opened:
        opened.record_all([rl.MemberJoined(member=f"m{number}") for number in range(3000)], by="x")
    arguments = ["history", "-l", str(ledger)]
    with Program(*PROGRAM[1:], *arguments, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.hear().startswith("2016-01-01")
        program.stdout.close()
        assert "Traceback" not in program.stderr.read()


def on_terminal(arguments: list[str]) -> tuple[str, bytes]:
    """Run the program with its standard error on a terminal; give what it wrote to each."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        env.pop(name, None)
    with Program(*PROGRAM[1:], *arguments, stderr=theirs, env=env) as program:
        os.close(theirs)
        seen = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # on Linux, the end of a terminal is an error
                break
            if not chunk:
                break
            seen += chunk
        written = program.end()
        assert program.returncode == 0
    os.close(ours)
    return written, seen


def test_progress_is_for_terminals(here: Path) -> None:
    """A bar is drawn on a terminal, on standard error, and nowhere else."""
    arguments = ["import", "--new", "-l", "new.db", "history.jsonl"]
    written, seen = on_terminal(arguments)
    assert "9 rows; 9 recorded" in written
    assert "\x1b[" not in written
    assert b"history.jsonl" in seen
    assert b"%" in seen
    result = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, check=True, timeout=PATIENCE, cwd=here
    )
    assert result.stderr == b""


HIDING: Final = """
import sys
sys.modules[{module!r}] = None
from reps_ledger.cli import main
main()
"""


@pytest.mark.parametrize("module", ["rich", "typer"])
def test_a_missing_extra(module: str) -> None:
    """Without what the command line needs, it says what to install."""
    done = subprocess.run(
        [sys.executable, "-c", HIDING.format(module=module)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == ("the command line needs an extra: pip install 'reps-ledger[cli]'")


def test_another_missing_module_is_not_hidden() -> None:
    """Where something else is missing, that is not taken for the extra."""
    done = subprocess.run(
        [sys.executable, "-c", HIDING.format(module="reps_ledger.views")],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert "reps_ledger.views" in done.stderr
    assert "needs an extra" not in done.stderr


def test_the_programs_way_in(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program's entry point takes the command from where every program does."""
    monkeypatch.setattr(sys, "argv", ["reps-ledger", "census", "-l", str(ledger), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)[0]["members"] == 3


@pytest.mark.parametrize(("name", "hidden"), [("rich", True), ("attrs", False)])
def test_only_the_extras_modules_are_taken_for_it(
    name: str, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice to install the extra is given for its modules, and for no other."""

    class Finder:
        """Finds that one module is missing when the commands are imported."""

        def find_spec(self, module: str, *_: object) -> None:
            """Say that it is missing."""
            if module == "reps_ledger.cli.app":
                raise ModuleNotFoundError(f"no {name}", name=name)

    monkeypatch.delitem(sys.modules, "reps_ledger.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(SystemExit if hidden else ModuleNotFoundError) as ended:
        main()
    assert ("reps-ledger[cli]" in str(ended.value)) == hidden


def test_the_bar_goes_with_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar shows the file and the rows read; without a file there is none."""
    drawn = io.StringIO()
    terminal = Console(file=drawn, force_terminal=True, width=100)
    monkeypatch.setattr("reps_ledger.cli.output.stderr", terminal)
    file = here / "history.jsonl"
    with reading(file) as on_progress:
        assert on_progress is not None
        on_progress(1234, file.stat().st_size)
    assert "history.jsonl" in drawn.getvalue()
    assert "100%" in drawn.getvalue()
    assert "1,234 rows" in drawn.getvalue()
    with reading(here / "none.jsonl") as on_progress:
        assert on_progress is None


def test_tables_on_a_terminal(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal a table folds what is too wide for it, and cuts nothing off."""
    monkeypatch.setattr("reps_ledger.cli.output.Console", lambda: Console(width=60, force_terminal=True))
    page = run("show", "ana", "-l", str(ledger)).stdout
    assert page.count("[red]known[/red]") == 12
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", page).splitlines()[1:])) <= 60

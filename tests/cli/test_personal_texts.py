"""The command line of a ledger that seals: keys, names, finding, erasing, giving people what is theirs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import stat
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from intruders import unguarded
from reps_ledger.audit import make_key, save_key
from reps_ledger.cli.app import app
from reps_ledger.domain.sealed import ERASED, SEALED
from reps_ledger.policies import Policy, notice, reports, save, weeks, when
from reps_ledger.policies.charter import read_charter
from reps_ledger.salted import SEPARATOR

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "Alex Example"
COMMANDS: Final = ["begin-sealing", "due-erasures", "erase", "erase-due", "find", "portable", "redact"]
CHARTER: Final = """
charter = "reps"
version = "1"
[retention."notice.answered"]
keep = "1 years"
"""
FACTS: Final[list[tuple[rl.Fact, date]]] = [
    (rl.MemberJoined(member="ana", account="alex-e"), date(2016, 1, 1)),
    (rl.MemberJoined(member="ben"), date(2016, 1, 1)),
    (rl.MemberProfiled(member="ana", field="name", value=NAME), date(2016, 1, 2)),
    (rl.AccountLinked(member="ana", provider="git", account="alex-git"), date(2016, 1, 3)),
    (rl.RoleAssigned(member="ana", role="mentor", reason="knows all"), date(2016, 2, 1)),
    (rl.NoticeSent(member="ana", notice="n", stage="nudge"), date(2016, 5, 1)),
    (rl.NoticeAnswered(member="ana", notice="n", answer="was away"), date(2016, 5, 2)),
]


def told(path: Path, keys: Path | None) -> None:
    """Make a ledger of a few facts."""
    with rl.open(path, keys=keys) as ledger:
        ledger.adopt(read_charter(CHARTER), by="council", occurred_at=date(2015, 1, 1))
        for fact, day in FACTS:
            ledger.record(fact, by="council", occurred_at=day)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger that seals, and one that does not."""
    monkeypatch.chdir(tmp_path)
    for name in ("REPS_LEDGER", "REPS_LEDGER_KEYS"):
        monkeypatch.delenv(name, raising=False)
    told(tmp_path / "sealed.db", tmp_path / "reps.keys")
    return tmp_path


@pytest.fixture
def plain(here: Path) -> Path:
    """The same in a ledger that does not seal."""
    told(here / "reps.db", None)
    return here / "reps.db"


def run(line: str, code: int = 0, typed: str | None = None) -> Any:
    """Run a command in this process."""
    result = CliRunner().invoke(app, shlex.split(line), input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def answered(line: str) -> Any:
    """The JSON that a command prints."""
    return json.loads(run(f"{line} --json").stdout)


WITH: Final = "-l sealed.db --keys reps.keys"
WITHOUT: Final = "-l sealed.db"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("plain")
def test_help_and_its_example(command: str, here: Path) -> None:
    """Every command has help, with an example that works as it stands."""
    words = " ".join(run(f"{command} --help").stdout.split())
    example = re.search(r"Example: reps-ledger (.*)$", words)
    assert example is not None
    if command == "begin-sealing":
        (here / "reps.keys").rename("other.keys")
    if command == "redact":
        run(f"erase ana {WITH} --by dpo --yes")
    assert run(example[1]).stdout


@pytest.mark.parametrize("how", ["option", "environment"])
def test_names_are_shown_to_who_has_the_keys(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside identifiers, in whatever shows people; the keys are named by an option, or once for all."""
    which = WITH
    if how == "environment":
        monkeypatch.setenv("REPS_LEDGER_KEYS", "reps.keys")
        which = WITHOUT
    page = run(f"show ana {which}").stdout
    assert f"ana ({NAME}): member since 2016-01-01" in page
    assert "alex-e" in page
    assert "knows all" in run(f"explain ana {which}").stdout
    found = answered(f"show ana {which}")
    assert (found["name"], found["profile"]) == (NAME, {"name": NAME})
    assert {"provider": "", "account": "alex-e"} in found["accounts"]
    assert NAME in run(f"roster {which}").stdout
    assert {row["member"]: row["name"] for row in answered(f"roster {which}")} == {"ana": NAME, "ben": None}
    assert f"ana ({NAME}) joined" in run(f"history {which}").stdout
    lines = run(f"history {which} --json").stdout.splitlines()
    assert {json.loads(line)["name"] for line in lines} == {NAME, None}
    assert NAME in run(f"explain ana {which}").stdout
    assert NAME in run(f"explain ana --role mentor {which}").stdout
    assert answered(f"explain ana --role mentor {which}")["name"] == NAME
    assert NAME in run(f"find alex {which}").stdout


def test_without_keys_texts_read_as_sealed() -> None:
    """And how to read them is said once, on standard error."""
    for command in ("show ana", "history ana --json", "explain ana --role mentor --json", "find ana"):
        result = run(f"{command} {WITHOUT}")
        assert result.stderr.count("--keys FILE") == 1
        assert NAME not in result.stdout
        assert "alex-e" not in result.stdout
    found = answered(f"show ana {WITHOUT}")
    assert (found["name"], found["profile"]) == (None, {"name": SEALED})
    assert [each["account"] for each in found["accounts"]] == [SEALED, SEALED]
    assert "was linked to the account [sealed] at git" in run(f"history ana {WITHOUT}").stdout
    assert "--keys" not in run(f"roster {WITHOUT}").stderr
    assert "--keys" not in run(f"show ana {WITH}").stderr


@pytest.mark.usefixtures("plain")
def test_a_ledger_that_does_not_seal_has_names_too() -> None:
    """No keys are asked for, and none spoken of."""
    result = run("roster -l reps.db")
    assert NAME in result.stdout
    assert result.stderr == ""
    assert answered("show ana -l reps.db")["name"] == NAME


def test_a_new_ledger_that_is_given_keys_seals(here: Path) -> None:
    """The key file is made with it, for its owner only; and no other is made by mistake."""
    row = {"fact": "member.joined", "member": "ana", "account": "alex-e", "occurred_at": "2018-01-01"}
    (here / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    run("import --new -l new.db --keys new.keys rows.jsonl")
    assert stat.S_IMODE((here / "new.keys").stat().st_mode) == 0o600
    with rl.open(here / "new.db") as ledger:
        assert ledger.seals
    assert b"alex-e" not in (here / "new.db").read_bytes()
    for command in ("import --new -l new.db rows.jsonl", "show ana -l new.db"):
        assert "there is no key file other.keys" in run(f"{command} --keys other.keys", 3).stderr
    assert not (here / "other.keys").exists()
    assert "open it with its keys" in run("import -l new.db rows.jsonl", 1).stdout


def test_wrong_keys_are_named(here: Path) -> None:
    """Those of another ledger, and what are no keys: with the exit codes that the help promises."""
    told(here / "another.db", here / "another.keys")
    assert "is that of the ledger" in run("show ana -l sealed.db --keys another.keys", 2).stderr
    run("show ana -l sealed.db --keys another.db", 2)


@pytest.mark.usefixtures("plain")
def test_beginning_to_seal(here: Path) -> None:
    """It is said what stays in the clear, and asked; who says no has done nothing."""
    assert "takes keys" in run("begin-sealing -l reps.db --by council", 2).stderr
    said = run("begin-sealing -l reps.db --keys new.keys --by council", 1, typed="n\n").stderr
    assert "5 entries have personal texts already" in said
    assert "Nothing was done" in said
    assert not (here / "new.keys").exists()
    assert (
        "seals personal texts from"
        in run("begin-sealing -l reps.db --keys new.keys --by council", typed="y\n").stdout
    )
    assert "already" in run("begin-sealing -l reps.db --keys new.keys --by council").stdout
    assert "in_the_clear" in run("check -l reps.db --keys new.keys").stdout


def test_erasing(here: Path) -> None:
    """It asks first; says what it did, and where the receipt is; and can be repeated."""
    save_key(make_key("example.org/reps"), here / "reps.key")
    command = f"erase ana {WITH} --by dpo"
    asked = run(command, 1, typed="n\n")
    assert f"ana ({NAME})" in asked.stderr
    assert answered(f"show ana {WITH}")["name"] == NAME
    done = run(f"{command} --reason objection --sign-with reps.key --yes").stdout
    assert "ana was erased" in done
    (receipt,) = (here / "sealed.db.erasures").iterdir()
    assert f"The receipt is {receipt.relative_to(here)}" in done
    assert "example.org/reps" in receipt.read_text(encoding="utf-8")
    assert stat.S_IMODE(receipt.stat().st_mode) == 0o600
    again = answered(f"{command} --yes")
    assert (again["members"], again["reason"], again["keys"]) == (["ana"], "objection", 0)
    found = answered(f"show ana {WITH}")
    assert (found["name"], found["profile"]) == (None, {"name": ERASED})
    assert answered(f"find alex {WITH}") == []
    assert NAME not in run(f"roster {WITH}").stdout


def test_redacting(here: Path) -> None:
    """It asks first; then no key opens the texts any more, and whoever verifies finds all as it was."""
    shutil.copy(here / "reps.keys", here / "backup.keys")
    assert run(f"redact ana {WITH} --by dpo --yes", 1).stderr  # they were not erased
    run(f"erase ana {WITH} --by dpo --yes")
    assert "Destroy the ciphertexts" in run(f"redact ana {WITH} --by dpo", 1, typed="n\n").stderr
    done = answered(f"redact ana {WITH} --by dpo --yes")
    assert (done["members"], done["pending"], done["texts"] > 0) == (["ana"], [], True)
    assert answered(f"redact ana {WITH} --by dpo --yes")["texts"] == 0
    assert "name a member" in run(f"redact {WITH} --by dpo --yes", 2).stderr
    run(f"check {WITH}")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (f"erase nobody {WITH} --by dpo", 1, "nothing is recorded of nobody"),
        (f"erase ana {WITHOUT} --by dpo --yes", 2, "erase takes the key file"),
        (f"erase ana {WITH} --by dpo --yes --reason 'they are ill'", 2, "must be one of request"),
        ("erase ana -l reps.db --by dpo --yes --keys reps.keys", 2, "does not seal"),
        (f"export {WITHOUT} out.jsonl --reveal --by dpo", 2, "takes the key file"),
        (f"export {WITH} out.jsonl --reveal", 2, "say who reveals personal texts"),
        (f"export {WITH} out.jsonl --reveal --by dpo --as-recorded", 2, "nothing of it can be revealed"),
        (f"due-erasures {WITHOUT}", 2, "due-erasures takes the key file"),
        (f"portable nobody {WITH} --by dpo --out folder", 1, "nothing is recorded of nobody"),
    ],
)
@pytest.mark.usefixtures("plain")
def test_a_mistake_is_named(command: str, code: int, words: str) -> None:
    """Each is said in one line, nothing is done, and no text that was given is repeated."""
    said = run(command, code).output
    assert words in said
    assert "they are ill" not in said
    with rl.open("sealed.db", keys="reps.keys") as ledger:
        assert ledger.position == len(FACTS) + 2


def test_what_was_kept_long_enough() -> None:
    """It is listed, and erased by who says so."""
    (due,) = answered(f"due-erasures {WITH}")
    assert due == {"member": "ana", "kind": "notice.answered", "year": 2016, "texts": 1}
    assert answered(f"due-erasures {WITH} --at 2017-12-30") == []
    assert "notice.answered" in run(f"erase-due {WITH}", 1, typed="n\n").stdout
    assert "1 texts erased, 1 keys destroyed" in run(f"erase-due {WITH} --yes").stdout
    assert answered(f"due-erasures {WITH}") == []


def test_giving_somebody_what_is_theirs(here: Path) -> None:
    """Data, a page and proofs, into a folder; that it was given is recorded, once it can be written."""
    save_key(make_key("example.org/reps"), here / "reps.key")
    (here / "for-ana").mkdir(mode=0o755)
    written = run(f"portable ana {WITH} --by dpo --out for-ana --key reps.key").stdout.split()
    assert {stat.S_IMODE((here / name).stat().st_mode) for name in written} == {0o600}
    assert [name.rpartition("/")[2] for name in written] == [
        "data.json",
        "page.html",
        "bundle.json",
        "texts.json",
    ]
    assert json.loads((here / "for-ana" / "data.json").read_bytes())["profile"] == {"name": NAME}
    assert "there already" in run(f"portable ana {WITH} --by dpo --out for-ana", 2).stderr
    lines = run(f"history {WITH} --json").stdout.splitlines()
    assert [json.loads(line)["fact"] for line in lines].count("access.given") == 1


def test_an_export_reveals_only_when_asked(here: Path) -> None:
    """And that is recorded; the file is its owner's."""
    run(f"export {WITH} sealed.jsonl")
    assert NAME not in (here / "sealed.jsonl").read_text(encoding="utf-8")
    run(f"export {WITH} open.jsonl --reveal --by dpo")
    assert NAME in (here / "open.jsonl").read_text(encoding="utf-8")
    assert stat.S_IMODE((here / "open.jsonl").stat().st_mode) == 0o600
    assert "there already" in run(f"export {WITH} open.jsonl --reveal --by dpo", 2).stderr
    with rl.open(here / "sealed.db") as ledger:
        assert [entry.name for entry in ledger.entries()].count("access.given") == 1


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("which", [WITH, "-l reps.db"])
def test_whoever_reviews_sees_names(which: str, here: Path) -> None:
    """The docket, the notices, and what is explained of a decision name people beside their identifiers."""
    save(
        Policy(
            "activity",
            cases=[when(reports() >= 1).then("active")],
            otherwise="quiet",
            notices=[notice("quiet", "nudge", answer_within=weeks(4))],
        ),
        here / "activity.toml",
    )
    dates = f"{which} --by council --at 2018-10-01 --on 2018-10-02"
    assert NAME in run(f"review notify activity.toml {dates}").stdout
    assert NAME in run(f"review open activity.toml {dates}").stdout
    assert run(f"review list {which}").stdout.count(NAME) == 2
    listed = answered(f"review list {which}")
    for rows in listed.values():
        assert {row["member"]: row["name"] for row in rows} == {"ana": NAME, "ben": None}
    review = next(row["review"] for row in listed["reviews"] if row["member"] == "ana")
    run(f"review decide {review} quiet {which} --by council --reason 'no answer'")
    assert NAME in run(f"audit {review} {which}").stdout
    assert answered(f"audit {review} {which}")["name"] == NAME


def test_a_changed_seal_is_found(here: Path) -> None:
    """Whoever checks or verifies is told by its code; whoever would read it, that it cannot be read."""
    key = make_key("example.org/reps")
    with rl.open(here / "sealed.db") as ledger:
        (here / "reps.checkpoint").write_text(ledger.checkpoint(key).note, encoding="utf-8")
    with unguarded(here / "sealed.db") as connection:
        rows = connection.execute("SELECT position, data FROM events").fetchall()
        position, data = next((place, bytes(data)) for place, data in rows if SEPARATOR in bytes(data))
        before, separator, sealed = data.partition(SEPARATOR)
        ((field, text),) = json.loads(sealed).items()
        changed = json.dumps({field: text[:20] + ("B" if text[20] == "A" else "A") + text[21:]})
        data = before + separator + changed.replace(" ", "").encode()
        connection.execute("UPDATE events SET data = ? WHERE position = ?", (data, position))
    assert f"seal: position {position}" in run(f"check {WITHOUT}", 1).stderr
    verified = run(f"verify reps.checkpoint {WITHOUT} --key {key.verifying}", 1)
    assert "seal_mismatch: " in verified.stderr
    assert "is not what its entry commits to" in run(f"show ana {WITH}", 3).stderr

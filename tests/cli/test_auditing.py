"""The commands of audit, called as people call them."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from intruders import plant
from reps_ledger.audit import SigningKey, VerifyingKey, verify_consistency, verify_inclusion
from reps_ledger.audit.checkpoints import canonical_base64
from reps_ledger.cli.app import app
from reps_ledger.log.postgres import roles_sql

COMMANDS: Final = (
    *("make-key", "check", "checkpoint", "verify", "prove", "consistency", "bundle", "verify-bundle"),
    *("postgres-roles", "verify-consistency", "void"),
)


def run(*arguments: str, code: int = 0) -> str:
    """Run a command; it exits as expected. Return what it printed."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result.output


def told(*arguments: str, code: int = 0) -> Any:
    """Return the JSON that a command prints."""
    return json.loads(run(*arguments, code=code))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger, a key, a checkpoint and a bundle, named as in the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPS_LEDGER", raising=False)
    with rl.open("reps.db") as ledger:
        for number in range(20):
            joined = rl.MemberJoined(member="ana" if number == 7 else f"m{number}")
            ledger.record(joined, by="council", occurred_at=date(2018, 1, 1))
    Path("reps.pub").write_text(run("make-key", "example.org/reps", "reps.key"))
    key = ("-l", "reps.db", "--key", "reps.key")
    run("checkpoint", *key, "--out", "reps.checkpoint")
    run("bundle", "ana.json", "--member", "ana", *key)
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="cleo"), by="council")
    run("checkpoint", *key, "--out", "newer.checkpoint")
    consistency = ("consistency", "reps.checkpoint", "--new", "newer.checkpoint")
    proof = run(*consistency, "-l", "reps.db", "--key", "reps.pub")
    Path("proof.json").write_text(proof)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_its_example(command: str) -> None:
    """Every command has help, with an example that works as it stands."""
    words = " ".join(run(command, "--help").split())
    example = re.search(r"Example: reps-ledger (.*)$", words)
    assert example is not None
    new = {"make-key": "reps.key", "checkpoint": "reps.checkpoint", "bundle": "ana.json"}
    if command in new:
        Path(new[command]).unlink()
    run(*shlex.split(example[1]))


def test_a_key_is_made_once_and_kept_secret(here: Path) -> None:
    """The signing key's file is the user's alone, and is never overwritten."""
    key = SigningKey.parse((here / "reps.key").read_text())
    assert VerifyingKey.parse((here / "reps.pub").read_text()) == key.verifying
    assert (here / "reps.key").stat().st_mode & 0o077 == 0
    assert "is a signing key; name another file" in run("make-key", "example.org/reps", "reps.key", code=2)
    assert SigningKey.parse((here / "reps.key").read_text()) == key
    run("make-key", "a name", "other.key", code=2)
    assert not (here / "other.key").exists()


def test_a_checkpoint_is_printed_and_verified(here: Path) -> None:
    """What checkpoint prints, verify takes; with and without a key it says what was checked."""
    (here / "other").write_text(run("checkpoint", "-l", "reps.db", "--key", "reps.key"))
    assert (here / "other").read_text() == (here / "newer.checkpoint").read_text()
    out = run("verify", "other", "-l", "reps.db", "--key", "reps.pub")
    assert out == "The first 22 of 22 entries are what the checkpoint signed.\n"
    assert "not checked" in run("verify", "other", "-l", "reps.db")
    public = (here / "reps.pub").read_text().strip()
    found = told("verify", "other", "-l", "reps.db", "--key", public, "--json")
    assert found == {
        "ok": True,
        "origin": "example.org/reps",
        "size": 22,
        "entries": 22,
        "signed": True,
        "zone": "UTC",
        "database": True,
        "findings": [],
    }


def test_tampering_is_told(here: Path) -> None:
    """A changed entry is told, and the exit code says that something is wrong."""
    connection = sqlite3.connect(here / "reps.db")
    connection.executescript("DROP TRIGGER events_keep; UPDATE events SET data = x'7b7d' WHERE position = 8")
    connection.close()
    verify = ("verify", "reps.checkpoint", "-l", "reps.db", "--key", "reps.pub")
    out = run(*verify, code=1)
    assert "root_mismatch: " in out
    assert "database: events_keep is missing" in out
    found = told(*verify, "--json", code=1)
    codes = [each["code"] for each in found["findings"]]
    assert codes == ["root_mismatch", "entry_differs", "database"]
    assert found["findings"][1]["position"] == 8


def test_proofs_are_printed_as_they_are() -> None:
    """What prove and consistency print can be verified by anybody."""
    found = told("prove", "8", "-l", "reps.db", "--at", "reps.checkpoint")
    path = [canonical_base64(each, "it") for each in found["proof"]]
    leaf, root = (canonical_base64(found[name], name) for name in ("leaf", "root"))
    verify_inclusion(found["index"], found["size"], leaf, path, root)
    assert (found["position"], found["index"], found["size"]) == (8, 7, 21)
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ben"), by="council")
    command = ("consistency", "reps.checkpoint", "-l", "reps.db", "--key", "reps.pub")
    found = told(*command)
    path = [canonical_base64(each, "it") for each in found["proof"]]
    roots = [canonical_base64(found[name], name) for name in ("old_root", "new_root")]
    verify_consistency(found["old"], found["new"], roots[0], roots[1], path)
    assert (found["old"], found["new"]) == (21, 23)
    run("checkpoint", "-l", "reps.db", "--key", "reps.key", "--out", "newer")
    assert told(*command, "--new", "newer") == found
    assert "no entry has position" in run("prove", "99", "-l", "reps.db", code=1)


def test_two_checkpoints_are_joined_by_a_proof(here: Path) -> None:
    """Who holds two checkpoints needs the proof and the key; a wrong one of any is refused."""
    (here / "reps.db").unlink()
    verify = ("verify-consistency", "reps.checkpoint", "newer.checkpoint", "proof.json")
    out = run(*verify, "--key", "reps.pub")
    assert out == "The 22 entries begin with the 21 that were signed before.\n"
    swapped = ("verify-consistency", "newer.checkpoint", "reps.checkpoint", "proof.json")
    run(*swapped, "--key", "reps.pub", code=1)
    Path("other.pub").write_text(run("make-key", "example.org/reps", "other.key"))
    run(*verify, "--key", "other.pub", code=1)
    proof = json.loads((here / "proof.json").read_text())
    for changed, code in (
        ({**proof, "proof": proof["proof"][::-1]}, 1),
        ({**proof, "proof": "x"}, 2),
        ({**proof, "proof": ["A" * 44] * 99}, 2),
        ({**proof, "more": 1}, 2),
        ([], 2),
    ):
        (here / "proof.json").write_text(json.dumps(changed))
        run(*verify, "--key", "reps.pub", code=code)


def test_a_bundle_is_verified_or_refused(here: Path) -> None:
    """A bundle says what was proved; a changed one, or another key, is refused."""
    out = run("verify-bundle", "ana.json", "--key", "reps.pub")
    assert "member.joined" in out
    assert "1 entry about the member ana" in out
    found = told("verify-bundle", "ana.json", "--key", "reps.pub", "--json")
    assert found["about"] == {"member": "ana"}
    assert found["entries"][0]["entry"]["fact"]["member"] == "ana"
    run("bundle", "old.json", "-l", "reps.db", "--member", "ana", "--at", "reps.checkpoint")
    assert (here / "old.json").read_bytes() == (here / "ana.json").read_bytes()
    (here / "ana.json").write_text((here / "ana.json").read_text().replace('"index": 8', '"index": 7'))
    assert "does not lead to the root" in run("verify-bundle", "ana.json", "--key", "reps.pub", code=1)
    (here / "ana.json").write_text("{}")
    run("verify-bundle", "ana.json", "--key", "reps.pub", code=1)
    Path("other.pub").write_text(run("make-key", "example.org/reps", "other.key"))
    assert "not signed by" in run("verify-bundle", "old.json", "--key", "other.pub", code=1)
    run("verify-bundle", "missing.json", "--key", "reps.pub", code=3)


def test_roles_are_printed_or_made(postgres_dsn: str) -> None:
    """What is printed is the SQL; applied, the roles are there; elsewhere it is wrong usage."""
    assert run("postgres-roles", "--writer", "w1") == roles_sql("w1")
    names = ("--writer", "cli_writer", "--reader", "cli_reader")
    assert "no ledger there" in run("postgres-roles", *names, "--apply", postgres_dsn, code=3)
    rl.open(postgres_dsn).close()
    run("postgres-roles", *names, "--apply", postgres_dsn)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        found = connection.execute(
            "SELECT rolname, has_table_privilege(rolname, 'reps_events_tt_main', 'SELECT')"
            " FROM pg_roles WHERE rolname LIKE 'cli%' ORDER BY 1"
        ).fetchall()
        assert found == [("cli_reader", True), ("cli_writer", True)]
        connection.execute("DROP OWNED BY cli_reader, cli_writer")
        connection.execute("DROP ROLE cli_reader, cli_writer")
    run("postgres-roles", "--writer", "no name", code=2)
    run("postgres-roles", "--apply", "reps.db", code=2)


@pytest.mark.parametrize("content", [b"", b"\xff", b"x" * 1_000_001])
def test_files_that_are_no_checkpoint(content: bytes, here: Path) -> None:
    """A file that holds no checkpoint is wrong usage, however large it is."""
    (here / "bad").write_bytes(content)
    run("verify", "bad", "-l", "reps.db", code=2)


def test_what_cannot_be_read_is_shown_and_voided(tmp_path: Path) -> None:
    """An operator meets it, looks at it and voids it; nothing in it is obeyed by the terminal."""
    path = tmp_path / "noise.db"
    with rl.open(path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        place = plant(ledger, "member.joined", b"\x1b[31m\0\xff", "member:ana")
    target = ("-l", str(path))
    assert f"reps-ledger void {place}" in run("history", "ana", *target, code=3)
    assert "no_entry: position 3" in run("check", *target, code=1)
    said = run("void", str(place), *target)
    assert "position 3: member.joined, 7 bytes, under the tags '[\"member:ana\"]'" in said
    assert "it cannot be read as an entry: position 3: not a stored entry" in said
    assert "\x1b" not in said
    assert "a void needs a --reason" in run("void", str(place), *target, "--by", "council", code=2)
    assert "it can be read as an entry" in run("void", "2", *target)
    assert "retract it instead" in run("void", "2", *target, "--by", "council", "--reason", "r", code=1)
    assert "nothing is stored at position 9" in run("void", "9", *target, code=1)
    done = run("void", str(place), *target, "--by", "council", "--reason", "noise", "--on", "2026-01-02")
    assert "voided at position 4" in done
    with rl.open(path) as ledger:
        (*_, void) = ledger.entries()
        assert (void.by, void.fact.reason, str(void.day)) == ("council", "noise", "2026-01-02")
    assert "joined" in run("history", "ana", *target)
    checked = run("check", *target)
    assert "voided: position 3: it cannot be read, and council voided it at position 4: noise" in checked
    assert "nothing is wrong" in checked


def test_a_bundle_says_what_is_voided(tmp_path: Path) -> None:
    """Whoever verifies it reads which position cannot be read, and why it is read past."""
    path = tmp_path / "noise.db"
    key = run("make-key", "example.org/reps", str(tmp_path / "noise.key")).strip()
    with rl.open(path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        place = plant(ledger, "member.joined", b"\0", "member:ana")
        ledger.void(place, by="council", reason="noise")
    run(
        "bundle",
        str(tmp_path / "noise.json"),
        "-l",
        str(path),
        "--member",
        "ana",
        "--key",
        str(tmp_path / "noise.key"),
    )
    verified = ("verify-bundle", str(tmp_path / "noise.json"), "--key", key)
    assert f"What is at position {place} cannot be read, and position 4 voids it: noise" in run(*verified)
    assert told(*verified, "--json")["voids"] == [{"position": place, "voided_at": 4, "reason": "noise"}]

"""The command line among others: pipes, full disks, any locale, standard input and output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Final

import pytest

import reps_ledger as rl
from reps_ledger.audit import make_key

FULL: Final = Path("/dev/full")
ZOE: Final = "zo\u00eb \U0001f9a6"
needs_full: Final = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of some people, one with a name beyond ASCII, in the current folder."""
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "reps.db"
    with rl.open(found) as ledger:
        facts = [rl.MemberJoined(member=f"member {number}") for number in range(500)]
        ledger.record_all(facts, by="council", occurred_at=date(2018, 1, 1))
        ledger.record(
            rl.MemberJoined(member="zo\u00eb \U0001f9a6"), by="council", occurred_at=date(2018, 1, 1)
        )
    return found


def ran(
    *arguments: str | bytes,
    stdin: bytes = b"",
    stdout: int = subprocess.PIPE,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "reps_ledger.cli", *arguments],
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
        timeout=40,
        check=False,
    )


ASKING: Final = [
    ("history", "-l", "reps.db"),
    ("history", "-l", "reps.db", "--json"),
    ("census", "-l", "reps.db"),
    ("census", "-l", "reps.db", "--json"),
    ("export", "-", "-l", "reps.db"),
]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_a_closed_pipe_ends_quietly(arguments: tuple[str, ...]) -> None:
    """As when ``head`` has seen enough: no traceback, and no success."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = ran(*arguments, stdout=theirs)
    finally:
        os.close(theirs)
    assert done.stderr == b""
    assert done.returncode == 1


@needs_full
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_a_full_disk_is_said(arguments: tuple[str, ...]) -> None:
    """In one line, and ends with 3."""
    with FULL.open("wb") as full:
        done = ran(*arguments, stdout=full.fileno())
    assert done.returncode == 3
    assert done.stderr.startswith(b"reps-ledger: ")
    assert b"No space left" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_any_locale(encoding: str) -> None:
    """What an encoding does not have is escaped; JSON stays JSON, and means the same."""
    env = {"PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    for arguments in (("history",), ("roster",), ("census", "--by", "standing")):
        done = ran(*arguments, "-l", "reps.db", env=env)
        assert done.returncode == 0, done.stderr
    done = ran("history", ZOE, "-l", "reps.db", "--json", env=env)
    assert json.loads(done.stdout.decode(encoding))["fields"]["member"] == ZOE
    done = ran("show", "n\u00f6body \U0001f9a6", "-l", "reps.db", env=env)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


@pytest.mark.usefixtures("path")
def test_arguments_that_are_no_text() -> None:
    """Bytes that are no UTF-8, as an old locale types them, are a mistake and no crash."""
    done = ran("show", b"ana\xff", "-l", "reps.db")
    assert done.returncode in {1, 2}
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"reps-ledger: ") or b"nothing is known" in done.stderr


def test_from_one_to_another(path: Path) -> None:
    """What export writes to standard output, import reads from standard input, packed or not."""
    out = ran("export", "-", "-l", "reps.db")
    done = ran("import", "-", "-l", "again.db", "--new", stdin=out.stdout)
    assert done.returncode == 0, done.stderr
    assert b"standard input: 502 rows; 502 recorded" in done.stdout
    with rl.open(path) as one, rl.open(path.with_name("again.db")) as other:
        assert [entry.id for entry in one.entries()] == [entry.id for entry in other.entries()]
    kept = ran("export", "-", "-l", "reps.db", "--as-recorded")
    done = ran("import", "-", "-l", "kept.db", "--as-recorded", "--new", stdin=kept.stdout)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("path")
def test_refused_rows_on_standard_output() -> None:
    """Nothing but them, so that they can be read; what is said goes to standard error."""
    rows = b'{"fact": "member.joined", "occurred_at": "2018-01-01", "member": ""}\n'
    done = ran("import", "-", "-l", "reps.db", "--quarantine", "-", stdin=rows)
    assert done.returncode == 1
    assert json.loads(done.stdout)["line"] == 1
    assert b"1 of 1 rows refused" in done.stderr


def test_checkpoints_and_bundles_on_standard_output(path: Path) -> None:
    """Nothing but them."""
    key = make_key("example.org/reps")
    path.with_name("reps.key").write_text(f"{key.text}\n")
    path.with_name("reps.key").chmod(0o600)
    done = ran("checkpoint", "-l", "reps.db", "--key", "reps.key", "--out", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"example.org/reps\n")
    done = ran("bundle", "-", "-l", "reps.db", "--member", "member 1", "--key", "reps.key")
    assert done.returncode == 0, done.stderr
    path.with_name("bundle.json").write_bytes(done.stdout)
    assert ran("verify-bundle", "bundle.json", "--key", str(key.verifying)).returncode == 0


def test_a_mistyped_ledger_is_not_made(path: Path) -> None:
    """Import makes one only when asked; asked again, it goes on with that one."""
    path.with_name("rows.jsonl").write_text(
        '{"fact": "member.joined", "occurred_at": "2018-01-01", "member": "ana"}\n'
    )
    done = ran("import", "rows.jsonl", "-l", "resp.db")
    assert done.returncode == 3
    assert b"there is no ledger resp.db; import --new makes one" in done.stderr
    assert not path.with_name("resp.db").exists()
    for known in (0, 1):
        done = ran("import", "rows.jsonl", "-l", "resp.db", "--new", "--json")
        assert json.loads(done.stdout)["rows.jsonl"]["known"] == known

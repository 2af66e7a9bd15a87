"""What doctor says of a ledger's files, and that keys are their owner's alone."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.audit import load_key, make_key, save_key
from reps_ledger.cli.app import app
from reps_ledger.ledger.doctor import Diagnosis, diagnose

if TYPE_CHECKING:
    from collections.abc import Callable

KEY: Final = make_key("example.org/reps")
LONG_AGO: Final = 1_000_000_000

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger, its caches and a key, each made with the usual umask."""
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    try:
        with rl.open("reps.db") as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
            ledger.checkpoint(KEY)
            ledger.state()
            ledger.columns()
        save_key(KEY, "reps.key")
    finally:
        os.umask(before)
    return tmp_path


def told(*, keys: tuple[str, ...] = ("reps.key",)) -> Diagnosis:
    """What is found now."""
    return diagnose("reps.db", keys=keys)


def test_a_ledger_in_order(here: Path) -> None:
    """Its files are listed, with what they are, whose, and who may read them; nothing is to be done."""
    found = told()
    assert found.ok
    names = [Path(each.path).name for each in found.files]
    assert names[:4] == ["reps.db", "reps.db.tree", "reps.db.state", "reps.db.columns"]
    assert names[4].startswith("key.")
    assert names[5:] == ["reps.key"]
    modes = [each.mode for each in found.files]
    assert modes == [*["-rw-r--r--"] * 3, "drwxr-xr-x", *["-rw-------"] * 2]
    assert f"everybody on this machine may read {here / 'reps.db'}" in found.notes[0]
    Path("reps.db").chmod(0o640)
    assert "its owner and its group may" in told().notes[0]
    Path("reps.db").chmod(0o600)
    assert "only its owner may" in told().notes[0]


def _link() -> None:
    os.link("reps.db", "other.db")


def _log_alone() -> None:
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ben"), by="council")
        shutil.copy("reps.db-wal", "kept")
    Path("kept").rename("reps.db-wal")


def _draft() -> None:
    Path(".reps-0123456789abcdef.tmp").touch()
    os.utime(".reps-0123456789abcdef.tmp", (LONG_AGO, LONG_AGO))


def _another_mode() -> None:
    Path("reps.db-wal").touch(mode=0o600)
    Path("reps.db-shm").touch(mode=0o644)
    Path("reps.db-shm").chmod(0o644)


def _no_columns() -> None:
    shutil.rmtree("reps.db.columns")
    Path("reps.db.columns").mkdir()
    Path("reps.db.columns/manifest.json").write_text("{}")


def _text(name: str) -> None:
    Path(name).unlink()
    Path(name).write_text("milk, bread")


TROUBLE: Final[dict[str, tuple[Callable[[], object], str]]] = {
    "written by anybody": (lambda: Path("reps.db").chmod(0o666), "chmod o-w"),
    "several names": (_link, "Remove the other names"),
    "a log alone": (_log_alone, "keep it beside the ledger"),
    "a journal": (lambda: Path("reps.db-journal").write_text("?"), "open the ledger once"),
    "another mode": (_another_mode, "chmod --reference"),
    "a draft": (_draft, "remove it"),
    "no tree": (lambda: _text("reps.db.tree"), "no cache of a tree, and is left as it is"),
    "no tables": (lambda: _text("reps.db.state"), "no file of tables of state"),
    "no columns": (_no_columns, "holds no columns"),
    "a key of columns": (lambda: next(Path("reps.db.columns").glob("key.*")).chmod(0o640), "another key"),
    "a signing key": (lambda: Path("reps.key").chmod(0o644), "chmod 600 reps.key"),
    "no ledger": (lambda: _text("reps.db"), "this is no ledger, but no database"),
    "another's": (lambda: shutil.copy("reps.db.state", "reps.db"), "but a file of tables of state"),
}
"""What may be wrong, and what is said to do."""


@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_is_wrong_is_said(trouble: str) -> None:
    """Each with what to do; the command ends with 1, and nothing was changed."""
    spoil, words = TROUBLE[trouble]
    spoil()
    found = told()
    assert words in "\n".join(map(str, found.advice))
    assert len(found.advice) == 1
    result = CliRunner().invoke(app, ["doctor", "-l", "reps.db", "--key", "reps.key"])
    assert result.exit_code == 1
    assert words in result.output
    assert found == told()


def test_the_command() -> None:
    """It lists files for people and as JSON, and says what it cannot look at."""
    result = CliRunner().invoke(app, ["doctor", "-l", "reps.db"])
    assert result.exit_code == 0
    assert "the ledger" in result.output
    assert "new files follow the umask" in result.output
    result = CliRunner().invoke(app, ["doctor", "-l", "reps.db", "--json"])
    found = json.loads(result.output)
    assert found["ok"] is True
    assert found["files"][0]["what"] == "the ledger"
    for ledger, code in (("none.db", 3), ("postgresql://localhost/reps", 2)):
        assert CliRunner().invoke(app, ["doctor", "-l", ledger]).exit_code == code


# Keys


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660, 0o777])
def test_a_key_that_others_may_use_is_refused(mode: int) -> None:
    """With what to do about it; once that is done it is read."""
    Path("reps.key").chmod(mode)
    with pytest.raises(rl.InvalidInput, match=r"run chmod 600 reps\.key"):
        load_key("reps.key")
    for arguments in (
        ("checkpoint", "-l", "reps.db", "--key", "reps.key"),
        ("bundle", "out.json", "-l", "reps.db", "--member", "ana", "--key", "reps.key"),
    ):
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 2
        assert "chmod 600 reps.key" in result.output
    assert not Path("out.json").exists()
    Path("reps.key").chmod(0o600)
    assert load_key("reps.key") == KEY
    Path("reps.key").chmod(0o400)
    assert load_key("reps.key") == KEY


def test_a_key_that_is_no_file_or_no_key(here: Path) -> None:
    """A pipe from a program that keeps keys has no mode that matters; what is no key is an error of ours."""
    reading, writing = os.pipe()
    os.write(writing, KEY.text.encode())
    os.close(writing)
    assert load_key(f"/dev/fd/{reading}") == KEY
    os.close(reading)
    with pytest.raises(rl.InvalidInput, match="is a database"):
        load_key("reps.db")
    with pytest.raises(rl.StorageError, match="cannot be read"):
        load_key(here / "none")
    Path("odd").write_bytes(b"\xff\xfe")
    Path("odd").chmod(0o600)
    with pytest.raises(rl.InvalidInput, match="no text"):
        load_key("odd")
    with pytest.raises(rl.PathTaken):
        save_key(KEY, "reps.key")


def test_a_key_of_columns_that_others_may_read_is_used_no_more() -> None:
    """All is made anew with another, by which nobody can guess names of accounts."""
    with rl.open("reps.db") as ledger:
        (key,) = Path("reps.db.columns").glob("key.*")
        key.chmod(0o644)
        with rl.open("reps.db", read_only=True) as reader:
            assert reader.columns().people == ("ana",)
        assert key.exists()
        assert ledger.columns().people == ("ana",)
        (other,) = Path("reps.db.columns").glob("key.*")
    assert other.name != key.name
    assert other.stat().st_mode & 0o077 == 0


def _sealed() -> None:
    with rl.open("sealed.db", keys="reps.keys") as ledger:
        ledger.record(rl.MemberJoined(member="ana", account="octo"), by="council")
        ledger.erase("ana", by="dpo")


def test_a_key_file_in_order(here: Path) -> None:
    """It is listed, with whose keys it has; and that it should lie elsewhere is good to know."""
    _sealed()
    found = diagnose("sealed.db", key_store="reps.keys")
    assert found.ok
    assert [(each.what, each.mode) for each in found.files][-1] == ("keys to personal texts", "-rw-------")
    assert "receipts of erasures" in {each.what for each in found.files}
    notes = " ".join(found.notes)
    assert f"{here / 'reps.keys'} has the keys of {here / 'sealed.db'}" in notes
    assert "a copy of that folder opens what is sealed" in notes
    Path("elsewhere").mkdir()
    Path("reps.keys").rename("elsewhere/reps.keys")
    assert "a copy of that folder" not in " ".join(
        diagnose("sealed.db", key_store="elsewhere/reps.keys").notes
    )
    result = CliRunner().invoke(app, ["doctor", "-l", "sealed.db", "--keys", "elsewhere/reps.keys"])
    assert (result.exit_code, "keys to personal texts" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("chmod", "run chmod 600"),
        ("INSERT INTO follow VALUES ('ana', 'e', 'w')", "erasures of 1 identifiers are not done yet"),
        ("INSERT INTO meta VALUES ('scrub', 'x')", "traces of what was destroyed"),
        ("UPDATE meta SET value = 'another' WHERE name = 'ledger'", "those of the ledger another"),
        ("other", "this is no key file"),
    ],
)
def test_a_key_file_that_is_not_in_order(change: str, words: str) -> None:
    """What is wrong is said, and what to do."""
    _sealed()
    store = "reps.key" if change == "other" else "reps.keys"
    if change == "chmod":
        Path(store).chmod(0o640)
    elif store == "reps.keys":
        with closing(sqlite3.connect(store)) as connection, connection:
            connection.execute(change)
    found = diagnose("sealed.db", key_store=store)
    assert [words in each.words for each in found.advice] == [True]

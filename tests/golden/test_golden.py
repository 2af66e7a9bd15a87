"""Ledgers of every version open, and answer as they did when they were made."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from golden import make
from recorders import event
from reps_ledger.domain.facts import BUILT_IN, kind_of
from reps_ledger.errors import NewerFormat, UnknownFact, UnknownVersion
from reps_ledger.log.sqlite.file import FORMAT_VERSION
from reps_ledger.salted import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS: Final = sorted(path.parent.name for path in make.FOLDER.glob("*/expected.json"))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version that left a ledger."""
    found: str = request.param
    return found


@pytest.fixture
def copy(version: str, tmp_path: Path) -> Path:
    """A copy of that version's ledger."""
    return Path(shutil.copy(make.FOLDER / version / "ledger.db", tmp_path / "ledger.db"))


@pytest.fixture
def ledger(copy: Path) -> Iterator[rl.Ledger]:
    """That copy, opened."""
    with make.opened(copy) as opened:
        yield opened


def expected(version: str) -> Any:
    """What was answered when it was made."""
    return json.loads((make.FOLDER / version / "expected.json").read_bytes())


def test_this_version_left_its_ledger() -> None:
    """The version of the project has a golden ledger: a release cannot forget to make one."""
    document = tomllib.loads((make.FOLDER.parents[1] / "pyproject.toml").read_text())
    assert document["project"]["version"] == make.VERSION
    assert make.VERSION in VERSIONS


def test_it_answers_as_it_did(version: str, ledger: rl.Ledger) -> None:
    """Entries, views, verdicts, decisions, proofs and roots are all as they were."""
    found = json.loads(json.dumps(make.answers(ledger)))
    wanted = expected(version)
    if version in BEFORE_GROUNDS:
        for entry in (*wanted["entries"], *wanted["exported"]):
            _on_a_ground(entry)
    assert list(differences(wanted, found)) == []


BEFORE_GROUNDS: Final = ("0.1.0", "0.2.0.dev1", "0.2.0.dev2", "0.2.0.dev3")
"""Versions in which it was said in any words why somebody was erased; later ones show a ground instead."""


def _on_a_ground(entry: dict[str, Any]) -> None:
    """Say of an erasure that it was asked for, as the upcaster of its first version does."""
    said = entry.get("entry", entry)
    fact = said["fact"] if isinstance(said["fact"], dict) else said
    if fact.get("reason") == "asked to":
        fact["reason"] = "request"
        if fact is said:
            said["schema"] = 2


def differences(wanted: Any, found: Any, where: str = "") -> Iterator[str]:
    """Say where an answer is not what it was. A later version may say more, but not less."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            yield from differences(value, found.get(name), f"{where}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, value in enumerate(wanted):
            yield from differences(value, found[number], f"{where}[{number}]")
    elif wanted != found:
        yield f"{where}: was {wanted!r}, is {found!r}"


def test_differences_are_seen() -> None:
    """What is compared with the golden answers is compared to the last value."""
    wanted = {"a": [1, {"b": None}]}
    assert list(differences(wanted, {"a": [1, {"b": None, "c": 2}], "d": 1})) == []
    for other in ({}, {"a": [1]}, {"a": [1, {"b": 0}]}, {"a": [2, {"b": None}]}):
        assert len(list(differences(wanted, other))) == 1


def test_every_kind_of_fact_is_in_it(version: str) -> None:
    """The ledger of this version holds every built-in fact: none is left untried by later ones."""
    kinds = {entry["fact"] for entry in expected(version)["exported"]}
    if any("ledger:entry.voided" in entry["tags"] for entry in expected(version)["entries"]):
        kinds.add("entry.voided")  # which is not exported
    assert kinds <= {kind_of(cls).name for cls in BUILT_IN}
    if version == make.VERSION:
        assert kinds == {kind_of(cls).name for cls in BUILT_IN}


def test_what_is_written_has_not_changed_unseen(tmp_path: Path) -> None:
    """This version still writes what it did, byte for byte but for salt: else the version must change."""
    with make.opened(tmp_path / "again.db") as ledger:
        make.fill(ledger)

    def rows(path: Path) -> list[Any]:
        connection = sqlite3.connect(path)
        found = connection.execute("SELECT position, type, data, tags FROM events").fetchall()
        connection.close()
        return [(position, name, plain(data), tags) for position, name, data, tags in found]

    kept = Path(shutil.copy(make.FOLDER / make.VERSION / "ledger.db", tmp_path / "kept.db"))
    assert rows(tmp_path / "again.db") == rows(kept)


def test_it_goes_on(version: str, ledger: rl.Ledger) -> None:
    """An old ledger is recorded in, and its old checkpoint still holds."""
    kept = expected(version)["checkpoint"]
    before = ledger.position
    ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
    assert ledger.position == before + 1
    assert ledger.verify(kept, make.KEY.verifying).ok
    ledger.prove_consistency(kept).verify()


def test_it_is_exported_and_imported(version: str, ledger: rl.Ledger, tmp_path: Path) -> None:
    """Its history goes out, and into a new ledger of this version, all of it."""
    ledger.export(tmp_path / "history.jsonl")
    with rl.open(tmp_path / "new.db") as new:
        report = new.import_history(tmp_path / "history.jsonl")
        own = [entry.fact for entry in ledger.entries() if entry.name != "entry.voided"]
        assert (report.recorded, len(report.refused)) == (len(own), 0)
        # A ledger of before declared nothing; the one that it comes into does.
        (declared, *rest) = [entry.fact for entry in new.entries()]
        assert rest == (own if version == "0.1.0" else own[1:])
        assert isinstance(declared, rl.LedgerDeclared)
        assert declared.zone == "UTC"


SEALED: Final = sorted(path.parent.name for path in make.FOLDER.glob("*/sealed.json"))


@pytest.mark.parametrize("version", SEALED)
def test_what_is_sealed_opens(version: str, tmp_path: Path) -> None:
    """A ledger that sealed, and its keys, open as they did: texts, accounts, who is found, and the root."""
    for name in ("sealed.db", "sealed.keys"):
        shutil.copy(make.FOLDER / version / name, tmp_path / name)
        (tmp_path / name).chmod(0o600)
    wanted = json.loads((make.FOLDER / version / "sealed.json").read_bytes())
    with make.sealed(tmp_path) as ledger:
        assert list(differences(wanted, json.loads(json.dumps(make.sealed_answers(ledger))))) == []
        assert ledger.check() == ()
        ledger.record(rl.RoleAssigned(member="ana", role="coach", reason="a new text"), by="council")
        assert ledger.as_of().member("ana").roles.ever[-1].reason == "a new text"


def test_this_version_left_a_sealed_ledger() -> None:
    """So that a release cannot forget to make one."""
    assert make.VERSION in SEALED


def test_a_newer_format_is_refused_plainly(copy: Path) -> None:
    """A file of a later format is not opened, says so, and is left as it is."""
    connection = sqlite3.connect(copy)
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    connection.close()
    before = copy.read_bytes()
    with pytest.raises(NewerFormat, match="later release"):
        rl.open(copy)
    assert copy.read_bytes() == before


@pytest.mark.parametrize("known", [True, False])
def test_a_newer_fact_is_refused_plainly(known: bool, copy: Path) -> None:
    """A fact of a later version, or of a kind that is not known, is an error that says where."""
    with rl.SQLiteRecorder(copy) as recorder:
        head = recorder.head()
        connection = sqlite3.connect(copy)
        (data,) = connection.execute("SELECT data FROM events WHERE position = 1").fetchone()
        connection.close()
        stored = json.loads(plain(data)) | {"id": "new", "schema": 99}
        name = "member.joined" if known else "member.promoted"
        recorder.append([event(name, "member:ana", "entry:new", data=json.dumps(stored).encode())])
    error = UnknownVersion if known else UnknownFact
    with rl.open(copy) as ledger:
        with pytest.raises(error, match=f"position {head + 1}"):
            list(ledger.entries())
        with pytest.raises(error):
            ledger.as_of().member("ana")
        assert ledger.as_of(known_at=head).member("ana").membership.is_member
        kept = ledger.checkpoint(make.KEY)
        assert ledger.verify(kept, make.KEY.verifying).ok

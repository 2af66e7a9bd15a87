"""Kept columns: brought up to date, never trusted when damaged, never half-written by a crash."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from datetime import date
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import open_ledger
from identities import histories as identified
from replay.columns.tables import same
from replay.columns.writer import start
from reps_ledger.errors import InvalidInput
from reps_ledger.files import COLUMNS_MANIFEST
from reps_ledger.replay.columns import build, builder, load_or_build, store
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reps_ledger.log import Reading
    from reps_ledger.replay.columns import Columns
    from reps_ledger.testing.history import History

DAY = date(2018, 1, 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[rl.Ledger]:
    """A ledger in a file, whose columns are kept."""
    with open_ledger(tmp_path / "reps.db") as ledger:
        join(ledger, "ana", "ben")
        report = rl.ReportFiled(member="ana", activity="talk", areas=("a", "b"), amount=1.5)
        filed = ledger.record(report, by="ana", occurred_at=DAY)
        check = rl.ReportVerified(member="ana", report=filed.id, verifier="ben")
        ledger.record(check, by="ben", occurred_at=DAY)
        ledger.columns()
        yield ledger


@pytest.fixture
def folder(ledger: rl.Ledger, tmp_path: Path) -> Path:
    """The folder of its columns."""
    assert ledger.position
    return tmp_path / "reps.db.columns"


def join(ledger: rl.Ledger, *names: str) -> None:
    """Let people join."""
    for name in names:
        ledger.record(rl.MemberJoined(member=name), by="x", occurred_at=DAY)


def reading(ledger: rl.Ledger, at: int | None = None) -> Reading:
    """What a ledger knows."""
    return ledger.as_of(known_at=at).reading


class Read:
    """Counts the entries of which columns are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        take = builder.Builder.take

        def counted(made: builder.Builder, entries: Any) -> None:
            def each() -> Iterator[Any]:
                for entry in entries:
                    self.count += 1
                    yield entry

            take(made, each())

        monkeypatch.setattr(builder.Builder, "take", counted)

    def of(self, ledger: rl.Ledger) -> int:
        """Get the columns, check them, and return how many entries were read for that."""
        self.count = 0
        made = ledger.columns()
        count, whole = self.count, build(reading(ledger))
        assert same(made, whole)
        return count


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Counts what is read."""
    return Read(monkeypatch)


def test_only_what_is_new_is_read(ledger: rl.Ledger, read: Read) -> None:
    """Only new entries are read; after an amendment, those of whom it names too."""
    assert read.of(ledger) == 0
    join(ledger, "aaa", "zzz")
    assert read.of(ledger) == 2
    assert read.of(ledger) == 0
    last = ledger.record(rl.MemberJoined(member="cleo"), by="x", occurred_at=DAY)
    assert read.of(ledger) == 1
    ledger.record(rl.MemberRetired(member="cleo", how="resigned"), by="x", occurred_at=DAY)
    ledger.record(rl.EntryRetracted(target=last.id, reason="r"), by="x")
    assert read.of(ledger) == 1  # her retirement, and nothing of anybody else
    assert read.of(ledger) == 0


@rl.fact("talk-2.held")
@attrs.frozen(kw_only=True)
class TalkHeld:
    """A fact of a service, whose stored name has more than letters."""

    member: str
    talk: str


def test_files_of_any_kind_of_fact_are_cleared(tmp_path: Path) -> None:
    """What is used no more is removed, and the folder known for what it is, whatever facts are called."""
    place = tmp_path / "l.db.columns"
    with rl.open(tmp_path / "l.db", facts=[TalkHeld]) as ledger:
        join(ledger, "ana")
        for number in range(3):
            ledger.record(TalkHeld(member="ana", talk=f"t{number}"), by="ana")
            ledger.columns()
        assert len([*place.glob("talk-2.held.*")]) == 2
        (place / COLUMNS_MANIFEST).unlink()
        assert ledger.columns(folder=place).position == ledger.position


def test_where_an_amendment_names_nobody_all_is_read(ledger: rl.Ledger, read: Read) -> None:
    """There is nobody whose entries might be read instead."""
    founded = ledger.record(rl.CommunityFounded(community="docs"), by="x", occurred_at=DAY)
    assert read.of(ledger) == 1
    ledger.record(rl.EntryRetracted(target=founded.id, reason="r"), by="x")
    assert read.of(ledger) == ledger.position - 2  # but for the two that do not stand
    assert read.of(ledger) == 0


@pytest.mark.parametrize("name", ["entry.corrected", "members.merged", "members.unmerged"])
def test_whatever_amends_is_applied(ledger: rl.Ledger, read: Read, name: str) -> None:
    """Corrections, merges and their undoing change what was kept before them."""
    joined = next(ledger.entries(after=1))
    facts: dict[str, list[rl.Fact]] = {
        "entry.corrected": [
            rl.EntryCorrected(
                target=joined.id, replacement=rl.MemberJoined(member="ana", kind="staff"), reason="r"
            )
        ],
        "members.merged": [rl.MembersMerged(member="ben", duplicate="ana", reason="r")],
    }
    facts["members.unmerged"] = [
        *facts["members.merged"],
        rl.MembersUnmerged(member="ben", duplicate="ana", reason="r"),
    ]
    for fact in facts[name]:
        ledger.record(fact, by="x", occurred_at=None if name == "entry.corrected" else DAY)
        assert read.of(ledger) > 2
        assert read.of(ledger) == 0


def test_what_lasts_of_a_merged_person_is_kept(ledger: rl.Ledger, read: Read) -> None:
    """Also a leave that nobody covers: who nobody is has no identifier."""
    ledger.record(rl.LeaveStarted(member="ana"), by="x", occurred_at=DAY)
    ledger.record(rl.MembersMerged(member="ben", duplicate="ana"), by="x", occurred_at=DAY)
    assert read.of(ledger) > 2
    assert read.of(ledger) == 0
    ledger.record(rl.RoleAssigned(member="ben", role="lead"), by="x", occurred_at=DAY)
    assert read.of(ledger) == 1
    assert read.of(ledger) == 0


@examples(0.3)
@given(history=identified())
def test_identities_are_read_as_they_were_written(history: History) -> None:
    """Of whatever lasts, of people with several identifiers."""
    with history.ledger() as ledger, TemporaryDirectory() as folder:
        made = ledger.columns()
        store.write_columns(folder, made)
        assert same(store.read_columns(folder, history.registry), made)


def test_an_earlier_position_is_not_kept(ledger: rl.Ledger, folder: Path, read: Read) -> None:
    """Columns at an earlier position are built and not kept; those that are kept stay."""
    before = content(folder)
    assert ledger.columns(3).people == ("ana", "ben")
    assert content(folder) == before
    assert read.of(ledger) == 0


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_unchanged_is_not_written_again(ledger: rl.Ledger, folder: Path) -> None:
    """Files of kinds with nothing new stay; files that are no longer used are removed."""
    before = set(content(folder))
    fact = rl.RoleAssigned(member="ana", role="mentor", community="asia")
    ledger.record(fact, by="x", occurred_at=DAY)
    ledger.columns()
    after = set(content(folder))
    assert {name for name in before if name != "manifest.json"} < after
    join(ledger, "adam")
    ledger.columns()
    assert len(content(folder)) == len(after)
    assert len({name.split(".")[-3] for name in after if name.count(".") > 2}) == 6


def damages(folder: Path) -> list[Path]:
    """The files that can be damaged."""
    return sorted(folder.iterdir())


@examples(0.6)
@given(data=st.data())
def test_damage_is_seen(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A flipped bit, a lost end, a lost or an emptied file: the answer is right, and kept again."""
    folder = tmp_path_factory.mktemp("damage") / "columns"
    with open_ledger() as ledger:
        join(ledger, "ana", "ben")
        fact = rl.RoleAssigned(member="ana", role="mentor", community="asia")
        ledger.record(fact, by="x", occurred_at=DAY)
        right = load_or_build(reading(ledger), folder)
        path = data.draw(st.sampled_from(damages(folder)))
        whole = path.read_bytes()
        match data.draw(st.sampled_from(["flip", "cut", "grow", "lose", "empty", "folder"])):
            case "flip":
                place = data.draw(st.integers(0, len(whole) - 1))
                bit = 1 << data.draw(st.integers(0, 7))
                path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            case "cut":
                path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
            case "grow":
                path.write_bytes(whole + b"\0")
            case "lose":
                path.unlink()
            case "empty":
                path.write_bytes(b"")
            case "folder":
                path.unlink()
                path.mkdir()
                if data.draw(st.booleans()):
                    shutil.rmtree(path)
        assert same(load_or_build(reading(ledger), folder), right)
        join(ledger, "cleo")
        assert same(load_or_build(reading(ledger), folder), build(reading(ledger)))


def resealed(folder: Path, **changes: Any) -> None:
    """Write another manifest, with a checksum that fits."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_bytes())["manifest"], **changes}
    body = msgspec.json.encode(manifest)
    sealed = store._Sealed(hashlib.sha256(body).hexdigest(), msgspec.Raw(body))
    path.write_bytes(msgspec.json.encode(sealed))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 0},
        {"format": store.FORMAT + 1},
        {"key": None},
        {"key": "key.0"},
        {"registry": "0" * 64},
        {"position": 2},
        {"position": 1000},
        {"last": "another"},
        {"last": None},
        {"people": {"file": "../reps.db", "sha256": "0" * 64}},
        {"tables": {"no.such": [{"file": "x", "sha256": "0"}, {"file": "x", "sha256": "0"}]}},
        {"tables": {}, "more": 1},
    ],
    ids=str,
)
def test_a_manifest_of_something_else(
    ledger: rl.Ledger, folder: Path, read: Read, changes: dict[str, Any]
) -> None:
    """Another format, other facts, another log, another position: all is made anew, and kept."""
    resealed(folder, **changes)
    assert read.of(ledger) == ledger.position
    assert read.of(ledger) == 0


def test_a_manifest_that_was_altered(ledger: rl.Ledger, folder: Path, read: Read) -> None:
    """A well-formed manifest whose checksum does not match is not believed."""
    path = folder / "manifest.json"
    sealed = json.loads(path.read_bytes())
    ids = [entry.id for entry in ledger.entries()]
    sealed["manifest"] |= {"position": 3, "last": ids[2]}
    path.write_bytes(msgspec.json.encode(sealed))
    assert read.of(ledger) == ledger.position
    assert read.of(ledger) == 0


def test_accounts_are_told_apart_and_not_told(tmp_path: Path, read: Read) -> None:
    """No file has the name of an account, though it is known again; without the key all is made anew."""
    with open_ledger(tmp_path / "reps.db") as ledger:
        join(ledger, "ana", "ben")
        for member, account in (("ana", "ana-on-forge"), ("ben", "ben-on-forge")):
            ledger.record(rl.AccountLinked(member=member, provider="forge", account=account), by="x")
        ledger.columns()
        ledger.record(rl.AccountUnlinked(member="ana", provider="forge", account="ana-on-forge"), by="x")
        assert read.of(ledger) == 1
        codes = [
            {coded.values[code] for code in coded.codes.tolist()}
            for coded in (
                ledger.columns().table(f"account.{what}").keyed["account"] for what in ("linked", "unlinked")
            )
        ]
        assert len(codes[0]) == 2
        assert codes[1] < codes[0]
        (key,) = (tmp_path / "reps.db.columns").glob("key.*")
        assert key.stat().st_mode & 0o077 == 0
        for path in (tmp_path / "reps.db.columns").iterdir():
            assert b"on-forge" not in path.read_bytes()
        columns = ledger.columns()
        store.write_columns(tmp_path / "copy", columns)
        assert not [*(tmp_path / "copy").glob("key.*")]
        copied = store.read_columns(tmp_path / "copy", columns.registry).table("account.linked")
        assert len(copied.keyed["account"].values) == 2
        key.write_bytes(b"0" * 32)
        assert read.of(ledger) == ledger.position
        for path in (tmp_path / "reps.db.columns").glob("key.*"):  # what is not ours any more stays
            path.unlink()
        assert read.of(ledger) == ledger.position
        assert read.of(ledger) == 0


def test_files_that_are_swapped(ledger: rl.Ledger, folder: Path, read: Read) -> None:
    """Intact files swapped between tables are noticed."""
    tables = json.loads((folder / "manifest.json").read_bytes())["manifest"]["tables"]
    swapped = {**tables, "member.joined": tables["report.filed"]}
    resealed(folder, tables=swapped)
    assert read.of(ledger) == ledger.position
    arrays = tables["member.joined"][0]
    resealed(folder, tables={**tables, "member.joined": [arrays, arrays]})
    assert read.of(ledger) == ledger.position


def test_another_ledger_in_its_place(tmp_path: Path) -> None:
    """Columns of a deleted ledger are not used for a new one of the same name."""
    for names in (["ana", "ben"], ["cleo", "dev"], ["eve"]):
        with open_ledger(tmp_path / "reps.db") as ledger:
            join(ledger, *names)
            assert ledger.columns().people == tuple(names)
            assert ledger.columns().people == tuple(names)
        for path in tmp_path.glob("reps.db*"):
            if path.is_file():
                path.unlink()


def test_other_kinds_of_fact(ledger: rl.Ledger, tmp_path: Path) -> None:
    """A ledger opened with other facts makes its columns anew."""
    kept = ledger.columns()
    with rl.open(tmp_path / "reps.db") as plain:
        made = plain.columns()
        assert same(made, kept)
        with pytest.raises(rl.InvalidInput):
            made.table("mentoring.held")
    assert len(ledger.columns().table("mentoring.held")) == 0


def test_columns_outlive_their_files(ledger: rl.Ledger, folder: Path) -> None:
    """What was loaded can be read to the end, also when the files are removed meanwhile."""
    right = build(reading(ledger))
    loaded = ledger.columns()
    shutil.rmtree(folder)
    assert same(loaded, right)
    assert not loaded.table("report.filed").fields["areas"].codes.flags.writeable


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written(
    ledger: rl.Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    """Without space or permission to write, the answer is the same and kept columns stay."""
    join(ledger, "cleo")
    before = content(folder)

    def fails(_: int) -> None:
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        assert ledger.columns().people == ("ana", "ben", "cleo")
    assert content(folder) == before
    file = folder.parent / "file"
    file.write_text("not a folder")
    with pytest.raises(rl.PathTaken, match="no folder"):
        ledger.columns(folder=file)
    assert ledger.columns(folder=file / "below").position == 6


def test_what_is_later_stays(ledger: rl.Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow writer of an earlier position does not overwrite a later one."""
    earlier = reading(ledger)
    shutil.rmtree(folder)
    join(ledger, "cleo")
    slow = build

    def overtaken(of: Reading) -> Columns:
        monkeypatch.setattr(store, "build", slow)
        ledger.columns()
        return slow(of)

    monkeypatch.setattr(store, "build", overtaken)
    assert load_or_build(earlier, folder).people == ("ana", "ben")
    manifest = json.loads((folder / "manifest.json").read_bytes())["manifest"]
    assert manifest["position"] == 6


def test_leftovers_are_cleared(ledger: rl.Ledger, folder: Path) -> None:
    """Files left by an old crash are removed; recent ones may be another process's and stay.

    Files are known by their content's digest in their names; others with such names are not ours.
    """
    number, other = hashlib.sha256(b"?").hexdigest()[:16], "0123456789abcdef"
    old = [
        folder / f"member.joined.{number}.parquet",
        folder / f".reps-{number}.tmp",
        folder / f"key.{number}",
    ]
    new = folder / f".reps-{other}.tmp"
    names = ("thesis.docx", "people.parquet", "key.txt", ".bashrc", f".people.{number}.tmp")
    others = [folder / name for name in (*names, f"sales.{other}.parquet", f"key.{other}")]
    for path in (*old, new, *others):
        path.write_bytes(b"?")
    long_ago = time.time() - 100_000
    for path in (*old, *others):
        os.utime(path, (long_ago, long_ago))
    join(ledger, "cleo")
    ledger.columns()
    assert not any(path.exists() for path in old)
    assert new.exists()
    assert all(path.exists() for path in others)


def test_a_folder_of_something_else_is_refused(ledger: rl.Ledger, tmp_path: Path) -> None:
    """What lies there stays as it is, and no file of ours comes to it."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.docx").write_text("precious")
    with pytest.raises(InvalidInput, match="something else than columns"):
        ledger.columns(folder=mine)
    with pytest.raises(InvalidInput, match="something else than columns"):
        store.write_columns(mine, ledger.columns())
    assert [path.name for path in mine.iterdir()] == ["thesis.docx"]
    (mine / "thesis.docx").rename(mine / "manifest.json")  # as many programs call a file
    with pytest.raises(InvalidInput, match="something else than columns"):
        ledger.columns(folder=mine)
    assert (mine / "manifest.json").read_text() == "precious"
    assert ledger.columns(folder=tmp_path / "new").position == ledger.position
    (tmp_path / "new" / "notes.txt").write_text("mine, added later")
    assert ledger.columns(folder=tmp_path / "new").position == ledger.position
    assert (tmp_path / "new" / "notes.txt").exists()


def test_a_writer_that_is_killed(tmp_path: Path) -> None:
    """Whatever step of writing a process is killed at, the next one can go on."""
    path = tmp_path / "reps.db"
    step = 0
    with rl.open(path) as ledger, start(path, "killed") as program:
        join(ledger, "ana", "ben")
        ledger.columns()
        while True:
            join(ledger, f"m{step}")
            program.tell(str(step))
            said = program.hear()
            right = build(reading(ledger))
            assert same(load_or_build(reading(ledger, ledger.position), None), right)
            shutil.copytree(path.with_name("reps.db.columns"), tmp_path / f"copy{step}")
            assert same(load_or_build(reading(ledger), tmp_path / f"copy{step}"), right)
            if said == "ended with 0":
                break
            assert said == "killed"
            step += 1
    assert step > 8


def test_many_at_once(tmp_path: Path) -> None:
    """Processes that record and write columns at the same time get, and leave, correct ones."""
    path = tmp_path / "reps.db"
    with rl.open(path) as ledger:
        join(ledger, "ana")
        others = [start(path, name) for name in ("one", "two", "three")]
        for process in others:
            with process:
                assert process.end() == "done\n"
        assert same(ledger.columns(), build(reading(ledger)))
        assert len(ledger.columns().people) == 46

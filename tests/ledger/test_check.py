"""The whole log judged again: what was recorded is as it should be, and what is not is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from msgspec.structs import replace
from typer.testing import CliRunner

import reps_ledger as rl
from golden import make
from histories import Offer, fill, histories, open_ledger
from intruders import unguarded, unsound
from reps_ledger.audit import make_key
from reps_ledger.cli.app import app
from reps_ledger.domain.entries import row_tag
from reps_ledger.ledger import CHECKS, NOTES
from reps_ledger.ledger import check as checking
from reps_ledger.policies.charter import Authority, Charter
from reps_ledger.salted import plain, salt
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECOND: Final = "0190a5a4-0000-7000-8000-000000000002"
NOON: Final = datetime(2018, 3, 1, 12, tzinfo=UTC)


def entry(fact: Any, entry_id: str = "0190a5a4-0000-7000-8000-000000000001", **more: Any) -> rl.Entry:
    """An entry of a fact, as somebody might make one who knows the form."""
    given = {"id": entry_id, "recorded_at": NOON, "occurred_at": NOON, "by": "council", **more}
    return rl.Entry(**given, fact=fact)


def append(
    ledger: rl.Ledger,
    *entries: rl.Entry,
    change: Callable[[bytes], bytes] = bytes,
    without: str | None = None,
) -> None:
    """Append entries behind the rules; tags that they have are beside those of their facts."""
    log, judge = ledger._core.log, ledger._core.recording.judge()
    tagged = [replace(each, tags=(*judge.tags(each.fact, each.id), *each.tags)) for each in entries]
    if without is not None:
        tagged = [replace(each, tags=tuple(tag for tag in each.tags if tag != without)) for each in tagged]
    events = log.events(tagged)
    for event in events:
        event.data = change(event.data)
    with unsound(log.recorder):
        log.recorder.append(events)


def codes(ledger: rl.Ledger) -> list[tuple[str, int | None]]:
    """What is found, and where."""
    return [(found.code, found.position) for found in ledger.check()]


@pytest.fixture
def ledger(sqlite_path: Path) -> Iterator[rl.Ledger]:
    """A small ledger in a file, with all its caches."""
    with rl.open(sqlite_path) as opened:
        for member in ("ana", "ben"):
            opened.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
        opened.record(rl.RoleAssigned(member="ana", role="lead"), by="council", occurred_at=date(2018, 2, 1))
        opened.import_history(
            [{"fact": "report.filed", "member": "ben", "activity": "talk", "occurred_at": "2018-02-02"}]
        )
        opened.columns()
        opened.state().close()
        opened.checkpoint(make_key("example.org/reps"))
        yield opened


def test_what_was_recorded_is_as_it_should_be(ledger: rl.Ledger) -> None:
    """A ledger that nobody tampered with, and its caches, are whole; asking changes nothing."""
    path = ledger._core.log.path
    assert path is not None
    before = sorted((each.name, each.stat().st_mtime_ns) for each in path.parent.iterdir())
    progress: list[tuple[int, int]] = []
    assert ledger.check(on_progress=lambda done, of: progress.append((done, of))) == ()
    assert progress == [(5, 5)]
    kept = {name for name, _ in before if name.endswith((".db", ".tree"))}
    after = sorted((each.name, each.stat().st_mtime_ns) for each in path.parent.iterdir())
    assert [each for each in after if each[0] in kept] == [each for each in before if each[0] in kept]


@pytest.mark.parametrize("small", [False, True], ids=["", "with a small memory"])
@examples(0.4)
@given(told=histories())
def test_whatever_the_rules_allow_is_allowed_again(small: bool, told: list[Offer]) -> None:
    """Facts of every kind, corrections, retractions and merges are found to be right, in any batches."""
    with pytest.MonkeyPatch.context() as patched, open_ledger() as ledger:
        if small:
            patched.setattr(checking, "_BATCH", 3)
            patched.setattr(checking, "LARGEST_MEMORY", 0)
        fill(ledger, told)
        assert [found for found in ledger.check() if found.code not in NOTES] == []


@pytest.mark.parametrize("version", sorted(path.parent.name for path in make.FOLDER.glob("*/ledger.db")))
def test_ledgers_of_before_are_right_but_declare_no_zone(version: str, tmp_path: Path) -> None:
    """What older releases recorded is judged alike; where no zone was declared, it is said."""
    path = Path(shutil.copy(make.FOLDER / version / "ledger.db", tmp_path / "ledger.db"))
    with make.opened(path) as ledger:
        found = codes(ledger)
    notes: dict[str, list[tuple[str, int | None]]] = {
        "0.1.0": [("no_zone", None)],
        "0.2.0.dev3": [("voided", 64)],
        "0.2.0.dev4": [("voided", 66)],
    }
    assert found == notes.get(version, [])


JOINED: Final = rl.MemberJoined(member="cleo")
BEHIND: Final[dict[str, tuple[list[rl.Entry], Callable[[bytes], bytes], list[str]]]] = {
    "what is right": ([entry(JOINED)], bytes, []),
    "somebody joins twice": ([entry(rl.MemberJoined(member="ana"))], bytes, ["refused"]),
    "a role of nobody": ([entry(rl.ReportFiled(member="zoe", activity="talk"))], bytes, ["refused"]),
    "a tag too many": ([entry(JOINED, tags=("member:ana",))], bytes, ["tags"]),
    "an id twice": ([entry(JOINED), entry(rl.MemberJoined(member="dan"))], bytes, ["id_repeated"]),
    "a tag twice": ([entry(JOINED, tags=("member:cleo",))], bytes, ["tags"]),
    "a row twice": (
        [
            entry(JOINED, tags=(row_tag("7"),)),
            entry(
                rl.MemberJoined(member="dan"), "0190a5a4-0000-7000-8000-000000000002", tags=(row_tag("7"),)
            ),
        ],
        bytes,
        ["row_repeated"],
    ),
    "spaces": ([entry(JOINED)], lambda data: data.replace(b',"by"', b', "by"'), ["not_canonical"]),
    "a name twice": (
        [entry(JOINED)],
        lambda data: data.replace(b'"by":"council"', b'"by":"mallory","by":"council"'),
        ["not_canonical"],
    ),
    "no salt": ([entry(JOINED)], plain, []),
    "no JSON": ([entry(JOINED)], lambda _: b"\x00\xff", ["no_entry"]),
    "an unknown field": ([entry(JOINED)], lambda data: data[:-1] + b',"x":1}', ["no_entry"]),
    "too long a name": ([entry(rl.MemberJoined(member="cleo"), by="c" * 201)], bytes, ["invalid"]),
    "a text that may not be": (
        [entry(rl.ReportFiled(member="ana", activity="talk"))],
        lambda data: salt(plain(data).replace(b'"talk"', b'"ta\\u0007lk"')),
        ["invalid"],
    ),
}
"""What is appended behind the rules, how its bytes are changed, and what is found."""


@pytest.mark.parametrize("what", BEHIND)
def test_what_was_appended_behind_the_rules_is_found(ledger: rl.Ledger, what: str) -> None:
    """Somebody appends rows with SQL, or with the recorder: what a rule would have refused is named."""
    entries, change, expected = BEHIND[what]
    append(ledger, *entries, change=change)
    position = ledger.position
    assert codes(ledger) == [(code, position) for code in expected]
    for found in ledger.check():
        assert found.code in CHECKS
        assert f"position {found.position}" in found.words


@pytest.mark.parametrize("tag", ["member:cleo", "member-form:cleo", f"entry:{entry(JOINED).id}"])
def test_an_entry_that_is_not_found_by_a_tag_is_found(ledger: rl.Ledger, tag: str) -> None:
    """Without one of its tags an entry would be hidden from who looks for it."""
    append(ledger, entry(JOINED), without=tag)
    (found,) = ledger.check()
    assert (found.code, found.position) == ("tags", 6)
    assert f"lacking: {tag}" in found.words


def test_what_comes_after_what_cannot_be_read_is_judged(ledger: rl.Ledger) -> None:
    """One bad row does not end a check: others are judged by all that can be read."""
    append(ledger, entry(JOINED), change=lambda _: b"[]")
    append(ledger, entry(rl.MemberJoined(member="ana"), "0190a5a4-0000-7000-8000-000000000003"))
    append(ledger, entry(rl.MemberJoined(member="eve"), "0190a5a4-0000-7000-8000-000000000004"))
    assert codes(ledger) == [("no_entry", 6), ("refused", 7)]


def test_what_depends_on_what_cannot_be_read_is_not_judged(
    ledger: rl.Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the log has to be asked again for what cannot be read, that is said of each entry."""
    monkeypatch.setattr(checking, "LARGEST_MEMORY", 0)
    monkeypatch.setattr(checking, "_BATCH", 1)
    append(ledger, entry(JOINED), change=lambda _: b"[]")
    append(ledger, entry(rl.ReportFiled(member="cleo", activity="a"), "0190a5a4-0000-7000-8000-000000000003"))
    append(ledger, entry(rl.ReportFiled(member="ana", activity="a"), "0190a5a4-0000-7000-8000-000000000004"))
    assert codes(ledger) == [("no_entry", 6), ("unjudged", 7)]


def test_the_charter_of_its_time_is_applied(ledger: rl.Ledger) -> None:
    """What a charter forbids from some day on is found after that day, and not before."""
    charter = Charter(
        name="reps", version="1", authorities=[Authority(fact="role.assigned", actors=("council",))]
    )
    append(ledger, entry(rl.RoleAssigned(member="ben", role="a"), by="mallory"))
    before = [found for found in codes(ledger) if found[0] == "refused"]
    ledger.adopt(charter, by="council", occurred_at=date(2018, 6, 1))
    late = datetime(2018, 7, 1, tzinfo=UTC)
    again = entry(
        rl.RoleAssigned(member="ben", role="b"),
        "0190a5a4-0000-7000-8000-000000000009",
        by="mallory",
        occurred_at=late,
    )
    append(ledger, again)
    after = [found for found in codes(ledger) if found[0] == "refused"]
    assert (before, after) == ([], [("refused", ledger.position)])


def test_an_edit_of_the_log_shows_in_its_caches(ledger: rl.Ledger, sqlite_path: Path) -> None:
    """An entry that was edited is whole by itself; columns, the tree and tables know what it was."""
    with unguarded(sqlite_path) as connection:
        connection.execute(
            'UPDATE events SET data = CAST(replace(data, \'"role":"lead"\', \'"role":"boss"\') AS BLOB) '
            "WHERE type = 'role.assigned'"
        )
    found = [each.words for each in ledger.check() if each.code == "cache"]
    assert "the tree's cache: the entry at position 4 is not what it was" in found
    assert "columns: role.assigned: role differs" in found
    assert any(words.startswith("tables of state: span") for words in found)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE span SET k1 = 'boss' WHERE kind = 'role.assigned'", "tables of state: span"),
        ("DELETE FROM member WHERE member = 'ben'", "tables of state: member lacks member 'ben'"),
    ],
)
def test_a_cache_that_was_edited_is_found(
    ledger: rl.Ledger, sqlite_path: Path, statement: str, words: str
) -> None:
    """Whoever edits what lies beside the log changes no log, and is found."""
    with closing(sqlite3.connect(f"{sqlite_path}.state", isolation_level=None)) as connection:
        connection.execute(statement)
    assert any(words in each.words for each in ledger.check() if each.code == "cache")


def test_dropped_guards_are_found(ledger: rl.Ledger, sqlite_path: Path) -> None:
    """The database's own check is part of it."""
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_keep")
        connection.execute("DROP TRIGGER tags_stay")
        connection.execute("DELETE FROM tags WHERE tag = 'member:ben' AND position = 3")
    words = [each.words for each in ledger.check() if each.code == "database"]
    assert "events_keep is missing" in words
    assert "position 3: the tag 'member:ben' is not in the index" in words


def test_there_may_be_more_than_were_asked_for(ledger: rl.Ledger) -> None:
    """A check ends after so many findings, and says that there are more."""
    for number in range(5):
        append(ledger, entry(rl.MemberJoined(member="ana"), f"0190a5a4-0000-7000-8000-00000000001{number}"))
    assert [found.code for found in ledger.check(most=3)] == ["refused"] * 3 + ["more"]
    assert [found.code for found in ledger.check(most=5)] == ["refused"] * 5


def test_on_postgres(postgres_dsn: str) -> None:
    """There too, rows behind the rules are found; and the tables in its schema are looked at."""
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.state().close()
        assert ledger.check() == ()
        append(ledger, entry(rl.MemberJoined(member="ana")))
        assert codes(ledger) == [("refused", ledger.position)]


def test_on_the_command_line(ledger: rl.Ledger, sqlite_path: Path) -> None:
    """It says what is wrong, a line each, and exits with 1; as JSON too."""
    run = CliRunner()
    done = run.invoke(app, ["check", "-l", str(sqlite_path)])
    assert (done.exit_code, done.output) == (0, "5 entries were judged again; nothing is wrong.\n")
    append(ledger, entry(rl.MemberJoined(member="ana")))
    done = run.invoke(app, ["check", "-l", str(sqlite_path)])
    assert done.exit_code == 1
    assert "refused: position 6: already_joined" in done.stderr
    done = run.invoke(app, ["check", "-l", str(sqlite_path), "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"], told["position"]) == (1, False, 6)
    assert [(found["code"], found["position"]) for found in told["findings"]] == [("refused", 6)]

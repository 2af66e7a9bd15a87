"""A history as it was recorded, out and in again: nothing of it changes, and nothing broken is taken in."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import tracemalloc
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import reps_ledger as rl
from golden import make
from intruders import unguarded
from recorders import event
from reps_ledger.audit import make_key
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.importers.as_recorded import MAX_LINE, import_as_recorded, write_as_recorded
from reps_ledger.log import Codec, EventLog
from reps_ledger.log.sqlite import SQLiteRecorder
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.domain.facts import LedgerDeclared
    from reps_ledger.log.storage import Stored

KINDS: Final = ["memory", "sqlite", "postgres"]


@rl.fact("mentoring.held", act="member")
@attrs.frozen(kw_only=True)
class MentoringHeld:
    """A fact of a service's own."""

    member: str
    minutes: int


@rl.fact("mentoring.held", version=2, act="member")
@attrs.frozen(kw_only=True)
class MentoringHeldAgain:
    """The same in its second version."""

    member: str
    hours: float


UPCASTER: Final = rl.Upcaster(
    "mentoring.held", 1, lambda fields: {"member": fields["member"], "hours": fields["minutes"] / 60}
)


def tell(ledger: rl.Ledger) -> None:
    """Record something of every sort."""
    for member in ("ana", "ben", "cleo"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
    vouch = ledger.record(
        rl.Vouched(member="ana", voucher="ben", reason="é “\u2028”\n"), by="ben", command_id="c"
    )
    ledger.record_all(
        [MentoringHeld(member="ana", minutes=number) for number in range(300)], by="ana", command_id="many"
    )
    ledger.record(
        rl.EntryCorrected(
            target=vouch.id,
            reason="it was another Ben",
            replacement=rl.Vouched(member="ana", voucher="cleo", reason="known"),
        ),
        by="council",
    )
    ledger.record(rl.MembersMerged(member="ben", duplicate="cleo", reason="one person"), by="council")


def stored(ledger: rl.Ledger) -> list[Stored]:
    """All that a ledger has, as it is stored."""
    return list(ledger._core.log.stored())


@pytest.fixture
def target_of(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], Any]]:
    """Where a ledger of a kind is made, by name."""

    def target(kind: str, name: str) -> Any:
        if kind == "postgres":
            dsn: str = request.getfixturevalue("postgres_dsn")
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {dsn.rsplit('/', 1)[1]}_{name}")
            databases.append(f"{dsn}_{name}")
            return databases[-1]
        return None if kind == "memory" else tmp_path / f"{name}.db"

    databases: list[str] = []
    yield target
    for each in databases:
        server, _, database = each.rpartition("/")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.mark.parametrize("into", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_nothing_changes(
    source: str, into: str, target_of: Callable[[str, str], Any], tmp_path: Path
) -> None:
    """Every byte is as it was, on any log; an old checkpoint verifies the new ledger, and so do proofs."""
    key = make_key("example.org/reps")
    path = tmp_path / "history.jsonl.gz"
    with rl.open(target_of(source, "a"), facts=[MentoringHeld]) as ledger:
        tell(ledger)
        kept = ledger.checkpoint(key)
        ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
        before, entries = stored(ledger), list(ledger.entries())
        history = ledger.history("ana").entries
        proof = ledger.prove(5, at=kept)
        assert ledger.export(path, as_recorded=True) == len(before)
    with rl.open(target_of(into, "b"), facts=[MentoringHeld]) as again:
        assert again.import_as_recorded(path) == len(before) == again.position
        assert stored(again) == before
        assert list(again.entries()) == entries
        assert again.verify(kept, key.verifying).ok
        assert again.prove(5, at=kept) == proof
        assert list(again.history("ana").entries) == list(history)
        assert again.record(
            rl.Vouched(member="ana", voucher="ben", reason="é “\u2028”\n"), by="ben", command_id="c"
        ).repeated
        assert (
            again.record(rl.ReportFiled(member="ana", activity="last"), by="ana").position == len(before) + 1
        )
        assert again.verify(kept, key.verifying).ok


def test_what_is_not_known_here_goes_through(tmp_path: Path) -> None:
    """Kinds of fact without a class, and versions that upcasters change, keep their bytes."""
    with rl.open(tmp_path / "a.db", facts=[MentoringHeld]) as ledger:
        tell(ledger)
        before = stored(ledger)
    out = io.BytesIO()
    with rl.open(tmp_path / "a.db") as ignorant:
        with pytest.raises(rl.UnknownFact):
            list(ignorant.entries())
        ignorant.export(out, as_recorded=True)
    with rl.open(tmp_path / "a.db", facts=[MentoringHeldAgain], upcasters=[UPCASTER]) as later:
        assert later.export(tmp_path / "later.jsonl", as_recorded=True) == len(before)
        assert (tmp_path / "later.jsonl").read_bytes() == out.getvalue()
    with rl.open(tmp_path / "b.db") as ignorant:
        ignorant.import_as_recorded(out.getvalue().splitlines())
        assert stored(ignorant) == before
    with rl.open(tmp_path / "b.db", facts=[MentoringHeldAgain], upcasters=[UPCASTER]) as later:
        held = [entry.fact for entry in later.entries() if entry.name == "mentoring.held"]
        assert held[60] == MentoringHeldAgain(member="ana", hours=1.0)


@pytest.mark.parametrize("version", sorted(path.parent.name for path in make.FOLDER.glob("*/ledger.db")))
def test_ledgers_of_older_versions(version: str, tmp_path: Path) -> None:
    """What an older version wrote stays as it wrote it."""
    old = shutil.copy(make.FOLDER / version / "ledger.db", tmp_path / "old.db")
    with rl.open(old) as ledger, rl.open(tmp_path / "new.db") as again:
        ledger.export(tmp_path / "history.jsonl", as_recorded=True)
        again.import_as_recorded(tmp_path / "history.jsonl")
        assert stored(again) == stored(ledger)


class Bare:
    """A log without a ledger around it."""

    def __init__(self, recorder: SQLiteRecorder) -> None:
        self.log = EventLog(recorder, Codec(Registry(BUILT_IN)))

    def must_fit(self, declared: LedgerDeclared) -> None:
        """It fits every zone."""


TEXTS: Final = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
EVENTS: Final = st.lists(
    st.tuples(TEXTS, st.binary(max_size=30) | TEXTS.map(str.encode), st.lists(TEXTS)), max_size=20
)


@examples(1)
@given(EVENTS)
@example([("a", b"", []), ("", b"\xff\0", ["", 'é\u2028\x7f\\"', "é"]), ("x", b'{"entries":1}', ["x", "x"])])
def test_anything_that_is_stored_comes_back(rows: list[tuple[str, bytes, list[str]]]) -> None:
    """Whatever bytes, names and tags there are."""
    with SQLiteRecorder(":memory:") as recorder, SQLiteRecorder(":memory:") as other:
        for name, data, tags in rows:
            recorder.append([event(name, *tags, data=data)])
        source, target, out = Bare(recorder), Bare(other), io.BytesIO()
        assert write_as_recorded(source.log, len(rows), out) == len(rows)
        assert import_as_recorded(target, out.getvalue().split(b"\n")[:-1]) == len(rows)
        assert list(target.log.stored()) == list(source.log.stored())
        assert other.integrity_check() == []


def behind(path: Path, *rows: tuple[str, bytes, str]) -> None:
    """Append rows behind the rules and the guards, with their tags in the index."""
    with unguarded(path) as connection:
        for name, data, tags in rows:
            connection.execute(
                "INSERT INTO events SELECT max(position) + 1, ?, ?, ? FROM events", (name, data, tags)
            )
        connection.execute(
            "INSERT OR IGNORE INTO tags SELECT j.value, e.type, e.position FROM events e, json_each(e.tags) j"
        )


def test_what_cannot_be_read_as_a_fact_goes_through(tmp_path: Path, postgres_dsn: str) -> None:
    """Bytes that are no JSON, and tags that are written otherwise, which PostgreSQL cannot keep."""
    with rl.open(tmp_path / "a.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    behind(tmp_path / "a.db", ("x", b"\x00\xff", '["a"]'), ("ledger.declared", b"{}", "[]"))
    with rl.open(tmp_path / "a.db") as ledger:
        ledger.export(tmp_path / "fine.jsonl", as_recorded=True)
    behind(tmp_path / "a.db", ("y", b"{}", '["a", "b"]'))
    with rl.open(tmp_path / "a.db") as ledger:
        before = stored(ledger)
        ledger.export(tmp_path / "odd.jsonl", as_recorded=True)
    with rl.open(tmp_path / "b.db") as again:
        assert again.import_as_recorded(tmp_path / "odd.jsonl") == 5
        assert stored(again) == before
    with rl.open(postgres_dsn) as again:
        with pytest.raises(
            rl.ImportStopped, match="line 6: its tags are not written as a ledger writes them"
        ):
            again.import_as_recorded(tmp_path / "odd.jsonl")
        assert again.position == 0
        assert again.import_as_recorded(tmp_path / "fine.jsonl") == 4
        assert stored(again) == before[:4]


def lines_of(count: int = 6) -> list[bytes]:
    """The lines of a small history: a header, entries, and the end."""
    out = io.BytesIO()
    with rl.open() as ledger:
        for number in range(count):
            ledger.record(rl.MemberJoined(member=f"m{number}"), by="council")
        ledger.export(out, as_recorded=True)
    return out.getvalue().splitlines()


def changed(line: bytes, **values: object) -> bytes:
    """A line with other values; None takes one away."""
    row = {**json.loads(line), **values}
    return json.dumps({name: value for name, value in row.items() if value is not None}).encode()


def broken() -> dict[str, tuple[int, str, list[bytes]]]:
    """Files that are not what was exported, each with the line that says so."""
    good = lines_of()
    *rest, end = good
    data = json.loads(good[3])["data"]
    return {
        "empty": (1, "is empty", []),
        "no header": (1, "not exported as it was", good[1:]),
        "of another kind": (1, "not exported as it was", [b'{"fact":"member.joined","member":"ana"}']),
        "of a later format": (1, "of another format", [changed(good[0], format=2), *good[1:]]),
        "a header more": (2, "no entry", [good[0], *good]),
        "cut after a line": (5, "cut short", good[:4]),
        "cut in a line": (4, "no entry", [*good[:3], good[3][:50]]),
        "without its end": (8, "cut short", rest),
        "an entry missing": (4, "position 4 follows 2", [*good[:3], *good[4:]]),
        "the first missing": (2, "position 2 follows 0", [good[0], *good[2:]]),
        "the last missing": (7, "6 entries were exported", [*good[:6], end]),
        "an entry twice": (5, "position 3 comes after 3", [*good[:4], good[3], *good[4:]]),
        "two exchanged": (4, "position 4 follows 2", [*good[:3], good[4], good[3], *good[5:]]),
        "an entry changed": (
            4,
            "another hash",
            [*good[:3], changed(good[3], data=data.replace("m2", "m9")), *good[4:]],
        ),
        "a tag changed": (4, "another hash", [*good[:3], changed(good[3], tags=["member:m9"]), *good[4:]]),
        "a name changed": (
            4,
            "another hash",
            [*good[:3], changed(good[3], fact="member.retired"), *good[4:]],
        ),
        "a position changed": (4, "another hash", [*good[:3], changed(good[3], position=9), *good[4:]]),
        "no bytes": (4, "either data or base64", [*good[:3], changed(good[3], data=None), *good[4:]]),
        "no base64": (4, "no entry", [*good[:3], changed(good[3], data=None, base64="é"), *good[4:]]),
        "more values": (4, "no entry", [*good[:3], changed(good[3], more=1), *good[4:]]),
        "a position of text": (4, "no entry", [*good[:3], changed(good[3], position="3"), *good[4:]]),
        "half a character": (4, "no entry", [*good[:3], b'{"position":3,"fact":"\\ud800"}', *good[4:]]),
        "not UTF-8": (4, "no entry", [*good[:3], b'{"fact":"\xff"}', *good[4:]]),
        "a blank line": (4, "no entry", [*good[:3], b"", *good[3:]]),
        "another end": (8, "another root", [*rest, changed(end, root="A" * 43 + "=")]),
        "an end of another kind": (8, "no last line", [*rest, b'{"entries":"6"}']),
        "more after the end": (9, "follows the last line", [*good, good[6]]),
    }


BROKEN: Final = broken()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_its_line(name: str, sqlite_path: Path, tmp_path: Path) -> None:
    """Nothing of it is kept, and what was exported goes in afterwards."""
    number, words, lines = BROKEN[name]
    (tmp_path / "file.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    with rl.open(sqlite_path) as ledger:
        for source in (tmp_path / "file.jsonl", lines):
            with pytest.raises(rl.ImportStopped, match=words) as stopped:
                ledger.import_as_recorded(source)
            assert stopped.value.line == number
            assert "nothing was imported" in str(stopped.value)
            assert ledger.position == 0
        assert ledger.import_as_recorded(lines_of()) == 6
        assert ledger._core.log.recorder.integrity_check() == []  # type: ignore[attr-defined]  # the ledger's own recorder


def test_a_broken_file_is_refused_by_postgres_too(postgres_dsn: str) -> None:
    """The same in one database: whatever is tried, it stays empty, and positions begin at 1."""
    with rl.open(postgres_dsn) as ledger:
        for name, (number, words, lines) in BROKEN.items():
            gap = "position 4 follows" in words or "position 2 follows" in words
            with pytest.raises(rl.ImportStopped) as stopped:
                ledger.import_as_recorded(lines)
            if gap:  # PostgreSQL leaves some; an order that is wrong it sees, and else the end tells
                assert re.search("comes after|entries were exported", str(stopped.value)), name
            else:
                assert (stopped.value.line, words in str(stopped.value)) == (number, True), name
            assert ledger.position == 0
        assert ledger.import_as_recorded(lines_of()) == 6
        assert ledger.record(rl.MemberJoined(member="new"), by="council").position == 7


def test_a_packed_file_that_is_cut(tmp_path: Path) -> None:
    """Gzip that ends too soon is damage at the line where it does."""
    packed = gzip.compress(b"\n".join(lines_of(200)))
    path = tmp_path / "history.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with rl.open() as ledger:
        with pytest.raises(rl.ImportStopped, match="damaged from here on") as stopped:
            ledger.import_as_recorded(path)
        assert stopped.value.line > 2
        assert ledger.position == 0


def test_a_line_without_end(tmp_path: Path) -> None:
    """A line that is longer than any entry is refused, and not read whole."""
    path = tmp_path / "long.jsonl"
    good = lines_of()
    with path.open("wb") as file:
        file.write(good[0] + b'\n{"position":1,"fact":"')
        for _ in range(3 * MAX_LINE // (1 << 20)):
            file.write(b"x" * (1 << 20))
    with rl.open() as ledger, pytest.raises(rl.ImportStopped, match="line 2: the row is longer"):
        ledger.import_as_recorded(path)


def test_a_ledger_that_is_not_empty(shared_target: str) -> None:
    """What was recorded is never mixed with what is."""
    with rl.open(shared_target) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        before = stored(ledger)
        with pytest.raises(rl.InvalidInput, match="only an empty ledger"):
            ledger.import_as_recorded(lines_of())
        assert stored(ledger) == before


def test_an_interrupt_leaves_nothing(shared_target: str) -> None:
    """Who stops it in the midst has an empty ledger, and imports again."""
    lines = lines_of(2_500)

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with rl.open(shared_target) as ledger:
        with pytest.raises(KeyboardInterrupt):
            ledger.import_as_recorded(lines, on_progress=interrupt)
        assert ledger.position == 0
        told: list[tuple[int, int]] = []
        assert ledger.import_as_recorded(lines, on_progress=lambda *each: told.append(each)) == 2_500
        assert told == [(1_000, 0), (2_000, 0)]


def test_the_zone_that_it_declares(tmp_path: Path) -> None:
    """A ledger takes over the zone of the history; opened for another one, it takes nothing."""
    with rl.open(tmp_path / "a.db", zone="Europe/Paris") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.export(tmp_path / "history.jsonl", as_recorded=True)
    with rl.open(tmp_path / "b.db", zone="Asia/Tokyo") as other:
        with pytest.raises(rl.OtherZone):
            other.import_as_recorded(tmp_path / "history.jsonl")
        assert other.position == 0
    with rl.open(tmp_path / "b.db") as fitting:
        fitting.import_as_recorded(tmp_path / "history.jsonl")
        assert str(fitting.zone) == "Europe/Paris"
        assert fitting.day(fitting.entry(next(fitting.entries()).id).recorded_at)


def test_a_part_of_a_history(tmp_path: Path) -> None:
    """What was known at a position is a history by itself."""
    with rl.open(tmp_path / "a.db", facts=[MentoringHeld]) as ledger, rl.open(tmp_path / "b.db") as again:
        tell(ledger)
        assert ledger.export(tmp_path / "part.jsonl", known_at=4, as_recorded=True) == 4
        assert again.import_as_recorded(tmp_path / "part.jsonl") == 4
        assert stored(again) == stored(ledger)[:4]


def test_gaps_of_postgres(target_of: Callable[[str, str], Any], tmp_path: Path) -> None:
    """Positions with gaps go into PostgreSQL as they are; SQLite says that it has none."""
    path = tmp_path / "history.jsonl"
    source = target_of("postgres", "a")
    with rl.open(source) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        with psycopg.connect(source) as connection:
            connection.execute("SELECT nextval('reps_events_tt_main_id_seq')")
        ledger.record(rl.MemberJoined(member="ben"), by="council")
        before = stored(ledger)
        assert [row[0] for row in before] == [1, 2, 4]
        ledger.export(path, as_recorded=True)
    with rl.open(target_of("postgres", "b")) as again:
        again.import_as_recorded(path)
        assert stored(again) == before
        assert again.record(rl.MemberJoined(member="cleo"), by="council").position == 5
    with rl.open() as again:
        with pytest.raises(rl.ImportStopped, match=r"line 4: position 4 follows 2, and .* no gaps"):
            again.import_as_recorded(path)
        assert again.position == 0


@pytest.mark.parametrize("log", ["umadb", "library"])
def test_logs_that_give_their_own_positions(targets: Any, log: str) -> None:
    """They are exported as they are, and say that they take in no such history."""
    with rl.open(targets(log)) as ledger:
        with pytest.raises(rl.StorageError, match="gives its own positions"):
            ledger.import_as_recorded(lines_of())
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        out = io.BytesIO()
        ledger.export(out, as_recorded=True)
        with rl.open() as again:
            again.import_as_recorded(out.getvalue().splitlines())
            assert stored(again) == stored(ledger)


def test_each_import_names_the_other(tmp_path: Path) -> None:
    """A file of one kind is not taken for one of the other, and never written as CSV."""
    (tmp_path / "stored.jsonl").write_bytes(b"\n".join(lines_of()))
    with rl.open() as ledger:
        with pytest.raises(rl.InvalidInput, match="import_as_recorded, or --as-recorded"):
            ledger.import_history(tmp_path / "stored.jsonl")
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        with pytest.raises(rl.InvalidInput, match="not as CSV"):
            ledger.export(tmp_path / "stored.csv", as_recorded=True)
        ledger.export(tmp_path / "rows.jsonl")
    with rl.open() as ledger, pytest.raises(rl.ImportStopped, match="by the rules"):
        ledger.import_as_recorded(tmp_path / "rows.jsonl")


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A history of any length goes through line by line."""
    path = tmp_path / "history.jsonl"
    with rl.open(tmp_path / "a.db") as ledger:
        ledger.record_all([rl.MemberJoined(member=f"m{number}") for number in range(101)], by="x")
        for shift in range(1, 41):
            vouches = [
                rl.Vouched(member=f"m{number}", voucher=f"m{(number + shift) % 101}", reason="x" * 8_000)
                for number in range(100)
            ]
            ledger.record_all(vouches, by="x")
        tracemalloc.start()
        try:
            ledger.export(path, as_recorded=True)
            with rl.open(tmp_path / "b.db") as again:
                again.import_as_recorded(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert path.stat().st_size > 32_000_000
    assert peak < 25_000_000

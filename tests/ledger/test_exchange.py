"""The exchange format: a history goes out to a file and comes in again, the same."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, Offer, fill, histories, open_ledger
from processes import Program
from reps_ledger.domain.entries import row_keys_in
from reps_ledger.importers.importing import _IN_MEMORY, Quarantine, RefusedRow
from reps_ledger.importers.rows import row_digest
from reps_ledger.interchange import cell_text, safe_cell
from reps_ledger.salted import is_salted
from scale import examples
from strategies import texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz")


def known_by(entry: rl.Entry) -> str:
    """Return by what an entry is known in every ledger: an imported row by its key, others by their id."""
    return next(iter(row_keys_in(entry.tags)), entry.id)


def said(ledger: rl.Ledger) -> list[tuple[Any, ...]]:
    """Return all that a ledger's entries say, but when and where they were recorded."""
    return [
        (known_by(e), e.occurred_at, e.day, e.by, e.on_behalf_of, e.command_id, e.source, e.schema, e.fact)
        for e in ledger.entries()
    ]


def read(ledger: rl.Ledger) -> list[Any]:
    """Return what everyone's history says now, person by person and as a whole."""
    people = [[(e.id, e.occurred_at, e.fact) for e in ledger.history(member)] for member in PEOPLE]
    return [*people, [(e.id, e.occurred_at, e.fact) for e in ledger.history()]]


def row(member: str, fact: str = "member.joined", on: str = "2018-01-01", **fields: Any) -> Any:
    """Make a row of the exchange format."""
    return {"fact": fact, "occurred_at": on, "by": "council", "member": member, **fields}


def everybody(count: int) -> list[Any]:
    """Make rows of people who join, each with a report."""
    joins = [row(f"p{number}") for number in range(count)]
    return joins + [row(f"p{n}", "report.filed", "2018-02-01", activity="t") for n in range(count)]


def codes(report: rl.ImportReport) -> list[tuple[int, tuple[str, ...]]]:
    """Return the line and the codes of every refused row."""
    return [(refused.line, refused.codes) for refused in report.refused]


@pytest.fixture
def ledger() -> Iterator[rl.Ledger]:
    """A ledger in memory."""
    with open_ledger() as opened:
        yield opened


# An empty text where nothing is the default is told from nothing in JSON, and not in CSV.
EMPTY_LINK: Final = [
    Offer(fact=rl.MemberJoined(member="ana", account=""), at=date(2018, 1, 1), envelope={"by": "c"})
]


def without_merges(told: list[Offer]) -> list[Offer]:
    """Leave out what says that two are one."""
    return [one for one in told if not isinstance(one.fact, rl.MembersMerged)]


def there_and_back(path: Path, told: list[Offer]) -> None:
    """Export what a ledger took of some offers, import it into an empty one, and compare."""
    with open_ledger() as source, open_ledger() as target:
        receipts = fill(source, told)
        assert source.export(path) == len(receipts) == source.position
        report = target.import_history(path)
        assert codes(report) == []
        assert (report.rows, report.recorded, report.known) == (len(receipts), len(receipts), 0)
        assert said(target) == said(source)
        assert read(target) == read(source)
        again = target.import_history(path)
        assert (again.recorded, again.known, len(again.refused)) == (0, len(receipts), 0)
        assert said(target) == said(source)


@given(told=histories().map(without_merges), suffix=st.sampled_from(SUFFIXES))
@example(told=EMPTY_LINK, suffix=".jsonl")
@example(told=EMPTY_LINK, suffix=".csv")
@examples(1.5)
def test_what_is_exported_is_imported_the_same(
    tmp_path_factory: pytest.TempPathFactory, told: list[Offer], suffix: str
) -> None:
    """An export imported into an empty ledger is the same history, to the last field."""
    there_and_back(tmp_path_factory.mktemp("exchange") / f"ledger{suffix}", told)


MERGED: Final = [
    *(
        Offer(fact=rl.MemberJoined(member=name), at=date(2018, 1, 1), envelope={"by": "c"})
        for name in ("ana", "ben")
    ),
    Offer(fact=rl.MembersMerged(member="ana", duplicate="ben"), at=date(2018, 1, 1), envelope={"by": "c"}),
    Offer(fact=rl.ApplicationFiled(member="ana", role="mentor"), at=date(2018, 1, 1), envelope={"by": "c"}),
]


@given(told=histories())
@example(told=MERGED)
def test_merges_are_exported_and_imported_too(
    tmp_path_factory: pytest.TempPathFactory, told: list[Offer]
) -> None:
    """A history with merges, too, goes out and comes in again the same."""
    there_and_back(tmp_path_factory.mktemp("exchange") / "ledger.jsonl", told)


def test_commands_are_exported_and_stay_idempotent(ledger: rl.Ledger, tmp_path: Path) -> None:
    """A command that was exported and imported is known: recorded again, nothing is."""
    fact = rl.MemberJoined(member="ana")
    first = ledger.record(fact, by="council", command_id="c-1", occurred_at=date(2018, 1, 1))
    ledger.export(tmp_path / "out.jsonl")
    with open_ledger() as other:
        other.import_history(tmp_path / "out.jsonl")
        again = other.record(fact, by="council", command_id="c-1", occurred_at=date(2018, 1, 1))
        assert again.repeated
        assert again.id == first.id
        assert other.position == 1


def test_an_interrupted_import_is_run_again(ledger: rl.Ledger) -> None:
    """Rows that break off leave what was recorded; run again, the result is that of one run."""
    rows = everybody(2_000)

    def broken() -> Iterator[Any]:
        yield from islice(rows, 3_100)
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="network"):
        ledger.import_history(broken())
    assert 0 < ledger.position < len(rows)
    before = ledger.position
    report = ledger.import_history(rows)
    assert (report.recorded, report.known) == (len(rows) - before, before)
    with open_ledger() as once:
        once.import_history(rows)
        assert said(once) == said(ledger)


KILLED: Final = """
import sys
import reps_ledger as rl
with rl.open(sys.argv[1]) as ledger:
    ledger.import_history(sys.argv[2], on_progress=lambda rows, _: print(rows, flush=True))
"""


def test_a_killed_import_is_run_again(tmp_path: Path) -> None:
    """An import killed in the middle is simply run again, and ends as one run would."""
    source, path = tmp_path / "rows.jsonl", tmp_path / "ledger.db"
    rows = everybody(3_000)
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Program("-c", KILLED, path, source) as program:
        program.hear()
        program.hear()  # by now the first batch is written, and others are not
        program.kill()
    with rl.open(path) as ledger:
        before = ledger.position - 1  # the ledger's own declaration is the first entry
        assert 1_000 <= before < len(rows)
        assert before % 1_000 == 0, "an append of a batch is all or nothing"
        report = ledger.import_history(source)
        assert (report.recorded, report.known) == (len(rows) - before, before)
        with rl.open(None) as once:
            once.import_history(source)
            assert said(once) == said(ledger)[1:]


def test_a_row_is_known_by_its_key_and_its_id_is_random(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Nothing of a row can be read from its entry's id, and it is known again, also in a copy."""
    rows = everybody(3)
    ledger.import_history(rows)
    with open_ledger() as other:
        other.import_history(rows)
        assert said(other) == said(ledger)
        assert not {e.id for e in other.entries()} & {e.id for e in ledger.entries()}
    ledger.export(tmp_path / "out.csv")
    with open_ledger() as copy:
        copy.import_history(tmp_path / "out.csv")
        assert [e.id for e in copy.entries()] == [e.id for e in ledger.entries()]
        again = copy.import_history(rows)
        assert (again.recorded, again.known, copy.position) == (0, 6, 6)


def test_rows_of_a_ledger_of_the_first_format_are_known(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the id of an entry is a digest of its row; the rows are known by that."""
    rows = everybody(3)
    with monkeypatch.context() as before:
        before.setattr("reps_ledger.log.codec.salt", lambda data, _: data)
        with open_ledger(sqlite_path) as ledger:
            ledger.import_history([{**each, "id": row_digest(each)} for each in rows])
    with open_ledger(sqlite_path) as ledger:
        position = ledger.position
        report = ledger.import_history([*rows, row("zoe")])
        assert (report.recorded, report.known, ledger.position) == (1, 6, position + 1)
        assert [is_salted(data) for _, _, data, _ in ledger._core.log.stored()] == [False] * position + [True]


def test_a_row_may_bring_its_own_key(ledger: rl.Ledger) -> None:
    """A row with a key is known by that; one with the same key and other words is refused, and says so."""
    own = "0190a5a4-0000-7000-8000-000000000001"
    rows = [
        row("ana", row_key="sheet:7"),
        row("ana", row_key="sheet:7", by="portal"),
        row("ben", id=own),
        row("ben", id=own, row_key="sheet:8"),
        row("cleo", id=own, row_key="sheet:9"),
        row("cleo", row_key="sheet:7"),
    ]
    for _ in range(2):
        report = ledger.import_history(rows)
        assert codes(report) == [(5, ("id_taken",)), (6, ("id_taken",))]
        words = [refused.reasons for refused in report.refused]
        assert words[1] == ("the row sheet:7 exists, and says something else",)
    assert (report.recorded, report.known, ledger.position) == (0, 4, 2)
    assert [(*row_keys_in(e.tags), e.fact.member) for e in ledger.entries()] == [("sheet:7", "ana"), ("ben",)]


@pytest.mark.parametrize("key", ["", " a", "a" * 201, "\0", 7])
def test_a_key_that_is_no_name_is_refused(ledger: rl.Ledger, key: Any) -> None:
    """The key of a row is a name like others."""
    report = ledger.import_history([row("ana", row_key=key)])
    assert codes(report) == [(1, ("invalid",))]
    (refused,) = report.refused
    assert "row_key" in refused.reasons[0]


def test_the_report_counts_rows_and_says_why(ledger: rl.Ledger) -> None:
    """The report counts each row once, and lists refused ones in order with line and reasons."""
    rows = [
        row("ana"),
        row("ana"),
        row("ana", on="2018-02-01"),
        row("ben", "vouch.given", voucher="cleo"),
        {"fact": "member.joined"},
        row("ben"),
        "not a row",
    ]
    report = ledger.import_history(rows)
    assert (report.rows, report.recorded, report.known, report.joined) == (7, 2, 1, 0)
    assert report.position == ledger.position == 2
    assert codes(report) == [
        (3, ("already_joined",)),
        (4, ("not_joined", "not_joined")),
        (5, ("invalid",)),
        (7, ("invalid",)),
    ]
    third, fourth, fifth, _ = report.refused
    assert "once a member" in third.reasons[0]
    assert third.row == rows[2]
    assert [("cleo" in words, "ben" in words) for words in fourth.reasons] == [(False, True), (True, False)]
    assert fifth.reasons == ("occurred_at is missing",)
    assert report.rows == report.recorded + report.known + len(report.refused)
    assert "4 rows" in repr(report)


def test_an_id_that_says_something_else_is_refused(ledger: rl.Ledger) -> None:
    """A row under an id that another fact has, in the ledger or the file, is refused."""
    known = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    report = ledger.import_history([row("ana", id=known), row("ben", id=known)])
    assert codes(report) == [(2, ("id_taken",))]
    again = ledger.import_history([row("cleo", id=known.upper()), row("ana", id=known.upper())])
    assert codes(again) == [(1, ("id_taken",))]
    assert (again.known, ledger.position) == (1, 1)


def test_stop_leaves_nothing_behind(ledger: rl.Ledger) -> None:
    """With on_refused="stop" one refused row, however late, keeps all others out."""
    ledger.import_history([row("zoe")])
    rows = everybody(1_500)
    with pytest.raises(rl.ImportStopped, match=r"line 3001: .*nothing was imported") as stopped:
        ledger.import_history([*rows, row("p0", on="2019-01-01")], on_refused="stop")
    assert stopped.value.line == 3_001
    assert "joined on 2018-01-01" in stopped.value.reasons[0]
    assert ledger.position == 1
    with pytest.raises(rl.ImportStopped, match="line 2: "):
        ledger.import_history([row("ana"), {"fact": "x.y"}], on_refused="stop")
    assert ledger.position == 1
    report = ledger.import_history(rows, on_refused="stop")
    assert (report.recorded, ledger.position) == (3_000, 3_001)
    assert ledger.import_history(rows, on_refused="stop").known == 3_000


def test_unknown_members_join_at_first_sight(ledger: rl.Ledger) -> None:
    """With on_unknown_member="join" whom a row names has joined with it, marked as inferred."""
    rows = [
        row("ana", "role.assigned", "2018-03-01", role="mentor"),
        row("ben", "vouch.given", "2018-04-01", voucher="ana", reason="good"),
        row("ben", "role.ended", "2018-04-01", role="mentor", how="resigned"),
    ]
    report = ledger.import_history(rows, on_unknown_member="join")
    assert (report.recorded, report.joined, codes(report)) == (2, 2, [(3, ("role_not_held",))])
    joins = [e for e in ledger.history() if isinstance(e.fact, rl.MemberJoined)]
    assert [(e.fact.member, e.fact.inferred, e.day) for e in joins] == [
        ("ana", True, date(2018, 3, 1)),
        ("ben", True, date(2018, 4, 1)),
    ]
    again = ledger.import_history(rows, on_unknown_member="join")
    assert (again.recorded, again.joined, again.known, ledger.position) == (0, 0, 2, 4)


def test_nobody_is_inferred_to_join_for_a_row_that_is_refused(ledger: rl.Ledger) -> None:
    """A row that is refused for other reasons too brings nobody in."""
    rows = [
        row("ana", "role.assigned", "2018-03-01", role="m", until="2018-02-01"),
        row("ben", "vouch.given", "2018-04-01", voucher="ben"),
        row("ana", on="2018-06-01"),
        row("ana", "vouch.given", "2018-05-01", voucher="eve"),
    ]
    report = ledger.import_history(rows, on_unknown_member="join")
    assert report.recorded == 1
    assert [line for line, _ in codes(report)] == [1, 2, 4]
    assert report.joined == 0
    assert {e.fact.member for e in ledger.history()} == {"ana"}


def test_options_are_checked(ledger: rl.Ledger) -> None:
    """An unknown option is refused before a row is read."""
    with pytest.raises(rl.InvalidInput, match="quarantine, stop"):
        ledger.import_history(iter([]), on_refused="ignore")
    with pytest.raises(rl.InvalidInput, match="refuse, join"):
        ledger.import_history(iter([]), on_unknown_member="create")
    with pytest.raises(rl.InvalidInput, match="path"):
        ledger.import_history(b"rows.jsonl")


def test_progress_is_told(ledger: rl.Ledger, tmp_path: Path) -> None:
    """The rows and bytes read so far are told now and then, up to all of them."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in everybody(1_200)), encoding="utf-8")
    told: list[tuple[int, int]] = []
    ledger.import_history(path, on_progress=lambda rows, read: told.append((rows, read)))
    assert [rows for rows, _ in told] == [1_000, 2_000, 2_400]
    assert told[-1][1] == path.stat().st_size


def test_the_quarantine_holds_more_than_its_memory() -> None:
    """Many refused rows are kept in a file, gone through again and again, and written."""
    quarantine = Quarantine()
    count = _IN_MEMORY // 500
    for number in range(count):
        quarantine.add(RefusedRow(line=number, codes=("c",), reasons=("r",), row={"t": "x" * 600}))
        if number == 3:
            assert [refused.line for refused in quarantine] == [0, 1, 2, 3]
    assert len(quarantine) == count
    both = zip(quarantine, quarantine, strict=True)
    assert all(one.line == other.line == n for n, (one, other) in enumerate(both))
    written = io.BytesIO()
    quarantine.write(written)
    lines = written.getvalue().splitlines()
    assert [json.loads(line)["line"] for line in lines] == list(range(count))
    assert json.loads(lines[7]) == {"line": 7, "codes": ["c"], "reasons": ["r"], "row": {"t": "x" * 600}}


def test_an_export_replaces_the_file_at_once(ledger: rl.Ledger, tmp_path: Path) -> None:
    """An export takes the place of a file only when it is complete; a failed one leaves it."""
    path = tmp_path / "out.jsonl"
    path.write_text("what was there", encoding="utf-8")
    ledger.import_history(everybody(5))
    real = ledger._core.log.codec.registry.of

    def failing(fact: rl.Fact) -> Any:
        if isinstance(fact, rl.ReportFiled):
            raise OSError(28, "No space left on device")
        return real(fact)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger._core.log.codec.registry, "of", failing)
        with pytest.raises(rl.StorageError, match="No space left"):
            ledger.export(path, replace=True)
    assert path.read_text(encoding="utf-8") == "what was there"
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]
    assert ledger.export(path, replace=True) == 10
    assert len(path.read_text(encoding="utf-8").splitlines()) == 10
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("name", ["nowhere/out.jsonl", ".", "a\0b.csv", "n" * 300])
def test_an_export_that_cannot_be_written_is_an_error(ledger: rl.Ledger, tmp_path: Path, name: str) -> None:
    """A path that cannot be written is a StorageError that names it."""
    with pytest.raises(rl.StorageError, match="cannot be written"):
        ledger.export(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_export_as_known_at_a_position(ledger: rl.Ledger) -> None:
    """An export known at a position holds what had been recorded by then, as bytes too."""
    ledger.import_history(everybody(3))
    file = io.BytesIO()
    assert ledger.export(file, known_at=4) == 4
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [one["position"] for one in rows] == [1, 2, 3, 4]
    assert rows[3]["fact"] == "report.filed"
    assert ledger.export(io.BytesIO(), known_at=0) == 0


def test_exports_are_the_same_bytes_each_time(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Nothing in an export depends on when or where it was made."""
    ledger.import_history(everybody(3))
    for suffix in SUFFIXES:
        one, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
        ledger.export(one)
        ledger.export(other)
        assert one.read_bytes() == other.read_bytes()
    packed = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())
    assert packed == (tmp_path / "a.jsonl").read_bytes()


@given(text=texts() | st.text("'=+-@\t\ra", max_size=4))
def test_cells_are_safe_and_reversible(text: str) -> None:
    """No cell starts a formula, and each reads back as the text that it was made of."""
    cell = safe_cell(text)
    assert cell[:1] not in set("=+-@\t\r")
    assert cell_text(cell) == text


def test_no_cell_of_an_export_starts_a_formula(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Formulas in names and texts are guarded in CSV, and in CSV only."""
    formula = '=HYPERLINK("http://x")'
    ledger.record(rl.MemberJoined(member=formula, kind="+1"), by="@boss", source="-x")
    ledger.export(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert f"'{formula}" in cells
    assert all(cell[:1] not in set("=+-@\t\r") or not cell for cell in cells)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_largest_facts_survive_the_exchange(ledger: rl.Ledger, tmp_path: Path, suffix: str) -> None:
    """Facts with as much in them as their fields may hold are exported and imported again."""
    areas = tuple(f"{n:04}{'é' * 196}" for n in range(1_000))
    big: list[rl.Fact] = [
        rl.MemberJoined(member="ana"),
        rl.ReportFiled(member="ana", activity="t", areas=areas),
        rl.CharterAdopted(document='charter = "reps"\nversion = "1"\n# ' + "\\" * 98_000, version="1"),
    ]
    ledger.record_all(big, by="council", occurred_at=datetime(2018, 1, 1, tzinfo=UTC))
    ledger.export(tmp_path / f"big{suffix}")
    with open_ledger() as other:
        report = other.import_history(tmp_path / f"big{suffix}")
        assert [refused.reasons for refused in report.refused] == []
        assert said(other) == said(ledger)


def test_an_entry_of_the_largest_size_survives_the_exchange(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Whatever a ledger accepts can be exported and imported again, up to the largest entry."""
    areas = tuple(f"{n:04}{'🧭' * 196}" for n in range(1_000))
    fact = rl.ReportFiled(member="ana", activity="t", areas=areas)
    ledger.record_all([rl.MemberJoined(member="ana"), fact], by="council")
    ledger.export(tmp_path / "big.jsonl")
    with open_ledger() as other:
        report = other.import_history(tmp_path / "big.jsonl")
        assert [refused.reasons for refused in report.refused] == []
